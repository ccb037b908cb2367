"""Rows of prefixes on their way into columns: read, checked, sorted.

Cost: 32 octets a row, until held_prefixes.pyx has taken it.
"""
from libc.stdint cimport uint8_t, uint32_t
from libc.stdlib cimport qsort, realloc

from fastpath.images.layout cimport UNASSIGNED


cdef void put_address(uint8_t* at, address_t address, int width) noexcept nogil:
    """Write an address in network order.   width  4 or 16 octets"""
    cdef int i
    for i in range(width):
        at[width - 1 - i] = <uint8_t>address
        address >>= 8


cdef address_t read_address(const uint8_t* at, size_t width) noexcept nogil:
    cdef address_t found = 0
    cdef size_t i
    for i in range(width):
        found = found << 8 | <address_t>at[i]
    return found


cdef int compare_rows(const void* left, const void* right) noexcept nogil:
    cdef const PrefixRow* a = <const PrefixRow*>left
    cdef const PrefixRow* b = <const PrefixRow*>right
    return prefix_order(a.first, a.length, b.first, b.length)


cdef bint has_row(const PrefixRows* v, address_t first, uint8_t length) noexcept nogil:
    """Whether a sorted vector has a prefix."""
    cdef size_t lo = 0
    cdef size_t hi = v.n
    cdef size_t mid
    while lo < hi:
        mid = lo + (hi - lo) // 2
        if prefix_order(v.at[mid].first, v.at[mid].length, first, length) < 0:
            lo = mid + 1
        else:
            hi = mid
    return lo < v.n and v.at[lo].first == first and v.at[lo].length == length


cdef object push_row(PrefixRows* v, address_t first, uint8_t length, uint32_t number):
    cdef PrefixRow* grown
    if v.n == v.room:
        grown = <PrefixRow*>realloc(v.at, (v.room * 2 + 16) * sizeof(PrefixRow))
        if grown == NULL:
            raise MemoryError()
        v.at = grown
        v.room = v.room * 2 + 16
    v.at[v.n].first = first
    v.at[v.n].length = length
    v.at[v.n].number = number
    v.n += 1


cdef object sort_rows(PrefixRows* v):
    """Sort by address and length.   Raises ValueError for a prefix that is there twice."""
    cdef size_t i
    cdef bint is_sorted = True
    for i in range(1, v.n):
        if compare_rows(v.at + i - 1, v.at + i) >= 0:
            is_sorted = False
            break
    if is_sorted:
        return
    qsort(v.at, v.n, sizeof(PrefixRow), compare_rows)
    for i in range(1, v.n):
        if compare_rows(v.at + i - 1, v.at + i) == 0:
            raise ValueError("prefixes: one occurs twice; nothing changed; give it one subscriber")


cdef object read_rows(PrefixRows* into, rows):
    cdef Py_ssize_t n
    cdef address_t address
    cdef address_t behind       # the bits of an address that its prefix leaves open
    cdef int bits
    cdef int length
    cdef bytes first
    for version, given, prefix_length, number in rows:
        first = given
        length = prefix_length
        bits = 32 if version == 4 else 128
        n = len(first)
        if n * 8 != bits or not 0 <= length <= bits:
            raise ValueError(f"prefix: {first.hex()}/{length} is not a prefix of version {version}; nothing changed")
        if not 0 <= number <= UNASSIGNED:
            raise ValueError(f"prefix: {number} is no number of a profile; nothing changed")
        address = read_address(first, n)
        behind = (<address_t>1 << (bits - length)) - 1 if length else ~<address_t>0
        if address & behind:
            raise ValueError(f"prefix: {first.hex()}/{length} has bits behind its length; nothing changed")
        push_row(&into[0 if version == 4 else 1], address, length, number)
