"""TLS in the gate: see tls.pyx."""
from libc.stdint cimport uint8_t

from fastpath.gate.state cimport Gate, Turn


cdef uint8_t judge_tls(Gate* g, Turn* t) noexcept nogil
