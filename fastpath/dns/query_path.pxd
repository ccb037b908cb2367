"""One query in, one answer out, over any transport: see query_path.pyx."""
from libc.stdint cimport uint8_t, uint64_t

from fastpath.dns.query cimport Question
from fastpath.dns.state cimport Answering, Asker, Outcome, Wanted
from fastpath.images.names cimport Hits

cdef Outcome read_query(Answering* a, uint8_t* msg, size_t* n, size_t room, Asker* who, Question* q) noexcept nogil
cdef Outcome answer_read(Answering* a, uint8_t* msg, size_t* n, size_t room, const Asker* who, const Question* q,
                         const Hits* hits, uint64_t key, Wanted* out) noexcept nogil
cdef Outcome answer_query(Answering* a, uint8_t* msg, size_t* n, size_t room, Asker* who, Question* q,
                          Wanted* out) noexcept nogil
cdef bint read_again(Answering* a, uint8_t* msg, size_t n, Asker* who, Question* q) noexcept nogil
