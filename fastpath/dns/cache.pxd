"""The cache of upstream answers: see cache.pyx."""
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from fastpath.dns.query cimport Question
from fastpath.dns.ttl cimport MOST_PLACES

cdef enum:
    CACHE_LEAST = 1 << 20       # octets: fewer do not hold some of the largest answers


cdef enum Cached:
    CACHE_NONE = 0          # ask the upstream
    CACHE_FRESH = 1         # deliver, ask no upstream
    CACHE_PREFETCH = 2      # deliver, and ask the upstream too: it is popular and expires soon; given once an answer
    CACHE_STALE = 3         # ask the upstream; deliver this where it fails (RFC 8767)


cdef struct Entry:              # of the log: this, the message, padding to 2, the offsets of its TTLs, padding to 8
    uint64_t hash
    uint32_t octets             # of all of it
    uint32_t put_s
    uint32_t lives_s
    uint32_t no_retry_until_s   # the upstream has just failed: it is not asked before then
    uint16_t message_n
    uint16_t n_places
    uint8_t is_live             # the index points here
    uint8_t is_hit              # since it was put, and since the log's end last passed it
    uint8_t is_prefetched
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
    uint64_t n_evicted          # answers that were fresh; only rises
    uint16_t places[MOST_PLACES]       # of the answer being put


cdef int open_cache(Cache* c, size_t octets) noexcept nogil
cdef void close_cache(Cache* c) noexcept nogil
# for batches: prefetch_index() of all, prefetch_entry() of all, then find_answer() of each
cdef void prefetch_index(const Cache* c, uint64_t question_hash) noexcept nogil
cdef void prefetch_entry(const Cache* c, uint64_t question_hash) noexcept nogil
cdef Cached find_answer(Cache* c, const Question* q, uint64_t question_hash, uint32_t now_s,
                        const uint8_t** answer, size_t* n) noexcept nogil
# `room` excludes the OPT that the caller appends; ARCOUNT does not count that OPT yet
cdef size_t write_cached(const uint8_t* answer, size_t n, uint8_t* msg, size_t room, const Question* q,
                         uint32_t now_s) noexcept nogil
cdef bint put_answer(Cache* c, const Question* q, uint64_t question_hash, const uint8_t* msg, size_t n,
                     uint32_t now_s) noexcept nogil
# the upstream gave no answer at all: a stale one is CACHE_FRESH for the next 30 s
cdef void note_failure(Cache* c, const Question* q, uint64_t question_hash, uint32_t now_s) noexcept nogil
