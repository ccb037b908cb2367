"""One query in, one answer out, whatever carried it: see answering.pyx."""
from libc.stdint cimport uint8_t, uint16_t, uint64_t

from fastpath.blocking cimport Answering, Asker, Outcome
from fastpath.names cimport Hits
from fastpath.question cimport Question


cdef struct Wanted:             # of the upstream, for a query that it has to answer
    uint64_t key                # hash_query() of `question`
    const Question* question    # the client's, or `target`
    Question target
    uint16_t after              # where the client's own question ends
    uint8_t is_due              # there is an answer, and the upstream is to be asked for the next one


cdef Outcome read_query(Answering* a, uint8_t* msg, size_t* n, size_t room, Asker* who, Question* q) noexcept nogil
cdef Outcome answer_read(Answering* a, uint8_t* msg, size_t* n, size_t room, const Asker* who, const Question* q,
                         const Hits* hits, uint64_t key, Wanted* out) noexcept nogil
cdef Outcome answer_query(Answering* a, uint8_t* msg, size_t* n, size_t room, Asker* who, Question* q,
                          Wanted* out) noexcept nogil
cdef bint read_again(Answering* a, uint8_t* msg, size_t n, Asker* who, Question* q) noexcept nogil
