"""Judgement of requests: see http_request.pyx."""
from libc.stdint cimport uint8_t, uint32_t

from fastpath.gate.flow cimport Flow
from fastpath.gate.state cimport Gate, Turn, Verdict
from fastpath.wire.http1 cimport RequestHead

cdef void earn_readings(Flow* f, size_t n) noexcept nogil
cdef bint pay_reading(uint32_t* credit, size_t n) noexcept nogil
cdef Verdict by_policy(Gate* g, Turn* t, Verdict verdict) noexcept nogil
cdef Verdict judge_lines(Gate* g, Turn* t, const uint8_t* data, size_t n) noexcept nogil
cdef Verdict judge_head(Gate* g, Turn* t, const RequestHead* head, int counter) noexcept nogil
cdef Verdict judge_hosts(Gate* g, Turn* t, const RequestHead* head) noexcept nogil
cdef Verdict judge_beginning(Gate* g, Turn* t, const RequestHead* head, const uint8_t* data) noexcept nogil
cdef uint32_t whole_lines(const uint8_t* data, uint32_t n) noexcept nogil
