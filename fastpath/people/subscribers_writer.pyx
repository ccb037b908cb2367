"""Writer of the subscribers image: prefixes that may lie in each other become ranges without gaps.

Invariants: equal prefixes give equal bytes, regardless of their order, in the layout of layout.pxd.
Cost: 40 octets a prefix in addition to what holds them, freed at the end; a million in half a second.
"""
import ipaddress

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport free, malloc

from fastpath.people.held_prefixes cimport HeldPrefixes, PrefixColumns, end_of
from fastpath.images.layout cimport K_SUBSCRIBERS, KEY_OCTETS, NOT_HERE, UNASSIGNED, Range4, Range6
from fastpath.people.prefix_rows cimport address_t

from fastpath.images.image_writer import write_image

__all__ = ["pack_held", "pack_subscribers"]

cdef enum:
    DEPTH = 130         # of prefixes in each other: one of each length, and the whole of the addresses


cdef struct Ranges:     # one of the two, by the IP version
    Range4* rows4
    Range6* rows6
    size_t n


def pack_subscribers(out, generation: int, base_generation: int, rows) -> int:
    """Write a subscribers image; return its length in octets.

    rows   (prefix, subscriber): the longest prefix that holds an address counts; subscriber None: unassigned (a delta)
    Raises ValueError for an invalid or repeated prefix."""
    held = HeldPrefixes()
    held.replace(_read(prefix, subscriber) for prefix, subscriber in rows)
    return pack_held(out, generation, base_generation, held)


def pack_held(out, generation: int, base_generation: int, HeldPrefixes held not None) -> int:
    """Do pack_subscribers() with prefixes that are in columns."""
    sections = [_section(&held.sides[0]), _section(&held.sides[1])]
    return write_image(out, K_SUBSCRIBERS, generation, base_generation, bytes(KEY_OCTETS), sections)


def _read(prefix, subscriber):
    network = ipaddress.ip_network(prefix)
    # the cast keeps it positive: a C enum above 2**31 would become a negative Python number
    number = UNASSIGNED if subscriber is None else subscriber
    return network.version, network.network_address.packed, network.prefixlen, number


cdef bytes _section(const PrefixColumns* c):
    """The ranges of one IP version as the image has them."""
    cdef size_t size = sizeof(Range4) if c.bits == 32 else sizeof(Range6)
    cdef Ranges to
    cdef void* rows = malloc((2 * c.n + 1) * size)
    if rows == NULL:
        raise MemoryError()
    to.rows4 = <Range4*>rows if c.bits == 32 else NULL
    to.rows6 = <Range6*>rows if c.bits == 128 else NULL
    to.n = 0
    try:
        with nogil:
            _flatten(c, &to)
        return PyBytes_FromStringAndSize(<const char*>rows, to.n * size)
    finally:
        free(rows)


cdef void _flatten(const PrefixColumns* c, Ranges* to) noexcept nogil:
    """Write ranges without gaps, the first from address 0."""
    cdef address_t last[DEPTH]      # of the prefixes around the current one
    cdef uint32_t number[DEPTH]
    cdef int depth = 0
    cdef size_t i
    _begin(to, 0, NOT_HERE)
    for i in range(c.n):
        depth = _close(c, to, last, number, depth, c.first[i])
        _begin(to, c.first[i], c.number[i])
        last[depth] = end_of(c, c.first[i], c.length[i])
        number[depth] = c.number[i]
        depth += 1
    while depth:
        depth -= 1
        if last[depth] != c.top:
            _begin(to, last[depth] + 1, number[depth - 1] if depth else NOT_HERE)


cdef int _close(const PrefixColumns* c, Ranges* to, const address_t* last, const uint32_t* number, int depth,
                address_t before) noexcept nogil:
    """End the prefixes that end before an address; how many stay open."""
    while depth and last[depth - 1] < before:
        depth -= 1
        _begin(to, last[depth] + 1, number[depth - 1] if depth else NOT_HERE)
    return depth


cdef void _begin(Ranges* to, address_t start, uint32_t number) noexcept nogil:
    """Begin a range; one that began at the same address is empty, and one of the same number goes on."""
    if to.n and _start(to, to.n - 1) == start:
        to.n -= 1
    if to.n and _number(to, to.n - 1) == number:
        return
    if to.rows4 != NULL:
        to.rows4[to.n].start = <uint32_t>start
        to.rows4[to.n].subscriber = number
    else:
        to.rows6[to.n].start_hi = <uint64_t>(start >> 64)
        to.rows6[to.n].start_lo = <uint64_t>start
        to.rows6[to.n].subscriber = number
        to.rows6[to.n].zero = 0
    to.n += 1


cdef inline address_t _start(const Ranges* to, size_t i) noexcept nogil:
    if to.rows4 != NULL:
        return <address_t>to.rows4[i].start
    return <address_t>to.rows6[i].start_hi << 64 | <address_t>to.rows6[i].start_lo


cdef inline uint32_t _number(const Ranges* to, size_t i) noexcept nogil:
    return to.rows4[i].subscriber if to.rows4 != NULL else to.rows6[i].subscriber
