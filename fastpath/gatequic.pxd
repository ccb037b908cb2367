"""QUIC in the gate: see gatequic.pyx."""
from libc.stdint cimport uint8_t

from fastpath.gate cimport Gate, Turn


cdef uint8_t judge_datagram(Gate* g, Turn* t) noexcept nogil
