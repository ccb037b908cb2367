"""One query up to its answer or to the upstream, over any transport: see query_path.pyx."""
from libc.stdint cimport uint8_t, uint64_t

from fastpath.dns.query cimport Question
from fastpath.dns.state cimport Client, Outcome, Resolver, UpstreamQuery
from fastpath.images.names cimport Hits
from fastpath.images.verdict cimport Decision

cdef Outcome read_query(Resolver* r, uint8_t* msg, size_t* n, size_t room, Client* client, Question* q) noexcept nogil
cdef Outcome decide_query(Resolver* r, uint8_t* msg, size_t* n, size_t room, const Client* client, const Question* q,
                          const Hits* hits, uint64_t key, UpstreamQuery* out) noexcept nogil
cdef Outcome answer_query(Resolver* r, uint8_t* msg, size_t* n, size_t room, Client* client, Question* q,
                          UpstreamQuery* out) noexcept nogil
cdef bint reread_query(Resolver* r, uint8_t* msg, size_t n, Client* client, Question* q) noexcept nogil
cdef void choose_policy_client(const Resolver* r, const uint8_t* msg, Client* client, const Question* q) noexcept nogil
cdef bint answer_special_name(Resolver* r, uint8_t* msg, size_t* n, size_t room, const Question* q, const Decision* d,
                              UpstreamQuery* out) noexcept nogil
