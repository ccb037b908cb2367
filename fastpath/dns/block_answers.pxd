"""The answer table for blocked queries: see block_answers.pyx."""
from libc.stdint cimport uint8_t

from fastpath.dns.admission cimport ClientGuard
from fastpath.dns.query cimport Question
from fastpath.dns.special_names cimport SpecialNames
from fastpath.dns.state cimport Outcome, Resolver
from fastpath.images.verdict cimport Decision
from fastpath.wire.name cimport Name

cdef object open_resolver(Resolver* r, object specs, Outcome for_tcp_only, ClientGuard guard, ClientGuard forwarders,
                          SpecialNames specials, bytes cookie_master)
cdef bint is_for_upstream(const Resolver* r, const Decision* d) noexcept nogil
cdef bint find_target(const Resolver* r, const Question* q, const Decision* d, Question* target) noexcept nogil
cdef void note_blocked(Resolver* r, const Name* blocked, const Decision* d) noexcept nogil
cdef Outcome block(Resolver* r, uint8_t* msg, size_t* n, size_t room, const Question* q, const Name* blocked,
                   Decision* d) noexcept nogil
