"""Spans of addresses as the kernel's interval sets take them: compared, and taken out of each other.

A span is a pair [first, end) in network order, and an end behind the last address is zero.  A list of them is sorted,
and none touches another one.
"""
from libc.stdint cimport uint8_t
from libc.string cimport memcmp, memcpy

from fastpath.people.prefix_rows cimport address_t, put_address, read_address

__all__ = ["span_difference", "spans_without"]

cdef enum:
    IPV4 = 4                # octets of an address
    IPV6 = 16


def span_difference(bytes old not None, bytes new not None, int width) -> tuple[bytes, bytes]:
    """Compare two lists of spans, each sorted: (those of `old` alone, those of `new` alone).   width  of an address"""
    cdef bytes gone = bytes(len(old))
    cdef bytes come = bytes(len(new))
    cdef const uint8_t* a = old
    cdef const uint8_t* b = new
    cdef const uint8_t* a_end = a + len(old)
    cdef const uint8_t* b_end = b + len(new)
    cdef uint8_t* to_gone = <uint8_t*><char*>gone
    cdef uint8_t* to_come = <uint8_t*><char*>come
    cdef uint8_t* gone_at = to_gone
    cdef uint8_t* come_at = to_come
    cdef int size = 2 * width
    cdef int order
    while a < a_end or b < b_end:
        order = 1 if a == a_end else -1 if b == b_end else memcmp(a, b, size)
        if order < 0:
            memcpy(gone_at, a, size)
            gone_at += size
        elif order > 0:
            memcpy(come_at, b, size)
            come_at += size
        if order <= 0:
            a += size
        if order >= 0:
            b += size
    return gone[:gone_at - to_gone], come[:come_at - to_come]


def spans_without(bytes spans not None, bytes others not None, int width) -> bytes:
    """The addresses of `spans` that are in none of `others`, as spans.   width  of an address

    Raises ValueError for another width than of IPv4 or IPv6, or half a span.   Cost: one pass over both"""
    if width not in (IPV4, IPV6) or len(spans) % (2 * width) or len(others) % (2 * width):
        raise ValueError(f"spans: {len(spans)} and {len(others)} octets, width {width}; nothing done; give whole spans")
    cdef size_t n = len(spans) // (2 * width)
    cdef size_t n_others = len(others) // (2 * width)
    cdef bytes found = bytes((n + n_others) * 2 * width)
    cdef size_t n_found = _without(spans, n, others, n_others, width, <uint8_t*><char*>found)
    return found[:n_found * 2 * width]


cdef size_t _without(const uint8_t* spans, size_t n, const uint8_t* others, size_t n_others, int width,
                     uint8_t* out) noexcept nogil:
    """Do spans_without(); how many there are in `out`, which has room for n + n_others."""
    cdef address_t top = <address_t>0xffffffff if width == IPV4 else ~<address_t>0
    cdef size_t n_found = 0
    cdef size_t i
    cdef size_t k = 0
    cdef size_t at
    cdef address_t first
    cdef address_t last
    cdef address_t its_first
    cdef address_t its_last
    cdef bint is_left
    for i in range(n):
        first = read_address(spans + 2 * width * i, width)
        last = (read_address(spans + 2 * width * i + width, width) - 1) & top
        while k < n_others and ((read_address(others + 2 * width * k + width, width) - 1) & top) < first:
            k += 1
        is_left = True
        at = k
        while at < n_others and is_left:
            its_first = read_address(others + 2 * width * at, width)
            its_last = (read_address(others + 2 * width * at + width, width) - 1) & top
            if its_first > last:
                break
            if its_first > first:
                n_found = _put(out, n_found, first, its_first - 1, width)
            is_left = its_last < last
            first = its_last + 1
            at += 1
        if is_left:
            n_found = _put(out, n_found, first, last, width)
        k = at if is_left else at - 1
    return n_found


cdef inline size_t _put(uint8_t* out, size_t at, address_t first, address_t last, int width) noexcept nogil:
    """Write a span; how many there are now."""
    put_address(out + 2 * width * at, first, width)
    put_address(out + 2 * width * at + width, last + 1, width)
    return at + 1
