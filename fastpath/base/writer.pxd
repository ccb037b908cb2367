"""Bounds-checked byte writer, the cursor's counterpart.

Invariants: `at` never passes `end`; a write that does not fit is left out and sets is_full.
Cost: one compare and one store per write.
"""
from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.string cimport memcpy, memset


cdef struct Writer:
    uint8_t* at
    uint8_t* end
    uint8_t is_full


cdef inline bint _has_room(Writer* w, size_t n) noexcept nogil:
    if <size_t>(w.end - w.at) >= n:
        return True
    w.is_full = 1
    return False


cdef inline void put(Writer* w, const void* octets, size_t n) noexcept nogil:
    if _has_room(w, n):
        memcpy(w.at, octets, n)
        w.at += n


cdef inline void put_zeros(Writer* w, size_t n) noexcept nogil:
    if _has_room(w, n):
        memset(w.at, 0, n)
        w.at += n


cdef inline void put_u8(Writer* w, uint8_t value) noexcept nogil:
    if _has_room(w, 1):
        w.at[0] = value
        w.at += 1


cdef inline void put_u16(Writer* w, uint16_t value) noexcept nogil:
    """Write two octets, network order."""
    if _has_room(w, 2):
        w.at[0] = <uint8_t>(value >> 8)
        w.at[1] = <uint8_t>value
        w.at += 2


cdef inline void put_u32(Writer* w, uint32_t value) noexcept nogil:
    """Write four octets, network order."""
    if _has_room(w, 4):
        w.at[0] = <uint8_t>(value >> 24)
        w.at[1] = <uint8_t>(value >> 16)
        w.at[2] = <uint8_t>(value >> 8)
        w.at[3] = <uint8_t>value
        w.at += 4
