"""Canonical domain names: see name.pyx."""
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

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


cdef inline uint64_t fold8(uint64_t octets) noexcept nogil:
    """fold() of each of the eight octets of a word."""
    cdef uint64_t low = octets & <uint64_t>0x7f7f7f7f7f7f7f7f
    cdef uint64_t from_a = low + <uint64_t>0x3f3f3f3f3f3f3f3f     # the top bit of an octet: at least 'A'
    cdef uint64_t past_z = low + <uint64_t>0x2525252525252525     # the same: past 'Z'
    return octets | (((from_a ^ past_z) & ~octets & <uint64_t>0x8080808080808080) >> 2)


cdef inline void begin_name(Name* out) noexcept nogil:
    """Make it the name of 0 octets, which no parser gives with OK."""
    out.n = out.n_labels = 0


cdef inline void end_name(Name* out, size_t used, uint8_t labels) noexcept nogil:
    """Put the root, and zeros for anyone who reads past it, behind the `used` octets and `labels`."""
    memset(out.wire + used, 0, NAME_SLACK)
    out.n = <uint8_t>(used + 1)
    out.n_labels = labels


cdef inline Status take_label(const uint8_t* msg, size_t n, size_t* at, size_t* used, uint8_t* labels,
                              Name* out) noexcept nogil:
    """Append the label at `msg[at]` (at < n, not the root) to the `used` octets and `labels` of `out`, folded.

    NEED_MORE: it runs past `n`.  MALFORMED: no label, or one too many for a name.  Nothing has changed then.
    Up to 7 octets of `out` behind the label are written, too: end_name() clears what is left of them."""
    cdef size_t length = msg[at[0]]
    cdef const uint8_t* label = msg + at[0] + 1
    cdef uint8_t* to = out.wire + used[0] + 1
    cdef uint64_t word
    cdef size_t i = 0
    if length > LABEL_OCTETS or used[0] + 1 + length + 1 > NAME_OCTETS:
        return MALFORMED
    if n - at[0] < 1 + length:
        return NEED_MORE
    out.at[labels[0]] = <uint8_t>used[0]
    labels[0] += 1
    out.wire[used[0]] = <uint8_t>length
    if n - at[0] > length + 7:      # eight octets from any place of the label on lie inside `msg`
        while i < length:
            memcpy(&word, label + i, 8)
            word = fold8(word)
            memcpy(to + i, &word, 8)
            i += 8
    else:
        for i in range(length):
            to[i] = fold(label[i])
    used[0] += 1 + length
    at[0] += 1 + length
    return OK


cdef Status name_from_wire(const uint8_t* msg, size_t n, size_t at, Name* out, size_t* after) noexcept nogil
cdef Status name_from_text(const uint8_t* text, size_t n, Name* out) noexcept nogil
cdef Status name_from_host(const uint8_t* text, size_t n, Name* out) noexcept nogil
cdef bint v4_from_text(const uint8_t* text, size_t n, uint32_t* address) noexcept nogil
