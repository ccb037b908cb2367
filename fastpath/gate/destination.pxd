"""Destination judgement: see destination.pyx."""
from fastpath.gate.state cimport Gate, Turn, Verdict


cdef Verdict judge_address(Gate* g, Turn* t) noexcept nogil
cdef Verdict judge_source(Gate* g, Turn* t) noexcept nogil
