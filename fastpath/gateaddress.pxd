"""Destinations in the gate: see gateaddress.pyx."""
from libc.stdint cimport uint8_t

from fastpath.gate cimport Gate, Turn


cdef uint8_t judge_address(Gate* g, Turn* t) noexcept nogil
