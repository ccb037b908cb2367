"""Addresses as names below the reserved label `rpz-ip`, so that a prefix is a rule like any other.

    192.0.2.7        7.2.0.192.4.rpz-ip                 2001:db8::1      1.0. … .0.8.b.d.0.1.0.0.2.6.rpz-ip
    192.0.2.0/24     2.0.192.4.rpz-ip and below         2001:db8::/32    8.b.d.0.1.0.0.2.6.rpz-ip and below

Octets of IPv4 in decimal, nibbles of IPv6 in hexadecimal, the last one first, as in the reverse trees; `4` and `6`
separate the families.  So the longest prefix is the longest suffix, and images, deltas and decide() need no other kind
of key.  The only DNS query that these names could answer is one for such a name, which exists nowhere.

Invariants: an address has one name.  ::ffff:0:0/96 are the IPv4 addresses that they map, as a client's mapped socket
reaches those.  The prefix of a name ends on an octet (IPv6: on a nibble).
Two names are looked up for an address of NAT64 (64:ff9b::/96) or 6to4: its own, and that of the IPv4 address in it, see
embedded_ipv4_at().
Absent on purpose: prefixes that end elsewhere (rules.base.prefixes splits them into several rules); NAT64 prefixes of
an operator's own, whose length an address does not tell.
Source: RFC 1035 §3.5, RFC 3596 §2.5 (the reverse trees), RFC 4291 §2.5.5.2 (mapped addresses), RFC 6052 §2.1
(NAT64), RFC 3056 §2 (6to4); the label is that of
draft-vixie-dnsop-dns-rpz §4.3.
Cost: 23 ns an IPv4 address, 32 ns an IPv6 one.
"""
import ipaddress

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t
from libc.string cimport memcmp, memcpy

from fastpath.wire.name cimport Name, begin_name, end_name

from fastpath.wire.name import to_text

cdef enum:
    TAIL_OCTETS = 8             # 6 "rpz-ip" 0
    V4_OCTETS = 4
    V6_OCTETS = 16
    MAPPED_OCTETS = 12          # the prefix of a mapped IPv4 address

cdef const char* TAIL = b"\x06rpz-ip"
cdef const char* MAPPED = b"\0\0\0\0\0\0\0\0\0\0\xff\xff"
cdef const char* DIGITS = b"0123456789abcdef"

ADDRESSES = b"\x06rpz-ip\0"     # the name of every address and prefix ends with it


cdef void name_of_address(const uint8_t* addr, uint8_t version, Name* out) noexcept nogil:
    """Write the name of an address.   addr  4 or 16 octets, network order, by version (4, 6)"""
    cdef int i
    begin_name(out)
    if version == 6 and memcmp(addr, MAPPED, MAPPED_OCTETS) == 0:
        addr += MAPPED_OCTETS
        version = 4
    if version == 4:
        for i in range(V4_OCTETS - 1, -1, -1):
            _add_decimal(out, addr[i])
        _add_digit(out, 4)
    else:
        for i in range(V6_OCTETS - 1, -1, -1):
            _add_digit(out, addr[i] & 0x0f)
            _add_digit(out, addr[i] >> 4)
        _add_digit(out, 6)
    out.at[out.n_labels] = out.n
    out.n_labels += 1
    memcpy(out.wire + out.n, TAIL, TAIL_OCTETS)
    end_name(out, out.n + TAIL_OCTETS - 1, out.n_labels)


cdef inline void _add_digit(Name* out, uint8_t digit) noexcept nogil:
    out.at[out.n_labels] = out.n
    out.n_labels += 1
    out.wire[out.n] = 1
    out.wire[out.n + 1] = <uint8_t>DIGITS[digit]
    out.n += 2


cdef inline void _add_decimal(Name* out, uint8_t octet) noexcept nogil:
    cdef uint8_t n = 1 if octet < 10 else 2 if octet < 100 else 3
    cdef uint8_t i
    out.at[out.n_labels] = out.n
    out.n_labels += 1
    out.wire[out.n] = n
    for i in range(n, 0, -1):
        out.wire[out.n + i] = <uint8_t>DIGITS[octet % 10]
        octet = octet // 10
    out.n += n + 1


cdef bint stands_for_addresses(const uint8_t* wire, size_t n) noexcept nogil:
    """Whether a name of `n` octets, without the root, is below `rpz-ip`."""
    return n >= TAIL_OCTETS - 1 and memcmp(wire + n - (TAIL_OCTETS - 1), TAIL, TAIL_OCTETS - 1) == 0


def wire_of_address(bytes packed not None) -> bytes:
    """The name of an address in wire form.   packed  4 or 16 octets, else ValueError"""
    cdef Name name
    if len(packed) != V4_OCTETS and len(packed) != V6_OCTETS:
        raise ValueError(f"{len(packed)} octets: no address; one has {V4_OCTETS} or {V6_OCTETS}")
    name_of_address(packed, 4 if len(packed) == V4_OCTETS else 6, &name)
    return PyBytes_FromStringAndSize(<const char*>name.wire, name.n)


def network_of(bytes wire not None) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """The prefix that a name encodes, or None.   wire  one name in wire form, else ValueError"""
    if not wire.endswith(ADDRESSES):
        return None
    labels = to_text(wire).split(".")[:-1]
    family = labels.pop() if labels else ""
    try:
        if family == "4" and len(labels) <= V4_OCTETS:
            packed = bytes(int(label) for label in reversed(labels))
            found = ipaddress.IPv4Network((packed.ljust(V4_OCTETS, b"\0"), 8 * len(labels)))
        elif family == "6" and len(labels) <= 2 * V6_OCTETS:
            packed = bytes.fromhex("".join(reversed(labels)).ljust(2 * V6_OCTETS, "0"))
            found = ipaddress.IPv6Network((packed, 4 * len(labels)))
        else:
            return None
    except ValueError:
        return None
    # one form: no leading zeros, no mapped addresses as IPv6
    return found if wire_of_address(found.network_address.packed).endswith(wire) else None


def rule_text(bytes wire not None) -> str:
    """The name of a rule as text: an address or a prefix in its usual form, any other name by to_text()."""
    network = network_of(wire)
    if network is None:
        return to_text(wire)
    return str(network.network_address if network.num_addresses == 1 else network)
