"""HTTP in the gate: see http.pyx."""
from libc.stdint cimport uint8_t

from fastpath.gate.state cimport Gate, Turn


cdef uint8_t judge_http(Gate* g, Turn* t) noexcept nogil
