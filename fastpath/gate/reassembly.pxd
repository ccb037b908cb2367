"""Reassembly windows in a fixed memory pool: see reassembly.pyx."""
from libc.stdint cimport int64_t, uint8_t, uint32_t

from fastpath.base.cursor cimport Status

cdef enum:
    SMALL_OCTETS = 4096     # a browser's hello is 1.7 to 2.1 KB
    LARGE_OCTETS = 98304    # a hello or head of 64 KiB, and its record headers as long as records hold 10 octets
    HUGE_OCTETS = 1 << 22   # what Linux keeps of octets that are not acknowledged (tcp_wmem)
    # what one large or huge piece counts against a share, in small ones
    LARGE_WEIGHT = 24


cdef struct Pieces:             # a pool of one size, taken and given back in any order
    uint8_t* at
    uint32_t* free              # numbers of the pieces given back
    uint32_t n_free
    uint32_t n_begun            # pieces from here on were never taken: their memory is untouched
    uint32_t n
    uint32_t octets             # of one


cdef struct Window:
    uint8_t* at                 # NULL: no memory
    uint8_t* there              # 1 for each stored octet, used between `have` and `high`; NULL: no gaps
    uint32_t room               # octets of `at`: 0, SMALL_OCTETS, LARGE_OCTETS, HUGE_OCTETS
    uint32_t have               # stored octets before the first gap
    uint32_t high               # octets up to the last stored one


cdef struct Memory:
    Pieces small
    Pieces large
    Pieces huge                 # with room for `there` behind


cdef int open_memory(Memory* m, uint32_t n_small, uint32_t n_large, uint32_t n_huge) noexcept nogil
cdef void close_memory(Memory* m) noexcept nogil
cdef bint widen(Memory* m, Window* w, uint32_t octets) noexcept nogil
cdef void narrow(Memory* m, Window* w) noexcept nogil
cdef void free_window(Memory* m, Window* w) noexcept nogil
cdef uint32_t weight_of(const Window* w) noexcept nogil
cdef uint32_t n_large_of(const Window* w) noexcept nogil
cdef bint is_enough(const Memory* m, const Window* w, uint32_t octets) noexcept nogil
cdef Status merge(Memory* m, Window* w, uint32_t offset, const uint8_t* data, uint32_t n) noexcept nogil
cdef bint shift_right(Memory* m, Window* w, uint32_t by) noexcept nogil
cdef void shift_left(Window* w, uint32_t by) noexcept nogil
