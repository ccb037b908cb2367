"""The cache of upstreams' answers: see cache.pyx."""
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from fastpath.dns.query cimport Question
from fastpath.dns.ttl cimport MOST_PLACES

cdef enum:
    CACHE_LEAST = 1 << 20       # octets: fewer do not hold some of the largest answers


cdef enum Cached:
    CACHE_NONE = 0      # ask the upstream
    CACHE_FRESH = 1     # deliver, ask nobody
    CACHE_DUE = 2       # deliver, and ask the upstream too: it is liked and will soon expire; said once an answer
    CACHE_STALE = 3     # ask the upstream; deliver this where it fails (RFC 8767)


cdef struct Entry:              # of the log: this, the message, zeros up to 2, the places of its TTLs, zeros up to 8
    uint64_t hash
    uint32_t octets             # of all of it
    uint32_t put_s
    uint32_t lives_s
    uint32_t quiet_until_s      # the upstream failed just now: not to be asked before then
    uint16_t message_n
    uint16_t n_places
    uint8_t is_live             # the index leads here
    uint8_t is_asked            # hit since it was put, and since the log's end came by
    uint8_t is_due_said
    uint8_t do_cd


cdef struct Cache:
    uint64_t* index             # high half of the hash, place in the log / 8 + 1; 0: free
    uint8_t* log                # behind the index, in the same memory
    uint32_t index_mask
    uint32_t n                  # answers
    size_t log_octets
    size_t oldest               # where in the log the oldest entry begins
    size_t next                 # where the next one will
    size_t end                  # where the log goes on in front, while it is wrapped
    bint is_wrapped             # entries lie from oldest to end and from 0 to next; else from oldest to next
    uint64_t n_evicted          # answers that were fresh and had to go; only rises
    uint16_t places[MOST_PLACES]       # of the answer being put


cdef int open_cache(Cache* c, size_t octets) noexcept nogil
cdef void close_cache(Cache* c) noexcept nogil
# for batches: the index of all of them, then the entries, then find_answer() of each
cdef void prefetch_index(const Cache* c, uint64_t question_hash) noexcept nogil
cdef void prefetch_entry(const Cache* c, uint64_t question_hash) noexcept nogil
cdef Cached find_answer(Cache* c, const Question* q, uint64_t question_hash, uint32_t now_s,
                        const uint8_t** answer, size_t* n) noexcept nogil
# `room` is what is left for it beside the caller's own OPT, which the caller appends (ARCOUNT is right without it)
cdef size_t write_cached(const uint8_t* answer, size_t n, uint8_t* msg, size_t room, const Question* q,
                         uint32_t now_s) noexcept nogil
cdef bint put_answer(Cache* c, const Question* q, uint64_t question_hash, const uint8_t* msg, size_t n,
                     uint32_t now_s) noexcept nogil
# the upstream gave no answer at all: a stale one, if there is one, is CACHE_FRESH for the next 30 s
cdef void note_failure(Cache* c, const Question* q, uint64_t question_hash, uint32_t now_s) noexcept nogil


cdef class AnswerCache:
    cdef Cache cache
    cdef uint64_t[2] key
    cdef uint64_t read(self, bytes query, Question* q) except? 0
