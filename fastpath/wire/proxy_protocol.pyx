"""The PROXY protocol, version 2, at the front of a datagram or a stream: the client that a proxy speaks for.

    signature 12 | version and command 1 | family and transport 1 | length 2 | addresses | TLVs

Invariants: a header is whole or refused; TLVs fill it exactly, and a checksum that is there is right, and the only one,
so that a datagram is summed once at most; nothing after it is read.  Who may send one is the caller's to know: the
address it holds is believed.
Absent on purpose: version 1, addresses of Unix sockets, which name no client, and the client's port.
Source: HAProxy, "The PROXY protocol Versions 1 & 2", §2.2; RFC 3720 §B.4 (CRC32C).
"""
import ipaddress

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.string cimport memcmp, memcpy

from fastpath.base.cursor cimport (
    MALFORMED, NEED_MORE, NOT_THIS, OK, TOO_BIG, Cursor, Status, take_span, take_u16, take_u32, take_u8)

cdef enum:
    SIGNATURE = 12
    HEAD = 16
    MAX_REST = 4096             # of addresses and TLVs: a datagram that we take holds no more
    LOCAL = 0x20
    PROXY = 0x21
    INET = 1                    # high half of the family octet; the low one is the transport, stream or datagram
    INET6 = 2
    CRC32C = 0x03
    CRC_OCTETS = 4
    NO_FAMILY = -1

MAX_REST_OCTETS = MAX_REST

cdef uint32_t POLYNOMIAL = 0x82f63b78
cdef uint32_t[256] TABLE


cdef Status read_header(const uint8_t* msg, size_t n, ProxyHeader* out) noexcept nogil:
    """Read the header that `msg` begins with.   NEED_MORE: cut;  NOT_THIS: none;  else refused."""
    cdef Cursor c
    cdef uint8_t command = 0, family = 0
    cdef uint16_t n_rest = 0
    cdef int n_address
    if memcmp(msg, b"\r\n\r\n\0\r\nQUIT\n", min(n, <size_t>SIGNATURE)) != 0:
        return NOT_THIS
    if n < HEAD:
        return NEED_MORE
    c.at = msg + SIGNATURE
    c.end = msg + n
    take_u8(&c, &command)
    take_u8(&c, &family)
    take_u16(&c, &n_rest)
    if command != LOCAL and command != PROXY:
        return MALFORMED
    if n_rest > MAX_REST:
        return TOO_BIG
    out.after = <size_t>HEAD + n_rest
    out.ip_version = 0
    if command == LOCAL:        # all that it holds is to be skipped
        return OK if n >= out.after else NEED_MORE
    n_address = _address_octets(family)
    if n_address == NO_FAMILY or n_rest < n_address:
        return MALFORMED
    if n < out.after:
        return NEED_MORE
    c.end = msg + out.after
    _take_source(&c, family >> 4, out)
    c.at = msg + HEAD + n_address
    return _check_tlvs(msg, &c)


cdef inline int _address_octets(uint8_t family) noexcept nogil:
    """How many octets the addresses and ports of both ends take."""
    if family == 0x11 or family == 0x12:
        return 12
    if family == 0x21 or family == 0x22:
        return 36
    if family == 0x31 or family == 0x32:
        return 216
    return 0 if family == 0 else NO_FAMILY


cdef inline void _take_source(const Cursor* c, uint8_t family, ProxyHeader* out) noexcept nogil:
    """c   at addresses that are there"""
    if family == INET:
        out.ip_version = 4
        memcpy(out.addr, c.at, 4)
    elif family == INET6:
        out.ip_version = 6
        memcpy(out.addr, c.at, 16)


cdef Status _check_tlvs(const uint8_t* msg, Cursor* c) noexcept nogil:
    """c   from the first TLV to the end of the header"""
    cdef const uint8_t* summed = NULL
    cdef uint8_t kind = 0
    cdef uint16_t n = 0
    cdef Cursor value
    while c.at < c.end:
        if take_u8(c, &kind) != OK or take_u16(c, &n) != OK or take_span(c, n, &value) != OK:
            return MALFORMED
        if kind != CRC32C:
            continue
        if n != CRC_OCTETS or summed != NULL:
            return MALFORMED
        summed = value.at
    return OK if summed == NULL or _is_right(msg, summed, c.end) else MALFORMED


cdef bint _is_right(const uint8_t* msg, const uint8_t* summed, const uint8_t* end) noexcept nogil:
    """Whether the checksum at `summed` is that of the header, its own four octets taken as zeros."""
    cdef Cursor c
    cdef uint32_t wanted = 0
    cdef uint32_t crc = 0xffffffff
    cdef const uint8_t* at = msg
    c.at = summed
    c.end = end
    take_u32(&c, &wanted)
    while at < end:
        crc = crc >> 8 ^ TABLE[(crc ^ (0 if summed <= at < summed + CRC_OCTETS else at[0])) & 0xff]
        at += 1
    return (crc ^ <uint32_t>0xffffffff) == wanted


cdef void _fill_table() noexcept nogil:
    cdef uint32_t i, value, _bit
    for i in range(256):
        value = i
        for _bit in range(8):
            value = value >> 1 ^ (POLYNOMIAL if value & 1 else 0)
        TABLE[i] = value


_fill_table()


def told_by(octets: bytes) -> tuple[str | None, int] | None:
    """(client, where the header ends) of the header that `octets` begin with; None: they are cut.

    client   None: the proxy speaks for itself, or does not know.   ValueError for what is no header."""
    cdef ProxyHeader told
    cdef Status status = read_header(octets, len(octets), &told)
    if status == NEED_MORE:
        return None
    if status != OK:
        raise ValueError(_FAULTS[status])
    if told.ip_version == 0:
        return None, told.after
    packed = PyBytes_FromStringAndSize(<const char*>told.addr, 4 if told.ip_version == 4 else 16)
    return str(ipaddress.ip_address(packed)), told.after


def octets_missing(octets: bytes) -> int:
    """How many octets more the header that `octets` begin is known to need; asked where told_by() says None."""
    if len(octets) < HEAD:
        return HEAD - len(octets)
    return HEAD + int.from_bytes(octets[14:16], "big") - len(octets)


_FAULTS = {
    NOT_THIS: "PROXY header: it does not begin like one of version 2; not served; let the proxy send it",
    TOO_BIG: f"PROXY header: more than {MAX_REST} octets follow; not served; let the proxy send less",
    MALFORMED: "PROXY header: version, family, lengths or checksum are wrong; not served; correct the proxy",
}
