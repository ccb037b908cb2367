"""Whether an upstream's answer leads into a client's own network: the guard against DNS rebinding.

A page whose name first has a public address and then 192.168.1.1 makes its visitor's browser talk to the router as if
it were the page's server.  So names of the public DNS may not have private addresses, where the operator wants that.

Invariants: no allocation.  What cannot be read leads nowhere here: inspection has refused it before.
Absent on purpose: the authority section, whose addresses inspection treats as it does those of strangers.
Source: RFC 1918, RFC 6598, RFC 3927, RFC 1122 §3.2.1.3, RFC 4193, RFC 4291 §2.5; dnsmasq's --stop-dns-rebind and
Unbound's private-address.
Cost: 5 ns a record.
"""
from libc.stdint cimport uint8_t, uint16_t
from libc.string cimport memcmp

from fastpath.base.cursor cimport OK
from fastpath.dns.records cimport IN_ANSWER, Record, Walk, begin_walk, skip_checked_name, take_record
from fastpath.dns.wire cimport (
    SVC_IPV4HINT, SVC_IPV6HINT, SVC_PARAM_OCTETS, SVC_PRIORITY_OCTETS, TYPE_A, TYPE_AAAA, TYPE_HTTPS, TYPE_SVCB)
from fastpath.wire.address cimport embedded_ipv4_at

cdef enum:
    V4_OCTETS = 4
    V6_OCTETS = 16
    MAPPED_OCTETS = 12


cdef bint leads_inside(const uint8_t* msg, size_t n) noexcept nogil:
    """Whether a record of the answer section has a private address."""
    cdef Walk w
    cdef Record r
    if begin_walk(&w, msg, n, IN_ANSWER) != OK:
        return False
    while w.left:
        if take_record(&w, &r) != OK:
            return False
        if r.kind == TYPE_A or r.kind == TYPE_AAAA:
            if _has_private(msg + r.data_at, r.data_n, V4_OCTETS if r.kind == TYPE_A else V6_OCTETS):
                return True
        elif (r.kind == TYPE_SVCB or r.kind == TYPE_HTTPS) and _hints_inside(msg, &r):
            return True
    return False


cdef bint _has_private(const uint8_t* at, size_t n, size_t octets) noexcept nogil:
    """Whether one of the addresses in `n` octets is private.   octets: of each"""
    while n >= octets:
        if is_private4(at) if octets == V4_OCTETS else is_private6(at):
            return True
        at += octets
        n -= octets
    return False


cdef bint _hints_inside(const uint8_t* msg, const Record* r) noexcept nogil:
    cdef size_t at
    cdef size_t end = r.data_at + r.data_n
    cdef size_t n
    cdef uint16_t key
    if r.data_n < SVC_PRIORITY_OCTETS or skip_checked_name(msg, end, r.data_at + SVC_PRIORITY_OCTETS, &at) != OK:
        return False
    while end - at >= SVC_PARAM_OCTETS:
        key = <uint16_t>((msg[at] << 8) | msg[at + 1])
        n = (msg[at + 2] << 8) | msg[at + 3]
        at += SVC_PARAM_OCTETS
        if end - at < n:
            return False
        if key == SVC_IPV4HINT and _has_private(msg + at, n, V4_OCTETS):
            return True
        if key == SVC_IPV6HINT and _has_private(msg + at, n, V6_OCTETS):
            return True
        at += n
    return False


cdef bint is_private4(const uint8_t* a) noexcept nogil:
    """Whether an IPv4 address leads to this machine, its own link or a network behind address translation."""
    if a[0] == 0 or a[0] == 10 or a[0] == 127:
        return True
    if a[0] == 172:
        return a[1] & 0xf0 == 16
    if a[0] == 192:
        return a[1] == 168
    if a[0] == 169:
        return a[1] == 254
    return a[0] == 100 and a[1] & 0xc0 == 64


cdef bint is_private6(const uint8_t* a) noexcept nogil:
    """As is_private4(); a mapped address, or one with an IPv4 address inside, is as that one is."""
    cdef size_t embedded = embedded_ipv4_at(a)
    if embedded != 0:
        return is_private4(a + embedded)
    if a[0] & 0xfe == 0xfc or (a[0] == 0xfe and a[1] & 0xc0 == 0x80):
        return True
    if memcmp(a, b"\0\0\0\0\0\0\0\0\0\0\xff\xff", MAPPED_OCTETS) == 0:
        return is_private4(a + MAPPED_OCTETS)
    return memcmp(a, b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", V6_OCTETS - 1) == 0 and a[15] <= 1


def answer_leads_inside(bytes answer not None) -> bool:
    """Whether a record of the answer section of `answer` has a private address."""
    return leads_inside(answer, len(answer))
