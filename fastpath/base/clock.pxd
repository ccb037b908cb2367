"""The kernel's clocks in nanoseconds.

Cost: one call of the vDSO, some 20 ns; no system call where the clock source is the processor's.
Source: clock_gettime(2), vdso(7).
"""
from libc.stdint cimport int64_t

from fastpath.base.sockets cimport CLOCK_MONOTONIC, CLOCK_REALTIME, clock_gettime, timespec


cdef inline int64_t now_ns(int clock) noexcept nogil:
    """The time of `clock`, one of CLOCK_REALTIME and CLOCK_MONOTONIC."""
    cdef timespec now
    clock_gettime(clock, &now)
    return <int64_t>now.tv_sec * 1_000_000_000 + now.tv_nsec


cdef inline int64_t realtime_ns() noexcept nogil:
    """Since the Unix epoch; an operator or NTP may set it back."""
    return now_ns(CLOCK_REALTIME)


cdef inline int64_t monotonic_ns() noexcept nogil:
    """Since some point in the past; it never goes back."""
    return now_ns(CLOCK_MONOTONIC)
