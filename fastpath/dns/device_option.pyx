"""Device ids: the EDNS option that says which device a forwarded query is of, as the address of its subscriber.

    65001 the MAC, 6 octets | 65073 the same in hex with colons, or in base64 | 65074 the id of a CPE, 1 to 11 octets
    ff00:6d61:63:: and the MAC | ff00:6370:65:: with the id: the first octets spell "mac" and "cpe"

As with tokens (fastpath/images/subscribers.pyx), the subscribers image has a device at a multicast address, which no
packet may come from.  The caller checks that the forwarder is listed.

Invariants: all three forms of one MAC give one address.  Two ids never share an address.  An unreadable id gives none.
Source: dnsmasq(8) --add-mac and --add-cpe-id; RFC 4291 §2.7 (scope 0 is reserved).
"""
import ipaddress
import re

from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcpy, memset

from fastpath.dns.query cimport Question
from fastpath.dns.wire cimport OPTION_CPE

cdef enum:
    MAC_OCTETS = 6
    TEXT_OCTETS = 17            # 01:23:45:67:89:ab
    BASE64_OCTETS = 8
    CPE_OCTETS = 11             # that fit into an address; ids in use are serial numbers
    KIND_AT = 2
    CPE_AT = 5
    MAC_AT = 10
    MULTICAST = 0xff
    NO_DIGIT = 0xff

_MAC = re.compile("mac:[0-9a-fA-F]{2}(?::[0-9a-fA-F]{2}){5}")
_CPE = re.compile(r"cpe:[!-~]{1,11}")


cdef bint address_of_device(const uint8_t* msg, const Question* q, uint8_t* out) noexcept nogil:
    """Write the 16 octets of a device's address; False where the query `msg` has no readable device id."""
    cdef const uint8_t* data = msg + q.device_at
    cdef size_t n = q.device_n
    if q.device_at == 0:
        return False
    memset(out, 0, 16)
    out[0] = MULTICAST
    if q.device_code != OPTION_CPE:
        memcpy(out + KIND_AT, b"mac", 3)
        return _read_mac(data, n, out + MAC_AT)
    if not 1 <= n <= CPE_OCTETS or data[n - 1] == 0:
        return False
    memcpy(out + KIND_AT, b"cpe", 3)
    memcpy(out + CPE_AT, data, n)
    return True


cdef bint _read_mac(const uint8_t* data, size_t n, uint8_t* out) noexcept nogil:
    if n == MAC_OCTETS:
        memcpy(out, data, MAC_OCTETS)
        return True
    if n == TEXT_OCTETS:
        return _read_hex(data, out)
    return n == BASE64_OCTETS and _read_base64(data, out)


cdef bint _read_hex(const uint8_t* data, uint8_t* out) noexcept nogil:
    cdef uint8_t high, low
    cdef int i
    for i in range(MAC_OCTETS):
        high = _hex_digit(data[3 * i])
        low = _hex_digit(data[3 * i + 1])
        if high == NO_DIGIT or low == NO_DIGIT or (i != MAC_OCTETS - 1 and data[3 * i + 2] != c':'):
            return False
        out[i] = <uint8_t>(high << 4 | low)
    return True


cdef bint _read_base64(const uint8_t* data, uint8_t* out) noexcept nogil:
    cdef uint64_t bits = 0
    cdef uint8_t digit
    cdef int i
    for i in range(BASE64_OCTETS):
        digit = _base64_digit(data[i])
        if digit == NO_DIGIT:
            return False
        bits = bits << 6 | digit
    for i in range(MAC_OCTETS):
        out[i] = <uint8_t>(bits >> (40 - 8 * i))
    return True


cdef inline uint8_t _hex_digit(uint8_t octet) noexcept nogil:
    if c'0' <= octet <= c'9':
        return <uint8_t>(octet - c'0')
    octet |= 0x20
    return <uint8_t>(octet - c'a' + 10) if c'a' <= octet <= c'f' else <uint8_t>NO_DIGIT


cdef inline uint8_t _base64_digit(uint8_t octet) noexcept nogil:
    """The value of a base64 digit (RFC 4648 §4)."""
    if c'A' <= octet <= c'Z':
        return <uint8_t>(octet - c'A')
    if c'a' <= octet <= c'z':
        return <uint8_t>(octet - c'a' + 26)
    if c'0' <= octet <= c'9':
        return <uint8_t>(octet - c'0' + 52)
    return 62 if octet == c'+' else 63 if octet == c'/' else <uint8_t>NO_DIGIT


def id_address(text: str) -> str:
    """Give the address that an image has for the device "mac:02:00:00:00:00:01" or "cpe:SERIAL".

    ValueError for what is neither."""
    if _MAC.fullmatch(text):
        packed = b"\xff\0mac" + bytes(5) + bytes.fromhex(text[4:].replace(":", ""))
    elif _CPE.fullmatch(text):
        packed = b"\xff\0cpe" + text[4:].encode("ascii").ljust(CPE_OCTETS, b"\0")
    else:
        raise ValueError(f"{text[:40]!r} is no device id; not used; write mac:02:00:00:00:00:01, "
                         f"or cpe: and 1 to {CPE_OCTETS} printable characters")
    return str(ipaddress.IPv6Address(packed))


def is_device(packed: bytes, n_bits: int) -> bool:
    """Whether a prefix is one device's address, as id_address() gives it.   packed: its first address"""
    return n_bits == 128 and packed[:CPE_AT] in (b"\xff\0mac", b"\xff\0cpe")


def option_address(code: int, data: bytes) -> str | None:
    """Give the address of the device that an EDNS option names; None where it is unreadable."""
    cdef Question q
    cdef uint8_t out[16]
    memset(&q, 0, sizeof(Question))
    q.device_code = code
    q.device_at = 1             # not 0, which would be none
    q.device_n = len(data)
    if not address_of_device(b"\0" + data, &q, out):
        return None
    return str(ipaddress.IPv6Address(<bytes>out[:16]))
