"""Canonical domain names: see name.pyx."""
from libc.stdint cimport uint8_t, uint32_t

from fastpath.base.cursor cimport MALFORMED, NEED_MORE, OK, Status

cdef enum:
    LABEL_OCTETS = 63    # RFC 1035 §2.3.4
    NAME_OCTETS = 255    # RFC 1035 §2.3.4, length octets and root included
    NAME_LABELS = 127    # 255 octets hold at most 127 labels of one octet
    NAME_SLACK = 17      # so that a 16-octet load at any label stays inside the struct


cdef struct Name:
    uint8_t n                               # octets of `wire` in use, root included: 1..255
    uint8_t n_labels                        # 0 for the root
    uint8_t at[NAME_LABELS + 1]             # at[i]: offset of label i's length octet, leftmost label first
    uint8_t wire[NAME_OCTETS + NAME_SLACK]  # lower case, uncompressed, ends with the root's zero octet


cdef inline uint8_t fold(uint8_t c) noexcept nogil:
    """ASCII lower case and nothing else (RFC 4343)."""
    return c + 32 if 65 <= c <= 90 else c


cdef inline Status take_label(const uint8_t* msg, size_t n, size_t* at, size_t* used, uint8_t* labels,
                              Name* out) noexcept nogil:
    """Append the label at `msg[at]` (at < n, not the root) to the `used` octets and `labels` of `out`, folded.

    NEED_MORE: it runs past `n`.  MALFORMED: no label, or one too many for a name.  Nothing has changed then."""
    cdef size_t length = msg[at[0]]
    cdef size_t i
    if length > LABEL_OCTETS or used[0] + 1 + length + 1 > NAME_OCTETS:
        return MALFORMED
    if n - at[0] < 1 + length:
        return NEED_MORE
    out.at[labels[0]] = <uint8_t>used[0]
    labels[0] += 1
    out.wire[used[0]] = <uint8_t>length
    for i in range(1, length + 1):
        out.wire[used[0] + i] = fold(msg[at[0] + i])
    used[0] += 1 + length
    at[0] += 1 + length
    return OK


cdef Status name_from_wire(const uint8_t* msg, size_t n, size_t at, Name* out, size_t* after) noexcept nogil
cdef Status name_from_text(const uint8_t* text, size_t n, Name* out) noexcept nogil
cdef Status name_from_host(const uint8_t* text, size_t n, Name* out) noexcept nogil
cdef bint v4_from_text(const uint8_t* text, size_t n, uint32_t* address) noexcept nogil
