"""HTTP/1.x request head parser: see http1.pyx."""
from libc.stdint cimport int64_t, uint8_t, uint16_t

from fastpath.base.cursor cimport Status

cdef enum:
    HEAD_HOSTS = 8         # Host values and absolute-form authority kept of one head
    HEAD_OCTETS = 65536    # E31: evaders pad heads to 64 KiB; servers take 8 to 64


cdef struct HostValue:
    const uint8_t* at
    uint16_t n


cdef struct RequestHead:
    uint8_t n_hosts
    uint8_t hosts_overflowed
    size_t after                # octets up to and including the empty line
    const uint8_t* target       # request-target as sent
    uint16_t target_n
    uint16_t spaced_n           # octets from its beginning to the version: more where it contains blanks
    HostValue hosts[HEAD_HOSTS]     # white space trimmed, with port and userinfo


cdef Status parse_request_head(const uint8_t* data, size_t n, RequestHead* out) noexcept nogil
cdef int64_t body_octets(const uint8_t* head, size_t n) noexcept nogil
