"""TLS in the gate: see gatetls.pyx."""
from libc.stdint cimport uint8_t

from fastpath.gate cimport Gate, Turn


cdef uint8_t judge_tls(Gate* g, Turn* t) noexcept nogil
