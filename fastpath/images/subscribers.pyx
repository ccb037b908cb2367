"""Address to subscriber: binary search in sorted ranges, level by level, the youngest first.

The levels of the lines come first, those of the sessions below them: an address that the operator has given to a line
is that line's, no matter who claims it in a session.

A device that identifies itself by a token is in the same ranges, at device_address().  That is a multicast address,
which no packet may come from, with 120 bits of a hash, so that an image does not reveal the token.

Invariants: the ranges of an address family begin at address 0 and leave no gap, so a search always ends on one.
Source: RFC 4291 §2.7 (multicast is never a source).
Cost: log2(ranges) dependent loads in each level that is asked, 20 for a million prefixes.
"""
import hashlib
import ipaddress
import re

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from fastpath.images.layout cimport NOT_HERE, PEOPLE_LEVELS, UNASSIGNED, Range6
from fastpath.images.subscribers cimport SUBSCRIBER_LEVELS
from fastpath.images.verdict cimport NO_SUBSCRIBER


cdef const char* subscribers_fault(const SubscribersView* v) noexcept nogil:
    """Why this view must not be searched, or NULL.   Cost: one pass over the ranges."""
    cdef const Range6* left
    cdef const Range6* right
    cdef uint32_t i
    if v.n_ranges4 and v.ranges4[0].start != 0:
        return b"its IPv4 ranges do not begin at address 0"
    if v.n_ranges6 and (v.ranges6[0].start_hi != 0 or v.ranges6[0].start_lo != 0):
        return b"its IPv6 ranges do not begin at address 0"
    for i in range(1, v.n_ranges4):
        if v.ranges4[i - 1].start >= v.ranges4[i].start:
            return b"its IPv4 ranges are not sorted"
    for i in range(1, v.n_ranges6):
        left = v.ranges6 + i - 1
        right = v.ranges6 + i
        if left.start_hi > right.start_hi or (left.start_hi == right.start_hi and left.start_lo >= right.start_lo):
            return b"its IPv6 ranges are not sorted"
    return NULL


cdef inline uint32_t _key4(const uint8_t* addr) noexcept nogil:
    return (<uint32_t>addr[0] << 24) | (<uint32_t>addr[1] << 16) | (<uint32_t>addr[2] << 8) | addr[3]


cdef uint32_t _at4(const SubscribersView* v, uint32_t key) noexcept nogil:
    """The row of the range that holds `key`.   v: has rows"""
    cdef uint32_t lo = 0
    cdef uint32_t hi = v.n_ranges4
    cdef uint32_t mid
    while hi - lo > 1:
        mid = lo + (hi - lo) // 2
        if v.ranges4[mid].start <= key:
            lo = mid
        else:
            hi = mid
    return lo


cdef inline uint64_t _be64(const uint8_t* at) noexcept nogil:
    cdef uint64_t value = 0
    cdef int i
    for i in range(8):
        value = value << 8 | at[i]
    return value


cdef uint32_t _at6(const SubscribersView* v, uint64_t key_hi, uint64_t key_lo) noexcept nogil:
    """The row of the range that holds this key.   v: has rows"""
    cdef uint32_t lo = 0
    cdef uint32_t hi = v.n_ranges6
    cdef uint32_t mid
    while hi - lo > 1:
        mid = lo + (hi - lo) // 2
        if (v.ranges6[mid].start_hi < key_hi
                or (v.ranges6[mid].start_hi == key_hi and v.ranges6[mid].start_lo <= key_lo)):
            lo = mid
        else:
            hi = mid
    return lo


cdef inline uint32_t _find4(const SubscribersView* v, const uint8_t* addr) noexcept nogil:
    return v.ranges4[_at4(v, _key4(addr))].subscriber if v.n_ranges4 else NOT_HERE


cdef inline uint32_t _find6(const SubscribersView* v, const uint8_t* addr) noexcept nogil:
    return v.ranges6[_at6(v, _be64(addr), _be64(addr + 8))].subscriber if v.n_ranges6 else NOT_HERE


cdef uint32_t _find_in(const SubscribersView* levels, int n, const uint8_t* addr, uint8_t ip_version) noexcept nogil:
    """What the youngest of `n` levels says that says anything; NOT_HERE, UNASSIGNED: no one."""
    cdef uint32_t found = NOT_HERE
    cdef int i
    for i in range(n):
        found = _find4(levels + i, addr) if ip_version == 4 else _find6(levels + i, addr)
        if found != NOT_HERE:
            break
    return found


cdef uint32_t find_subscriber(const SubscribersView* levels, const uint8_t* addr, uint8_t ip_version) noexcept nogil:
    """Find the subscriber at `addr` (4 or 16 octets, network order), or NO_SUBSCRIBER.   levels  SUBSCRIBER_LEVELS"""
    cdef uint32_t found = _find_in(levels, PEOPLE_LEVELS, addr, ip_version)
    if found == NOT_HERE or found == UNASSIGNED:
        found = _find_in(levels + <int>PEOPLE_LEVELS, SESSION_LEVELS, addr, ip_version)
    if found == NOT_HERE or found == UNASSIGNED:
        return NO_SUBSCRIBER
    return found


cdef Run find_run(const SubscribersView* levels, const uint8_t* addr, uint8_t ip_version) noexcept nogil:
    """Find the holder of `addr`, and up to which address no level says anything else.   As find_subscriber()"""
    cdef Run run
    cdef int i
    run.last_hi = 0 if ip_version == 4 else <uint64_t>-1
    run.last_lo = 0xffffffff if ip_version == 4 else <uint64_t>-1
    run.subscriber = find_subscriber(levels, addr, ip_version)
    for i in range(SUBSCRIBER_LEVELS):
        _end_run(levels + i, addr, ip_version, &run)
    return run


cdef void _end_run(const SubscribersView* v, const uint8_t* addr, uint8_t ip_version, Run* run) noexcept nogil:
    """End a run before the next range of a level begins."""
    cdef uint32_t i
    cdef uint64_t hi
    cdef uint64_t lo
    if ip_version == 4:
        i = _at4(v, _key4(addr)) + 1 if v.n_ranges4 else 0
        if i < v.n_ranges4 and v.ranges4[i].start <= run.last_lo:
            run.last_lo = v.ranges4[i].start - 1
        return
    i = _at6(v, _be64(addr), _be64(addr + 8)) + 1 if v.n_ranges6 else 0
    if i < v.n_ranges6:
        hi = v.ranges6[i].start_hi - (v.ranges6[i].start_lo == 0)
        lo = v.ranges6[i].start_lo - 1
        if hi < run.last_hi or (hi == run.last_hi and lo < run.last_lo):
            run.last_hi = hi
            run.last_lo = lo


# 130 bits in base32, lower case: valid as a label of a name and as a segment of a path.
_TOKEN = re.compile("[a-z2-7]{26}")


def device_address(token: str) -> str:
    """Compute the address that images hold for the device with this token.   Raises ValueError for an invalid token."""
    if not _TOKEN.fullmatch(token):
        raise ValueError(f"device token: {len(token)} characters; not used; write its 26, a to z and 2 to 7")
    digest = hashlib.sha256(b"filterd device " + token.encode("ascii")).digest()
    return str(ipaddress.IPv6Address(b"\xff" + digest[:15]))
