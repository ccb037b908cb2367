"""What a gate needs before its first packet: see gatememory.pyx."""
from libc.stdint cimport uint8_t, uint32_t

from fastpath.counters cimport Counters
from fastpath.gate cimport Gate
from fastpath.ja4classes cimport Ja4Classes

cdef enum:
    N_PORTS = 65536     # of `port_kinds`


cdef object open_gate(Gate* g, uint32_t n_flows, uint32_t n_windows, uint32_t share)
cdef void close_gate(Gate* g)
cdef object set_ports(Gate* g, object ports, uint8_t kind)
cdef object set_classes(Gate* g, Ja4Classes classes, Counters counters)
