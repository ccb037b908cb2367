"""The OPT of our answers and of upstreams' queries: see edns.pyx."""
from libc.stdint cimport uint8_t, uint16_t

from fastpath.dns.query cimport Question

cdef enum:
    EDE_NONE = 0xffff


cdef struct OptFields:          # what an OPT says beyond the question's flags
    uint16_t rcode              # all twelve bits; the header has the lower four
    uint16_t ede                # RFC 8914 info-code; EDE_NONE for none
    uint16_t ede2               # a second one
    uint16_t text_n
    const uint8_t* text         # EXTRA-TEXT of the first one, UTF-8


cdef size_t finish_answer(uint8_t* msg, size_t n, size_t room, const Question* q, const OptFields* opt) noexcept nogil
cdef size_t strip_opt(uint8_t* msg, size_t n, OptFields* out) noexcept nogil
cdef size_t condense_query(const uint8_t* msg, size_t n, uint8_t* out) noexcept nogil
cdef size_t write_for_upstream(uint8_t* msg, size_t n, size_t room, const Question* q) noexcept nogil


cdef int parse_python_query(bytes msg, object way, Question* q) except -1
