"""Octets of HTTP in a flow's window: see http_window.pyx."""
from libc.stdint cimport int64_t, uint8_t

from fastpath.gate.state cimport Gate, Turn, Verdict


cdef Verdict store_octets(Gate* g, Turn* t, int64_t at, const uint8_t* data, size_t n, size_t* taken) noexcept nogil
cdef void end_window(Gate* g, Turn* t) noexcept nogil
