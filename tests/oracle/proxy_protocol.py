"""A second reader of PROXY headers, version 2, that shares nothing with fastpath.wire.proxy_protocol.

    octets → read_header() → Header, or None while octets are missing, or BadHeader

Invariants: pure; a header is whole or refused, never guessed at; nothing after it is touched; TLVs fill it exactly, and
a checksum that is there is right, and the only one, so that a header is summed once.  Who may send one is the caller's
to know: the address it holds is believed.
Absent on purpose: version 1, which is text, and addresses of Unix sockets, which name no client.
Source: HAProxy, "The PROXY protocol Versions 1 & 2", §2.2; RFC 3720 §B.4 (CRC32C).
"""

import struct
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address
from typing import Final, NamedTuple

SIGNATURE: Final = b"\r\n\r\n\0\r\nQUIT\n"
HEAD_OCTETS: Final = 16
# dnsdist and HAProxy send at most a few TLVs: names, a certificate's subject.  The protocol allows 65535.
MAX_REST_OCTETS: Final = 4096

_LOCAL: Final = 0x20
_PROXY: Final = 0x21
_INET: Final = 1
_INET6: Final = 2
# Family and transport (stream, datagram) → octets of addresses: unspecified, IPv4, IPv6, Unix.
_ADDRESS_OCTETS: Final = {0x00: 0, 0x11: 12, 0x12: 12, 0x21: 36, 0x22: 36, 0x31: 216, 0x32: 216}
_CRC32C: Final = 0x03


class BadHeader(ValueError):
    """What was read is no PROXY header of version 2; the message says why."""


class Header(NamedTuple):
    """What a proxy said.

    source    address and port of the client; None: the proxy speaks for itself, or does not know
    after     where the header ends"""

    source: tuple[IPv4Address | IPv6Address, int] | None
    after: int


def read_header(octets: bytes) -> Header | None:
    """Read the header that `octets` begin with.   Raises BadHeader, as soon as they cannot become one."""
    if not SIGNATURE.startswith(octets[:12]):
        raise BadHeader("PROXY header: it does not begin like one of version 2; not served; let the proxy send it")
    if len(octets) < HEAD_OCTETS:
        return None
    command, family, n_rest = struct.unpack_from("!BBH", octets, 12)
    if command not in (_LOCAL, _PROXY):
        raise BadHeader(f"PROXY header: version and command {command:#04x} are unknown; not served; use version 2")
    if n_rest > MAX_REST_OCTETS:
        raise BadHeader(f"PROXY header: {n_rest} octets follow; not served; send at most {MAX_REST_OCTETS}")
    after = HEAD_OCTETS + n_rest
    if command == _LOCAL:  # whatever it holds is to be skipped
        return Header(None, after) if len(octets) >= after else None
    n_address = _address_octets(family, n_rest)
    if len(octets) < after:
        return None
    _check_tlvs(octets[:after], HEAD_OCTETS + n_address)
    return Header(_source(octets, family >> 4), after)


def _address_octets(family: int, n_rest: int) -> int:
    """How many octets the addresses take."""
    n_address = _ADDRESS_OCTETS.get(family)
    if n_address is None:
        raise BadHeader(f"PROXY header: family {family:#04x} is unknown; not served; use TCP over IPv4 or IPv6")
    if n_rest < n_address:
        raise BadHeader(f"PROXY header: {n_rest} octets for addresses of {n_address}; not served; mend the proxy")
    return n_address


def _source(octets: bytes, family: int) -> tuple[IPv4Address | IPv6Address, int] | None:
    if family == _INET:
        return IPv4Address(octets[16:20]), int.from_bytes(octets[24:26], "big")
    if family == _INET6:
        return IPv6Address(octets[16:32]), int.from_bytes(octets[48:50], "big")
    return None


def _check_tlvs(octets: bytes, at: int) -> None:
    checksums = [(value_at, value) for value_at, tlv_type, value in _iter_tlvs(octets, at) if tlv_type == _CRC32C]
    if len(checksums) > 1:
        raise BadHeader(f"PROXY header: {len(checksums)} checksums; not served; mend the proxy")
    for value_at, value in checksums:
        _check(octets, value_at, value)


def _iter_tlvs(octets: bytes, at: int) -> Iterator[tuple[int, int, bytes]]:
    """(where its value begins, type, value) of each TLV from `at` to the end."""
    while at < len(octets):
        if len(octets) - at < 3:
            raise BadHeader(f"PROXY header: a TLV of {len(octets) - at} octets; not served; mend the proxy")
        tlv_type, n = struct.unpack_from("!BH", octets, at)
        at += 3
        if n > len(octets) - at:
            raise BadHeader(f"PROXY header: a TLV of type {tlv_type:#04x} leaves it; not served; mend the proxy")
        yield at, tlv_type, octets[at : at + n]
        at += n


def _check(octets: bytes, at: int, value: bytes) -> None:
    """The checksum is over the whole header, its own octets as zeros."""
    if len(value) != 4 or crc32c(octets[:at] + bytes(4) + octets[at + 4 :]) != int.from_bytes(value, "big"):
        raise BadHeader("PROXY header: its checksum is wrong; not served; look at what lies between the proxy and us")


def _table() -> list[int]:
    values = list(range(256))
    for _ in range(8):
        values = [value >> 1 ^ (0x82F63B78 if value & 1 else 0) for value in values]
    return values


_TABLE: Final = _table()


def crc32c(octets: bytes) -> int:
    """The CRC of Castagnoli.   Cost: 50 ns an octet; headers with a checksum are rare and short."""
    crc = 0xFFFFFFFF
    for octet in octets:
        crc = crc >> 8 ^ _TABLE[(crc ^ octet) & 0xFF]
    return crc ^ 0xFFFFFFFF
