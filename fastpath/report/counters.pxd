"""Counters in shared memory: see counters.pyx.  A star cimport on purpose: it passes the numbers CNT_* on."""
cimport cython
from libc.stdint cimport int64_t, uint8_t, uint64_t

from fastpath.images.layout cimport MAX_LISTS
from fastpath.report.counter_numbers cimport *

cdef enum:
    MAX_CHANNELS = 8        # room for every Channel, by its number
    CONFIDENTIAL_AT = 128   # behind the counters: MAX_CHANNELS words a list, blocks of confidential lists
    COUNTED_AT = CONFIDENTIAL_AT + MAX_LISTS * MAX_CHANNELS     # the same, of lists that are only counted
    CLASSES_AT = COUNTED_AT + MAX_LISTS * MAX_CHANNELS  # then the classes of software: for each a count, then its name
    N_CLASSES = 16          # enough to read at a glance; each is a line of the operator's graph
    CLASS_OCTETS = 32       # of a class's name
    CLASS_WORDS = 1 + CLASS_OCTETS // 8
    OTHER_SLOT = 0          # of hellos without a class; the classes follow
    N_SLOTS = OTHER_SLOT + 1 + N_CLASSES
    COUNTER_WORDS = CLASSES_AT + N_SLOTS * CLASS_WORDS


cdef inline void count(uint64_t* counters, int index, uint64_t by) noexcept nogil:
    """Add `by`.  A file has one writer, so a plain add is enough; readers see whole 64-bit words."""
    counters[index] += by


cdef inline void count_rcode(uint64_t* counters, const uint8_t* msg) noexcept nogil:
    """Add one for the RCODE of an answer to a client.   msg: HEADER_OCTETS at least.   Source: RFC 1035 §4.1.1"""
    counters[min(CNT_DNS_RCODE_NOERROR + (msg[3] & 0x0F), <int>CNT_DNS_RCODE_OTHER)] += 1


cdef inline void count_took(uint64_t* counters, int64_t took_ns) noexcept nogil:
    """Add an upstream's answer to the histogram of their times."""
    cdef int64_t bound_ns = 1_000_000
    cdef int at = CNT_DNS_TOOK_1MS
    while at < CNT_DNS_TOOK_LONGER and took_ns > bound_ns:
        bound_ns *= 4
        at += 1
    counters[at] += 1
    counters[<int>CNT_DNS_TOOK_US] += <uint64_t>(took_ns // 1000 if took_ns > 0 else 0)


cdef inline void count_by_list(uint64_t* counters, int first, int list, int channel) noexcept nogil:
    """Add one for a list and channel.   first  CONFIDENTIAL_AT or COUNTED_AT"""
    counters[first + list * MAX_CHANNELS + channel] += 1


@cython.final
cdef class Counters:
    cdef object _map
    cdef uint8_t[::1] _view
    cdef uint64_t* at
