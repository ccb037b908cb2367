"""QUIC judgement: see quic.pyx."""
from fastpath.gate.state cimport Gate, Turn, Verdict


cdef Verdict judge_datagram(Gate* g, Turn* t) noexcept nogil
