"""The memory of a gate, taken once, and which ports it looks at: the same for a queue, a tap and a capture.

Invariant: a gate that open_gate() refused can be closed like any other.
"""
import os

from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.stdlib cimport calloc, free

from fastpath.base.cursor cimport OK
from fastpath.gate.flow cimport close_flows, open_flows
from fastpath.gate.state cimport OUTBOX_ROOM, PAGE_OCTETS, Gate
from fastpath.report.counters cimport Counters
from fastpath.report.hello_classes cimport Ja4Classes
from fastpath.wire.quic_initial cimport close_crypto, open_crypto
from fastpath.wire.tls cimport HELLO_OCTETS

from fastpath.report.hello_classes import OTHER as _OTHER

cdef enum:
    LARGE_ONES = 128            # of so many windows one may be of 96 KiB besides


cdef object open_gate(Gate* g, uint32_t n_flows, uint32_t n_windows, uint32_t share):
    """g   all zero;  n_flows  of 248 octets, n_windows of 4 KiB, all touched only as they are used
    share  windows that one client's address may hold.   Raises MemoryError."""
    g.out.room = 4 * OUTBOX_ROOM
    g.out.at = <uint8_t*>calloc(1, g.out.room)
    g.port_kinds = <uint8_t*>calloc(1, N_PORTS)
    g.scratch = <uint8_t*>calloc(1, HELLO_OCTETS)
    g.page = <uint8_t*>calloc(1, PAGE_OCTETS)
    if (g.out.at == NULL or g.port_kinds == NULL or g.scratch == NULL or g.page == NULL or n_flows < 1
            or open_crypto(&g.crypto) != OK
            or open_flows(&g.flows, n_flows, n_windows, max(2, n_windows // LARGE_ONES), share,
                          int.from_bytes(os.urandom(8), "little")) != 0):
        raise MemoryError(f"gate: no memory for {n_flows} flows and {n_windows} windows; not started; set fewer")


cdef void close_gate(Gate* g):
    close_flows(&g.flows)
    close_crypto(&g.crypto)
    free(g.out.at)
    free(g.port_kinds)
    free(g.scratch)
    free(g.page)


cdef object set_ports(Gate* g, object ports, uint8_t kind):
    """kind   PortKind"""
    for port in ports:
        g.port_kinds[<uint16_t>port] = kind


cdef object set_classes(Gate* g, Ja4Classes classes, Counters counters):
    """Count hellos by class.   classes  None: they are not; else whoever holds the gate holds them, too"""
    counters.name_classes(() if classes is None else (_OTHER, *classes.names))
    g.classes = NULL if classes is None else &classes.table
