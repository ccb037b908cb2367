"""Destinations in the gate: see destination.pyx."""
from libc.stdint cimport uint8_t

from fastpath.gate.state cimport Gate, Turn


cdef uint8_t judge_address(Gate* g, Turn* t) noexcept nogil
