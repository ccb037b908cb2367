"""Who holds which prefix, C interface: see held_prefixes.pyx."""
cimport cython
from libc.stdint cimport uint8_t, uint32_t

from fastpath.people.prefix_rows cimport PrefixRow, address_t


cdef struct Places:         # of rows
    size_t* at
    size_t n
    size_t room


cdef struct PrefixColumns:  # one IP version
    address_t* first        # sorted, and then by length
    uint32_t* number        # of the profile
    uint32_t* group
    uint8_t* length
    uint8_t* sent           # whether the kernel holds it as locked
    size_t n
    size_t room
    PrefixRow* gone         # of those that are held no more, what the kernel still holds
    size_t n_gone
    uint8_t bits            # of an address
    address_t top           # the last address


@cython.final
cdef class HeldPrefixes:
    cdef PrefixColumns sides[2]     # IPv4, IPv6

    cdef object _require_groups(self, const uint8_t[::1] locked)
    cdef object _raise(self, int fault, size_t n)
    cdef dict _columns(self, const Places* chosen, bint has_gone)


cdef address_t end_of(const PrefixColumns* c, address_t first, uint8_t length) noexcept nogil
