"""Setup of a gate: its memory, taken once, its ports and its classes; the same for a queue, a tap and a capture.

Invariants: a gate that open_gate() refused can be closed like any other.
"""
import os

from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from fastpath.base.cursor cimport OK
from fastpath.gate.flow cimport close_flows, open_flows
from fastpath.gate.state cimport OUTBOX_ROOM, PAGE_OCTETS, PORT_HTTP, PORT_TLS, Gate
from fastpath.report.hello_classes cimport Ja4Classes
from fastpath.report.spool cimport Reporter, Shared
from fastpath.wire.quic_initial cimport close_crypto, open_crypto
from fastpath.wire.tls cimport HELLO_OCTETS

from fastpath.report.hello_classes import OTHER as _OTHER

cdef enum:
    LARGE_ONES = 128            # one further window of 96 KiB for this many of 4 KiB
    HUGE_ONES = 2048            # one of 4 MiB, and as much for its gaps
    N_PORTS = 65536             # of `port_kinds`


cdef object open_gate(Gate* g, Shared* shared, Limits limits):
    """Take the memory of a gate.   g: all zero.   Raises MemoryError."""
    cdef uint32_t n_large = max(2, limits.n_windows // LARGE_ONES)
    cdef uint32_t n_huge = max(2, limits.n_windows // HUGE_ONES)
    cdef bytes key = os.urandom(16)
    g.shared = shared
    g.initials_a_second = limits.initials_a_second
    g.out.room = 4 * OUTBOX_ROOM
    g.out.at = <uint8_t*>calloc(1, g.out.room)
    g.port_kinds = <uint8_t*>calloc(1, N_PORTS)
    g.scratch = <uint8_t*>calloc(1, HELLO_OCTETS)
    g.page = <uint8_t*>calloc(1, PAGE_OCTETS)
    if (g.out.at == NULL or g.port_kinds == NULL or g.scratch == NULL or g.page == NULL or limits.n_flows < 1
            or open_crypto(&g.crypto) != OK
            or open_flows(&g.flows, limits.n_flows, limits.n_windows, n_large, n_huge, limits.share,
                          key) != 0):
        raise MemoryError(f"gate: no memory for {limits.n_flows} flows and {limits.n_windows} windows; not started; "
                          "set fewer")


cdef object open_worker_gate(Gate* g, Reporter reporter, Limits limits, object tls_ports, object http_ports,
                             uint8_t closed, uint8_t is_h2c_let, Ja4Classes ja4_classes):
    """Take the memory of a worker's gate and set it up as configured.   Raises MemoryError, ValueError.

    reporter, ja4_classes   the gate's owner keeps them alive;  ja4_classes None: hellos are not counted by class"""
    open_gate(g, &reporter.shared, limits)
    g.closed = closed
    g.is_h2c_let = is_h2c_let
    set_ports(g, tls_ports, http_ports, 0)
    reporter.counters.name_classes(() if ja4_classes is None else (_OTHER, *ja4_classes.names))
    g.classes = NULL if ja4_classes is None else &ja4_classes.table


cdef void close_gate(Gate* g):
    close_flows(&g.flows)
    close_crypto(&g.crypto)
    free(g.out.at)
    free(g.port_kinds)
    free(g.scratch)
    free(g.page)


cdef object set_ports(Gate* g, object tls_ports, object http_ports, uint8_t by_content):
    """Inspect these ports.   by_content: PORT_BY_CONTENT to inspect every other port too, or 0"""
    memset(g.port_kinds, by_content, N_PORTS)
    for port in tls_ports:
        g.port_kinds[<uint16_t>port] = by_content | PORT_TLS
    for port in http_ports:
        g.port_kinds[<uint16_t>port] = by_content | PORT_HTTP
