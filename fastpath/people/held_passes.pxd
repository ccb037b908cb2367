"""Passes over the columns of held_prefixes.pyx, and the sorted sets of profiles that they look for."""
from libc.stdint cimport uint8_t, uint32_t
from libc.stdlib cimport realloc

from fastpath.people.held_prefixes cimport Places, PrefixColumns
from fastpath.people.prefix_rows cimport address_t, prefix_order


cdef enum:
    FILTER_BITS = 1 << 16       # of a filter of profiles: most rows are of none that is looked for


cdef enum:                      # what a pass may find
    FINE
    NO_GROUP
    NO_MEMORY


cdef struct Numbers:            # a sorted set of profiles
    uint32_t* at
    size_t n
    uint8_t* filter


cdef inline size_t place(const uint32_t* sorted_, size_t n, uint32_t number) noexcept nogil:
    """Where a number stands; n where it does not."""
    cdef size_t lo = 0
    cdef size_t hi = n
    cdef size_t mid
    while lo < hi:
        mid = lo + (hi - lo) // 2
        if sorted_[mid] < number:
            lo = mid + 1
        else:
            hi = mid
    return lo if lo < n and sorted_[lo] == number else n


cdef inline bint may_hold(const Numbers* s, uint32_t number) noexcept nogil:
    cdef uint32_t bit = number % FILTER_BITS
    return s.n and (s.filter[bit >> 3] >> (bit & 7)) & 1


cdef inline bint holds(const Numbers* s, uint32_t number) noexcept nogil:
    return may_hold(s, number) and place(s.at, s.n, number) < s.n


cdef inline size_t find(const PrefixColumns* c, address_t first, uint8_t length) noexcept nogil:
    """The row of a prefix; n where it is not held."""
    cdef size_t lo = 0
    cdef size_t hi = c.n
    cdef size_t mid
    while lo < hi:
        mid = lo + (hi - lo) // 2
        if prefix_order(c.first[mid], c.length[mid], first, length) < 0:
            lo = mid + 1
        else:
            hi = mid
    return lo if lo < c.n and c.first[lo] == first and c.length[lo] == length else c.n


cdef inline int push(Places* v, size_t i) noexcept nogil:
    cdef size_t room = 2 * v.room if v.room else 64
    cdef void* grown
    if v.n == v.room:
        grown = realloc(v.at, room * sizeof(size_t))
        if grown == NULL:
            return NO_MEMORY
        v.at = <size_t*>grown
        v.room = room
    v.at[v.n] = i
    v.n += 1
    return FINE


cdef inline int compare(const PrefixColumns* c, const uint8_t* locked, size_t n_groups, Places* added,
                        Places* removed) noexcept nogil:
    """Find the rows that are locked where the kernel does not know it, and the other way round."""
    cdef size_t i
    cdef bint is_locked
    for i in range(c.n):
        if c.group[i] >= n_groups:
            return NO_GROUP
        is_locked = locked[c.group[i]] != 0
        if is_locked != (c.sent[i] != 0) and push(added if is_locked else removed, i) != FINE:
            return NO_MEMORY
    return FINE


cdef inline int choose(const PrefixColumns* c, const uint8_t* locked, size_t n_groups, Places* chosen) noexcept nogil:
    """Find the rows that are locked."""
    cdef size_t i
    for i in range(c.n):
        if c.group[i] >= n_groups:
            return NO_GROUP
        if locked[c.group[i]] and push(chosen, i) != FINE:
            return NO_MEMORY
    return FINE


cdef inline uint32_t highest_group(const PrefixColumns* c) noexcept nogil:
    """The highest group of any row."""
    cdef uint32_t most = 0
    cdef size_t i
    for i in range(c.n):
        most = max(most, c.group[i])
    return most
