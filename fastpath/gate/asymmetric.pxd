"""Judgement with asymmetric routing: see asymmetric.pyx."""
from libc.stdint cimport uint8_t, uint32_t

from fastpath.gate.state cimport Gate


cdef uint32_t judge_asymmetric(Gate* g, const uint8_t* packet, size_t n, uint32_t mark, bint is_summed) noexcept nogil
