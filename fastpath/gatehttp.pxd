"""HTTP in the gate: see gatehttp.pyx."""
from libc.stdint cimport uint8_t

from fastpath.gate cimport Gate, Turn


cdef uint8_t judge_http(Gate* g, Turn* t) noexcept nogil
