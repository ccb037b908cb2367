"""Rows of prefixes, C interface: see prefix_rows.pyx."""
from libc.stdint cimport uint8_t, uint32_t

cdef extern from *:
    """
    typedef unsigned __int128 address_t;
    """
    ctypedef unsigned long long address_t   # 128 bits: an IPv6 address, or an IPv4 address in the lowest 32


cdef struct PrefixRow:
    address_t first
    uint32_t number
    uint8_t length


cdef struct PrefixRows:
    PrefixRow* at
    size_t n
    size_t room


cdef inline int prefix_order(address_t first, uint8_t length, address_t other, uint8_t other_length) noexcept nogil:
    if first != other:
        return -1 if first < other else 1
    return <int>length - <int>other_length


cdef int compare_rows(const void* left, const void* right) noexcept nogil
cdef void put_address(uint8_t* at, address_t address, int width) noexcept nogil
cdef address_t read_address(const uint8_t* at, size_t width) noexcept nogil
cdef bint has_row(const PrefixRows* v, address_t first, uint8_t length) noexcept nogil
cdef object push_row(PrefixRows* v, address_t first, uint8_t length, uint32_t number)
cdef object sort_rows(PrefixRows* v)
cdef object read_rows(PrefixRows* into, rows)
