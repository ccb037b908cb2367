"""Address to subscriber, C interface: see subscribers.pyx."""
from libc.stdint cimport uint8_t, uint32_t

from fastpath.images.layout cimport Range4, Range6


cdef struct SubscribersView:
    const Range4* ranges4
    uint32_t n_ranges4
    const Range6* ranges6
    uint32_t n_ranges6


cdef const char* subscribers_fault(const SubscribersView* v) noexcept nogil
cdef uint32_t find_subscriber(const SubscribersView* levels, const uint8_t* addr, uint8_t ip_version) noexcept nogil
