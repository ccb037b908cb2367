"""A client's question for an upstream, and an upstream's answer for a client: see rewrite.pyx."""
from libc.stdint cimport uint8_t

from fastpath.dns.query cimport Question


cdef bint is_answer_to(const Question* q, const uint8_t* msg, size_t n) noexcept nogil
cdef size_t write_query(const Question* q, uint8_t* out) noexcept nogil
cdef size_t write_probe(uint8_t* out) noexcept nogil
cdef size_t write_relayed(const uint8_t* answer, size_t n, uint8_t* msg, size_t room, const Question* q) noexcept nogil
cdef size_t truncate_answer(uint8_t* answer, size_t after) noexcept nogil
