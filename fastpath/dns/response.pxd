"""An upstream's answer, fresh or kept, on its way to a client: see response.pyx."""
from libc.stdint cimport uint8_t, uint64_t

from fastpath.dns.cache cimport Cache, Cached
from fastpath.dns.edns cimport Extended
from fastpath.dns.query cimport Question
from fastpath.dns.state cimport Answering, Asker, Outcome


cdef struct Found:              # an answer, for whoever asked
    const uint8_t* msg          # without OPT; of the cache: valid until the next one is kept
    size_t n
    uint64_t key                # hash_query() of what it answers
    uint8_t is_kept             # of the cache: its TTLs run
    uint8_t is_stale
    Extended x                  # what the upstream's OPT said


cdef Cache* take_cache(Cache* c, size_t octets) except? NULL
cdef Cached look_up(Answering* a, const Question* q, uint64_t key, Found* out) noexcept nogil
cdef size_t take_in(Answering* a, const Question* q, uint64_t key, uint8_t* msg, size_t n, Found* out) noexcept nogil
cdef bint fall_back(Answering* a, const Question* q, uint64_t key, Found* out) noexcept nogil
cdef Outcome deliver(Answering* a, uint8_t* msg, size_t* n, size_t room, const Asker* who, const Question* q,
                     const Found* f) noexcept nogil
