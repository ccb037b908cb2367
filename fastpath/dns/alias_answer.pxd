"""Answers to a target that was looked up instead of the name asked: see alias_answer.pyx."""
from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.string cimport memcmp

from fastpath.base.writer cimport Writer
from fastpath.dns.query cimport Question
from fastpath.dns.wire cimport HEADER_OCTETS


cdef inline bint has_name_asked(const uint8_t* answer, size_t n, const Question* q) noexcept nogil:
    """Whether the name asked, in lower case, is that of an answer's question octet for octet: nearly always."""
    return n >= <size_t>HEADER_OCTETS + q.name.n and memcmp(answer + HEADER_OCTETS, q.name.wire, q.name.n) == 0


# whether this answer, by its question, has to be wrapped for a client that asked `q`
cdef bint is_of_target(const uint8_t* answer, size_t n, const Question* q) noexcept nogil
# over the client's query at `msg`, without OPT, as write_relayed() and write_cached(); 0: `answer` cannot be read
cdef size_t wrap_target_answer(const uint8_t* answer, size_t n, uint8_t* msg, size_t room,
                               const Question* q) noexcept nogil
cdef bint is_copied(uint16_t kind) noexcept nogil
cdef void begin_answer(Writer* w, uint8_t* msg, size_t room, const Question* q, uint8_t rcode) noexcept nogil
cdef size_t end_answer(const Writer* w, uint8_t* msg, const Question* q) noexcept nogil
cdef void put_owned(Writer* w, uint16_t kind, uint32_t ttl_s, uint16_t n) noexcept nogil
