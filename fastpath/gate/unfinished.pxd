"""Memory of connections left with unjudged octets: see unfinished.pyx."""
from libc.stdint cimport int64_t, uint8_t, uint64_t

cdef enum:
    # Servers wait up to two minutes for the rest of a head (nginx, Apache, IIS), some longer.  An honest client that
    # uses the same port to the same server again within it is refused.
    KEPT_S = 3600


cdef enum Recollection:
    UNKNOWN = 0
    KEPT = 1
    LOST = 2                # it was kept for too long, and is removed now


cdef struct Unfinished:
    uint64_t* words         # WAYS for each set
    uint64_t set_mask
    uint64_t key[2]         # of the hashes by which connections are known


cdef object open_unfinished(Unfinished* u, uint8_t[::1] memory)
cdef bint remember(Unfinished* u, uint64_t connection, int64_t now_s) noexcept nogil
cdef void forget(Unfinished* u, uint64_t connection) noexcept nogil
cdef Recollection recall(Unfinished* u, uint64_t connection, int64_t now_s) noexcept nogil
