"""HTTP/1.x request head parser: see http1.pyx."""
from libc.stdint cimport uint8_t, uint16_t

from fastpath.base.cursor cimport Status

cdef enum:
    HEAD_HOSTS = 8         # Host values and absolute-form authority kept of one head
    HEAD_TARGETS = 6       # readings of its target that are kept
    HEAD_OCTETS = 65536    # E31: evaders pad heads to 64 KiB; servers take 8 to 64


cdef enum LineState:    # what is known of a line in a body, whose end has not come
    LINE_NEW = 0        # nothing: its first octet comes next
    LINE_REFUTED = 1    # it begins no request
    LINE_BEGUN = 2      # its first octets are gone: they are no method of letters


cdef struct Piece:
    const uint8_t* at
    uint16_t n
    uint8_t is_part             # of a host: a name inside the value before it


cdef struct RequestHead:
    uint8_t n_hosts
    uint8_t n_targets
    uint8_t is_overflowed       # one of them is not kept
    uint8_t has_method          # a first word and white space behind it are there
    uint8_t has_line            # the first line is there, and is a request's
    uint8_t is_marked           # `HTTP/` stands in the first line
    uint8_t is_http2            # its first line is HTTP/2's preface
    uint8_t may_be_whole        # to some server: by a bare CR, or by a request line among the headers
    uint8_t offers_h2c          # an Upgrade field names HTTP/2 without TLS
    uint8_t is_ended            # of lines_of_head(): the empty line was among them
    size_t after                # octets up to and including the empty line
    const uint8_t* target       # request-target as sent, its first word
    uint16_t target_n
    Piece hosts[HEAD_HOSTS]         # white space trimmed, with port and userinfo
    Piece targets[HEAD_TARGETS]     # `target`, and where it can be read differently the other readings


cdef Status parse_request_head(const uint8_t* data, size_t n, RequestHead* out) noexcept nogil
cdef Status parse_exact_head(const uint8_t* data, size_t n, RequestHead* out) noexcept nogil
cdef Status parse_body_head(const uint8_t* data, size_t n, RequestHead* out) noexcept nogil
cdef Status parse_marked_head(const uint8_t* data, size_t n, RequestHead* out) noexcept nogil
cdef size_t lines_of_head(const uint8_t* data, size_t n, RequestHead* out) noexcept nogil
cdef size_t other_octets(const uint8_t* data, size_t n, bint* is_marked) noexcept nogil
cdef size_t other_octets_in_body(const uint8_t* data, size_t n, bint* is_marked, uint8_t* line_is) noexcept nogil
cdef bint hide_h2c(uint8_t* head, size_t n) noexcept nogil
cdef bint may_be_host(const uint8_t* data, size_t n) noexcept nogil
