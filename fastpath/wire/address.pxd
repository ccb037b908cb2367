"""Addresses as names: see address.pyx."""
from libc.stdint cimport uint8_t
from libc.string cimport memcmp

from fastpath.wire.name cimport Name

cdef enum:
    NAT64_EMBEDDED_AT = 12      # RFC 6052 §2.2: behind its prefix of 96 bits
    SIX_TO_FOUR_EMBEDDED_AT = 2     # RFC 3056 §2: behind 2002


cdef void name_of_address(const uint8_t* addr, uint8_t version, Name* out) noexcept nogil
cdef bint stands_for_addresses(const uint8_t* wire, size_t n) noexcept nogil


cdef inline size_t embedded_ipv4_at(const uint8_t* addr) noexcept nogil:
    """Where an address of 64:ff9b::/96 (NAT64) or 2002::/16 (6to4) has the IPv4 address that it leads to; else 0.

    Mapped addresses are IPv4 in name_of_address() itself."""
    if addr[0] == 0x20 and addr[1] == 0x02:
        return SIX_TO_FOUR_EMBEDDED_AT
    if memcmp(addr, b"\x00\x64\xff\x9b\x00\x00\x00\x00\x00\x00\x00\x00", NAT64_EMBEDDED_AT) == 0:
        return NAT64_EMBEDDED_AT
    return 0
