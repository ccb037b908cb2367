"""Special-use names answered locally: local zones, canaries, resolver.arpa, safe search: see special_names.pyx."""
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from fastpath.dns.query cimport Question
from fastpath.dns.synthesis cimport BlockAnswer
from fastpath.images.verdict cimport Decision
from fastpath.wire.name cimport Name

cdef enum:
    SPECIAL_SLOTS = 1024        # a power of two
    MAX_SPECIALS = SPECIAL_SLOTS // 2 - 1       # names: half of the slots, so that a miss is seen at once
    MAX_TARGETS = 31
    TARGET_ROWS = MAX_TARGETS + 1
    SAFE_SEARCH_LEVELS = 3      # off, moderate, strict
    MAX_RESOLVERS = 8
    SPECIAL_OCTETS = 80         # of a name or a target in wire form; that of ::1 in ip6.arpa has 74
    IDENTITY_OCTETS = 64
    RESOLVER_OCTETS = 256       # of the rdata of an SVCB record


cdef enum Special:
    SPECIAL_NONE = 0            # an ordinary question, for the cache or an upstream
    SPECIAL_ANSWERED = 1        # the answer is written over the query
    SPECIAL_TARGET = 2          # look `target` up instead; wrap_target_answer() writes its answer for the client


cdef enum SpecialKind:
    SAFE_SEARCH = 0
    YOUTUBE = 1
    CANARY = 2
    EMPTY_ZONE = 3              # from here on with all names below: it is there, and has nothing in it
    ABSENT_ZONE = 4             # it does not exist
    LOCALHOST_ZONE = 5          # this machine: its loopback addresses
    OWN_ZONE = 6                # the upstreams have it for this network: not special, and private addresses are right


cdef struct SpecialTarget:
    uint8_t wire_n              # 0: an address, in `answer`
    uint8_t wire[SPECIAL_OCTETS]
    BlockAnswer answer


cdef struct SpecialName:
    uint8_t kind                # SpecialKind
    uint8_t wire_n
    uint8_t target[SAFE_SEARCH_LEVELS]      # by Decision.safe_search or .youtube: index of SpecialTarget, 0: no rewrite
    uint8_t wire[SPECIAL_OCTETS]


cdef struct Specials:           # constant once made: any number of loops may read it
    uint16_t slots[SPECIAL_SLOTS]       # by hash: 1 + index of SpecialName; 0: free
    SpecialName names[MAX_SPECIALS]
    SpecialTarget targets[TARGET_ROWS]  # 0: no target
    uint32_t n_names
    uint32_t n_targets          # 0 included
    uint32_t n_resolvers
    uint16_t resolver_n[MAX_RESOLVERS]
    uint8_t resolvers[MAX_RESOLVERS][RESOLVER_OCTETS]
    uint64_t last_labels        # _last_label_bit() of each zone: most names are in none
    uint8_t has_canaries_for_all
    uint8_t guards_private      # private addresses of names outside of own zones are refused
    uint8_t identity_n          # 0: this server does not say which one it is
    uint8_t identity[IDENTITY_OCTETS]
    BlockAnswer canary
    BlockAnswer nodata          # of safe search
    BlockAnswer no_resolver
    BlockAnswer empty
    BlockAnswer absent
    BlockAnswer localhost


# between the decision PASSTHRU and the cache.  n: octets of the query, then of the answer; 0: the room is too small
cdef Special answer_special(const Specials* s, uint8_t* msg, size_t* n, size_t room, const Question* q,
                            const Decision* d, Question* target) noexcept nogil
# a question about this server; gives the answer's octets, 0 where it is to be refused.  s: or NULL
cdef size_t answer_identity(const Specials* s, uint8_t* msg, size_t room, const Question* q) noexcept nogil
cdef void ask_target(const Question* q, Question* target) noexcept nogil
cdef bint is_own_name(const Specials* s, const Name* name) noexcept nogil


cdef class SpecialNames:
    cdef Specials s

    cdef object _add_name(self, str host, uint8_t kind, uint8_t moderate, uint8_t strict)
    cdef object _add_target(self, str target)
    cdef object _add_resolver(self, bytes rdata)
