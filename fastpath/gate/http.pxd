"""HTTP judgement: see http.pyx."""
from fastpath.gate.state cimport Gate, Turn, Verdict


cdef Verdict judge_http(Gate* g, Turn* t) noexcept nogil
