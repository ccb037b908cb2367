"""QUIC in the gate: see quic.pyx."""
from libc.stdint cimport uint8_t

from fastpath.gate.state cimport Gate, Turn


cdef uint8_t judge_datagram(Gate* g, Turn* t) noexcept nogil
