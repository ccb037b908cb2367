"""Memory of connections that a server may not have finished: see unfinished.pyx."""
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

cdef enum:
    # Servers wait up to two minutes for the rest of a head (nginx, Apache, IIS), some longer.
    KEPT_S = 3600
    WAYS = 8                # their words are a cache line
    MOST_RANGES = 3


cdef enum Recollection:     # of a connection; of two, the memory forgets the lower one first
    UNKNOWN = 0
    BEGUN = 1               # a SYN has come
    JUDGED = 2              # all octets that were forwarded are judged; nothing proves that its server has them
    LEFT_UNJUDGED = 3       # octets were forwarded that are not judged
    EXPIRED = 4             # it was left unjudged and kept for too long; it is removed now


cdef struct Range:          # sequence numbers from `begin` to `begin + n`, with both
    uint32_t begin
    uint32_t n


cdef struct Set:
    uint64_t words[WAYS]
    Range ranges[WAYS][MOST_RANGES]     # of the streams of a connection of TCP, the newest first


cdef struct Unfinished:
    Set* sets
    uint64_t set_mask
    uint64_t key[2]         # of the hashes by which connections are known


cdef object open_unfinished(Unfinished* u, uint8_t[::1] memory)
cdef bint remember(Unfinished* u, uint64_t connection, Recollection what, int64_t now_s) noexcept nogil
cdef void forget(Unfinished* u, uint64_t connection) noexcept nogil
cdef Recollection recall(Unfinished* u, uint64_t connection, int64_t now_s) noexcept nogil
cdef bint begin_range(Unfinished* u, uint64_t connection, uint32_t seq, int64_t now_s) noexcept nogil
cdef bint extend_range(Unfinished* u, uint64_t connection, uint32_t seq, uint32_t n, Recollection what,
                       int64_t now_s) noexcept nogil
cdef bint is_in_earlier_range(const Unfinished* u, uint64_t connection, uint32_t seq, uint32_t n) noexcept nogil
