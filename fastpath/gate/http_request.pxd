"""Judgement of requests: see http_request.pyx."""
from libc.stdint cimport uint8_t

from fastpath.gate.state cimport Gate, Turn, Verdict
from fastpath.wire.http1 cimport RequestHead

cdef Verdict judge_lines(Gate* g, Turn* t, const uint8_t* data, size_t n) noexcept nogil
cdef Verdict judge_head(Gate* g, Turn* t, const RequestHead* head, int counter) noexcept nogil
cdef Verdict judge_hosts(Gate* g, Turn* t, const RequestHead* head) noexcept nogil
