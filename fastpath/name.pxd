"""Canonical names in C: see name.pyx."""
from libc.stdint cimport uint8_t, uint32_t

from fastpath.cursor cimport Status

cdef enum:
    NAME_OCTETS = 255    # RFC 1035 §2.3.4, length octets and root included
    NAME_LABELS = 127    # 255 octets hold at most 127 labels of one octet
    NAME_SLACK = 17      # so that a 16-octet load at any label stays inside the struct


cdef struct Name:
    uint8_t n                   # octets of `wire` in use, root included: 1..255
    uint8_t n_labels            # 0 for the root
    uint8_t at[128]             # at[i]: where label i's length octet stands, leftmost label first
    uint8_t wire[272]           # lower case, uncompressed, ends with the root's zero octet


cdef Status name_from_wire(const uint8_t* msg, size_t n, size_t at, Name* out, size_t* after) noexcept nogil
cdef Status name_from_text(const uint8_t* text, size_t n, Name* out) noexcept nogil
cdef Status name_from_host(const uint8_t* text, size_t n, Name* out) noexcept nogil
cdef bint v4_from_text(const uint8_t* text, size_t n, uint32_t* address) noexcept nogil
