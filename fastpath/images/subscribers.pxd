"""Address to subscriber, C interface: see subscribers.pyx."""
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from fastpath.images.layout cimport PEOPLE_LEVELS, Range4, Range6


cdef enum:
    SESSION_LEVELS = 3      # young, delta, base of the sessions, below those of the lines
    SUBSCRIBER_LEVELS = PEOPLE_LEVELS + SESSION_LEVELS


cdef struct SubscribersView:
    const Range4* ranges4
    uint32_t n_ranges4
    const Range6* ranges6
    uint32_t n_ranges6


cdef struct Run:            # addresses in a row that have one holder
    uint32_t subscriber     # NO_SUBSCRIBER: no one
    uint64_t last_hi        # of the last address; 0 for IPv4
    uint64_t last_lo


cdef const char* subscribers_fault(const SubscribersView* v) noexcept nogil
cdef uint32_t find_subscriber(const SubscribersView* levels, const uint8_t* addr, uint8_t ip_version) noexcept nogil
cdef Run find_run(const SubscribersView* levels, const uint8_t* addr, uint8_t ip_version) noexcept nogil
