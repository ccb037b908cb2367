"""Canonical paths and queries: see url_path.pyx."""
from libc.stdint cimport uint8_t

cdef enum:
    PATH_OCTETS = 2048      # of a URL that is listed
    TARGET_OCTETS = 8192    # the longest input of put_path(): of a request

cdef enum:                  # a reading, by its bits: how a server reads a path with `..`; 0: the canonical one
    READ_MERGED = 1         # runs of slashes are one before `..` is resolved: nginx, Python's http.server
    READ_BACKSLASH = 2      # `\` is an octet like others: all servers on Unix
    READ_ONCE = 4           # percent-decoded once before `..` is resolved: nginx, Apache, Node, Go
    READ_RAW = 8            # not decoded before: proxies that normalise what they forward
    READINGS = 12


cdef size_t put_path(const uint8_t* rest, size_t n, uint8_t reading, uint8_t* out, size_t room,
                     size_t* path_n) noexcept nogil
cdef bint has_parent(const uint8_t* rest, size_t n) noexcept nogil
cdef bint is_plain_path(const uint8_t* rest, size_t n, size_t* path_n) noexcept nogil
cdef size_t decode_once(uint8_t* at, size_t n) noexcept nogil
