"""What a loop answers with, and its answers to what is blocked: see blocking.pyx."""
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from fastpath.cache cimport Cache
from fastpath.cookies cimport Cookies
from fastpath.dnsmsg cimport BlockAnswer
from fastpath.guard cimport ClientGuard, Guard
from fastpath.name cimport Name
from fastpath.question cimport Question
from fastpath.special cimport SpecialNames, Specials
from fastpath.spool cimport Shared
from fastpath.tables cimport Tables
from fastpath.verdict cimport Decision

cdef enum:
    N_REASONS = 8
    N_ACTIONS = 8
    TEXT_OCTETS = 512           # of EXTRA-TEXT: an answer with it still fits the 1,232 octets of EDNS


cdef enum Outcome:
    ANSWER = 0      # the message is now the answer
    FORWARD = 1     # the message is untouched: the upstream's to answer
    SAY_NOTHING = 2


cdef struct AnswerCell:
    Outcome outcome
    BlockAnswer answer
    uint8_t text[512]           # what `answer` points at


cdef struct Answering:          # of one loop, or of the streams beside it
    Shared* shared
    const Tables* tables        # NULL: none yet, everything is forwarded
    Guard* guard                # NULL: everybody may ask
    Guard* forwarders           # believed when they name a device; NULL: nobody is
    Cache* cache                # NULL: none
    int64_t now_s               # unix
    int64_t now_ns              # unix
    int64_t monotonic_ns
    uint32_t cache_s            # by a clock of the cache's own, which nobody sets
    const Specials* specials    # NULL: none
    uint64_t question_key[2]    # of hash_query()
    Cookies cookies
    uint8_t has_cookies
    uint8_t is_stream           # what the client says of datagrams does not bound its answers
    uint8_t is_encrypted        # the stream of this query is: its answer is padded where the query was
    uint8_t is_nobody_up        # of the upstreams: what is stale is given at once
    AnswerCell cells[8][8]      # [reason][action]


cdef struct Asker:              # who asks
    const uint8_t* addr         # 4 or 16 octets by ip_version
    uint8_t ip_version
    uint8_t is_proven           # its cookie was good, or it has a connection
    uint8_t judged_version      # whose policy counts: the same, or a device's that a forwarder names
    uint8_t judged[16]


cdef object open_answering(Answering* a, object specs, Outcome for_tcp_only, ClientGuard guard, ClientGuard forwarders,
                           SpecialNames specials, bytes cookie_master)
cdef Outcome block(Answering* a, uint8_t* msg, size_t* n, size_t room, const Question* q, const Name* culprit,
                   Decision* d) noexcept nogil
