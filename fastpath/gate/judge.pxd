"""Judgement of one client packet: see judge.pyx."""
from libc.stdint cimport uint8_t, uint32_t

from fastpath.gate.flow cimport Flow
from fastpath.gate.state cimport Gate

cdef void count_evicted(Gate* g) noexcept nogil
cdef uint32_t mark_of(const Flow* f) noexcept nogil
cdef uint32_t judge_packet(Gate* g, const uint8_t* packet, size_t n, uint32_t mark) noexcept nogil
