"""Passive judgement of packets: see passive.pyx."""
from libc.stdint cimport uint8_t, uint32_t

from fastpath.gate.state cimport Gate


cdef uint32_t watch_packet(Gate* g, const uint8_t* packet, size_t n, bint is_summed, bint is_reset) noexcept nogil
