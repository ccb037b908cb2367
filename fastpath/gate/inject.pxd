"""Injected packets: see inject.pyx."""
from fastpath.gate.state cimport Gate, Turn, Verdict
from fastpath.images.verdict cimport Decision


cdef Verdict without_h2c(Gate* g, Turn* t, Verdict verdict) noexcept nogil
cdef Verdict answer(Gate* g, Turn* t, const Decision* d) noexcept nogil
cdef void reset_server(Gate* g, Turn* t) noexcept nogil
