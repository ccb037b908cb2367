"""Bounds-checked byte reader, inlined into every parser.

Invariants: `at` never passes `end`; a read that does not fit changes nothing and returns NEED_MORE.
Cost: one compare and one load per read.
"""
from libc.stdint cimport uint8_t, uint16_t, uint32_t


cdef enum Status:
    OK = 0          # parsed
    NEED_MORE = 1   # valid so far, but truncated: call again with more octets
    MALFORMED = 2   # invalid, with any further octets
    NOT_THIS = 3    # another protocol
    TOO_BIG = 4     # beyond a named limit


cdef struct Cursor:
    const uint8_t* at
    const uint8_t* end


cdef inline Status take_u8(Cursor* c, uint8_t* out) noexcept nogil:
    if c.end - c.at < 1:
        return NEED_MORE
    out[0] = c.at[0]
    c.at += 1
    return OK


cdef inline Status take_u16(Cursor* c, uint16_t* out) noexcept nogil:
    """Read two octets, network order."""
    if c.end - c.at < 2:
        return NEED_MORE
    out[0] = <uint16_t>((c.at[0] << 8) | c.at[1])
    c.at += 2
    return OK


cdef inline Status take_u24(Cursor* c, uint32_t* out) noexcept nogil:
    """Read three octets, network order."""
    if c.end - c.at < 3:
        return NEED_MORE
    out[0] = (<uint32_t>c.at[0] << 16) | (<uint32_t>c.at[1] << 8) | c.at[2]
    c.at += 3
    return OK


cdef inline Status take_u32(Cursor* c, uint32_t* out) noexcept nogil:
    """Read four octets, network order."""
    if c.end - c.at < 4:
        return NEED_MORE
    out[0] = (<uint32_t>c.at[0] << 24) | (<uint32_t>c.at[1] << 16) | (<uint32_t>c.at[2] << 8) | c.at[3]
    c.at += 4
    return OK


cdef inline Status skip(Cursor* c, size_t n) noexcept nogil:
    if <size_t>(c.end - c.at) < n:
        return NEED_MORE
    c.at += n
    return OK


cdef inline Status take_span(Cursor* c, size_t n, Cursor* out) noexcept nogil:
    """Set `out` to the next `n` octets and step over them."""
    if <size_t>(c.end - c.at) < n:
        return NEED_MORE
    out.at = c.at
    out.end = c.at + n
    c.at += n
    return OK
