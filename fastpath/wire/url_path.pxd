"""Canonical paths and queries: see url_path.pyx."""
from libc.stdint cimport uint8_t

cdef enum:
    PATH_OCTETS = 2048      # the longest input of put_path()


cdef size_t put_path(const uint8_t* rest, size_t n, uint8_t* out, size_t room, size_t* path_n) noexcept nogil
cdef bint is_plain_path(const uint8_t* rest, size_t n, size_t* path_n) noexcept nogil
cdef size_t decode_once(uint8_t* at, size_t n) noexcept nogil
