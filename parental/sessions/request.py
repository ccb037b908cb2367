"""RADIUS accounting: a datagram checked and read, and its answer.

A datagram is read in three steps, so that each costs little to anyone who may not go further: its frame, its
authenticator (which no one without the secret can make), its attributes.

Invariants: a request that is not whole, or whose authenticator does not fit, has no attributes here; an address that
no host can have is not a name.
Source: RFC 2865 §3, RFC 2866, RFC 2869 §5.3 (Event-Timestamp), RFC 3162 and RFC 4818 (prefixes), RFC 6911 (IPv6
address).
Cost: 35 us with its answer.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address, IPv6Network

from pyrad.packet import AccountingRequest, AcctPacket, PacketError

HEADER_OCTETS = 20
MAX_OCTETS = 4096  # RFC 2865 §3
FEWEST_BITS = 40  # of an IPv6 prefix: no one delegates more to one line, and a shorter one would be half a provider

# Attributes by their numbers.
USER_NAME, NAS_IP, FRAMED_IP, CALLING_STATION, NAS_IDENTIFIER = 1, 4, 8, 31, 32
STATUS_TYPE, DELAY_TIME, SESSION_ID, SESSION_TIME, EVENT_TIMESTAMP = 40, 41, 44, 46, 55
NAS_IPV6, FRAMED_PREFIX, DELEGATED_PREFIX, FRAMED_IPV6 = 95, 97, 123, 168
NO_ADDRESS = (b"\xff\xff\xff\xff", b"\xff\xff\xff\xfe", b"\0\0\0\0")  # "to be chosen", RFC 2865 §5.8

Slot = bytes  # length of a prefix in bits, then its address; b"": none


class MalformedRequest(ValueError):
    """No accounting request, or one that contradicts itself."""


class ForgedRequest(ValueError):
    """The authenticator does not fit the secret."""


class Status(IntEnum):
    """Acct-Status-Type, those that are used here."""

    START = 1
    STOP = 2
    INTERIM = 3
    ON = 7
    OFF = 8


@dataclass(frozen=True, slots=True)
class Accounting:
    """A request.

    nas       how the NAS calls itself; b"": it does not
    at_s      when it happened, unix; None: the NAS does not say
    delay_s   for how long it has been on its way;   lasted_s  for how long the session had lived by then
    slots     IPv4 address, framed prefix, delegated prefix, framed IPv6 address"""

    status: int
    nas: bytes
    session: bytes
    user: bytes
    station: bytes
    at_s: int | None
    delay_s: int
    lasted_s: int
    slots: tuple[Slot, Slot, Slot, Slot]


def read_request(datagram: bytes, secret: bytes) -> tuple[Accounting, AcctPacket]:
    """Check and read a request; with the packet that answer_to() takes.   Raises MalformedRequest, ForgedRequest"""
    _check_frame(datagram)
    try:
        packet = AcctPacket(secret=secret, packet=datagram)
        is_of_secret = packet.VerifyAcctRequest()
    except (PacketError, LookupError, TypeError, ValueError, AttributeError, struct.error) as reason:
        raise MalformedRequest(f"it cannot be read ({reason})") from reason
    if not is_of_secret:
        raise ForgedRequest("its authenticator does not fit the secret")
    return _read(packet), packet


def answer_to(packet: AcctPacket) -> bytes:
    """The Accounting-Response to a request."""
    return bytes(packet.CreateReply().ReplyPacket())


def _check_frame(datagram: bytes) -> None:
    """Raise MalformedRequest where header and lengths of attributes are not those of a whole request."""
    length = int.from_bytes(datagram[2:4], "big")
    if not HEADER_OCTETS <= length <= min(len(datagram), MAX_OCTETS) or datagram[0] != AccountingRequest:
        raise MalformedRequest("it is no whole accounting request")
    at = HEADER_OCTETS
    while at < length:
        octets = datagram[at + 1] if at + 1 < length else 0
        if octets < 2:
            raise MalformedRequest("an attribute is shorter than its header")
        at += octets
    if at != length:
        raise MalformedRequest("an attribute is longer than the request")


def _read(packet: AcctPacket) -> Accounting:
    return Accounting(
        _number(packet, STATUS_TYPE) or 0,
        _first(packet, NAS_IDENTIFIER) or _first(packet, NAS_IP) or _first(packet, NAS_IPV6),
        _first(packet, SESSION_ID),
        _first(packet, USER_NAME),
        _first(packet, CALLING_STATION),
        _number(packet, EVENT_TIMESTAMP),
        _number(packet, DELAY_TIME) or 0,
        _number(packet, SESSION_TIME) or 0,
        (
            _slot4(_first(packet, FRAMED_IP)),
            _slot6(_first(packet, FRAMED_PREFIX)),
            _slot6(_first(packet, DELEGATED_PREFIX)),
            _slot6_of_address(_first(packet, FRAMED_IPV6)),
        ),
    )


def _first(packet: AcctPacket, attribute: int) -> bytes:
    """The first value of an attribute; b"": it is missing."""
    values: Sequence[bytes] = packet.get(attribute) or (b"",)
    return values[0]


def _number(packet: AcctPacket, attribute: int) -> int | None:
    value = _first(packet, attribute)
    if not value:
        return None
    if len(value) != 4:
        raise MalformedRequest(f"attribute {attribute} has {len(value)} octets, a number has 4")
    return int.from_bytes(value, "big")


def _slot4(value: bytes) -> Slot:
    if not value or value in NO_ADDRESS:
        return b""
    if len(value) != 4:
        raise MalformedRequest(f"Framed-IP-Address has {len(value)} octets")
    address = IPv4Address(value)
    if address.is_multicast or address.is_loopback or address.is_reserved:
        raise MalformedRequest("Framed-IP-Address is no host's")
    return b"\x20" + value


def _slot6(value: bytes) -> Slot:
    """A prefix: an octet that is reserved, its length, and as many octets of it as are needed (RFC 3162 §2.3)."""
    if not value:
        return b""
    bits, octets = value[1] if len(value) > 1 else 0, value[2:].ljust(16, b"\0")
    if not FEWEST_BITS <= bits <= 128 or len(octets) != 16 or len(value) - 2 < (bits + 7) // 8:
        raise MalformedRequest("an IPv6 prefix has a length that no line's has")
    network = IPv6Network((octets, bits), strict=False)  # bits beyond the length are to be ignored
    if network.is_multicast or network.is_loopback:
        raise MalformedRequest("an IPv6 prefix is no host's")
    return bytes([bits]) + network.network_address.packed


def _slot6_of_address(value: bytes) -> Slot:
    if not value:
        return b""
    if len(value) != 16:
        raise MalformedRequest(f"Framed-IPv6-Address has {len(value)} octets")
    if IPv6Address(value).is_unspecified:
        return b""
    return _slot6(b"\0\x80" + value)
