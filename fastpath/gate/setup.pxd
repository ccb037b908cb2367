"""What a gate needs before its first packet: see setup.pyx."""
from libc.stdint cimport uint8_t, uint32_t

from fastpath.gate.state cimport Gate
from fastpath.report.counters cimport Counters
from fastpath.report.hello_classes cimport Ja4Classes

cdef enum:
    N_PORTS = 65536     # of `port_kinds`


cdef object open_gate(Gate* g, uint32_t n_flows, uint32_t n_windows, uint32_t share)
cdef void close_gate(Gate* g)
cdef object set_ports(Gate* g, object ports, uint8_t kind)
cdef object set_classes(Gate* g, Ja4Classes classes, Counters counters)
