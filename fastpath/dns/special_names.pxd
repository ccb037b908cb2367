"""Special-use names answered locally: canary domains, resolver.arpa, safe search: see special_names.pyx."""
from libc.stdint cimport uint8_t, uint16_t, uint32_t

from fastpath.dns.query cimport Question
from fastpath.dns.synthesis cimport BlockAnswer
from fastpath.images.verdict cimport Decision

cdef enum:
    SPECIAL_SLOTS = 1024        # a power of two
    MAX_SPECIALS = SPECIAL_SLOTS // 2 - 1       # names: half of the slots, so that a miss is seen at once
    MAX_TARGETS = 31
    TARGET_ROWS = MAX_TARGETS + 1
    SAFE_SEARCH_LEVELS = 3      # off, moderate, strict
    MAX_RESOLVERS = 8
    SPECIAL_OCTETS = 64         # of a name or a target in wire form
    RESOLVER_OCTETS = 256       # of the rdata of an SVCB record


cdef enum Special:
    SPECIAL_NONE = 0            # an ordinary question, for the cache or an upstream
    SPECIAL_ANSWERED = 1        # the answer is written over the query
    SPECIAL_TARGET = 2          # look `target` up instead; wrap_target_answer() writes its answer for the client


cdef struct SpecialTarget:
    uint8_t wire_n              # 0: an address, in `answer`
    uint8_t wire[SPECIAL_OCTETS]
    BlockAnswer answer


cdef struct SpecialName:
    uint8_t is_canary           # else of safe search
    uint8_t wire_n
    uint8_t target[SAFE_SEARCH_LEVELS]      # by Decision.safe_search: index of SpecialTarget, 0: no rewrite
    uint8_t wire[SPECIAL_OCTETS]


cdef struct Specials:           # constant once made: any number of loops may read it
    uint16_t slots[SPECIAL_SLOTS]       # by hash: 1 + index of SpecialName; 0: free
    SpecialName names[MAX_SPECIALS]
    SpecialTarget targets[TARGET_ROWS]  # 0 is none
    uint32_t n_names
    uint32_t n_targets          # 0 included
    uint32_t n_resolvers
    uint16_t resolver_n[MAX_RESOLVERS]
    uint8_t resolvers[MAX_RESOLVERS][RESOLVER_OCTETS]
    BlockAnswer canary
    BlockAnswer nodata          # of safe search
    BlockAnswer no_resolver


# between the decision PASSTHRU and the cache.  n: octets of the query, then of the answer; 0: the room is too small
cdef Special answer_special(const Specials* s, uint8_t* msg, size_t* n, size_t room, const Question* q,
                            const Decision* d, Question* target) noexcept nogil


cdef class SpecialNames:
    cdef Specials s

    cdef object _add_name(self, str host, bint is_canary, uint8_t moderate, uint8_t strict)
    cdef object _add_target(self, str target)
    cdef object _add_resolver(self, bytes rdata)
