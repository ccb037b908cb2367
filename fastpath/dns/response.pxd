"""An upstream's answer, new or cached, on its way to a client: see response.pyx."""
from libc.stdint cimport uint8_t, uint64_t

from fastpath.dns.cache cimport Cache, Cached
from fastpath.dns.edns cimport OptFields
from fastpath.dns.query cimport Question
from fastpath.dns.state cimport Client, Outcome, Resolver


cdef struct Response:           # an answer, before it is written for one client
    const uint8_t* msg          # without OPT; of the cache: valid until the next put_answer()
    size_t n
    uint64_t key                # hash_query() of the question that it answers
    uint8_t is_cached           # its TTLs count down
    uint8_t is_stale
    OptFields opt               # what the upstream's OPT said


cdef Cache* open_answer_cache(Cache* c, size_t octets) except? NULL
cdef Cached look_up_cached(Resolver* r, const Question* q, uint64_t key, Response* out) noexcept nogil
cdef size_t accept_answer(Resolver* r, const Question* q, uint64_t key, uint8_t* msg, size_t n,
                          Response* out) noexcept nogil
cdef bint find_stale_answer(Resolver* r, const Question* q, uint64_t key, Response* out) noexcept nogil
cdef Outcome deliver(Resolver* r, uint8_t* msg, size_t* n, size_t room, const Client* client, const Question* q,
                     const Response* resp) noexcept nogil
cdef Outcome deliver_late(Resolver* r, uint8_t* msg, size_t* n, size_t room, const Client* client, const Question* q,
                          const Response* resp) noexcept nogil
