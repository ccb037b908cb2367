"""IP packets of one client's segments, in every framing, whole or in fragments.

Source: RFC 791 §3.1, RFC 8200 §4, RFC 9293 §3.1, RFC 1071 (checksum).
"""

import ipaddress
import itertools
import struct
from dataclasses import dataclass

from support.evasion.segments import Segment

TCP, UDP, FRAGMENT = 6, 17, 44
HOP_BY_HOP, ROUTING, DESTINATION = 0, 43, 60
NOPS = b"\x01\x01\x01\x00"  # IPv4 options: three NOP and an end
PADN = b"\x01\x04\x00\x00\x00\x00"  # an IPv6 option that says nothing: fills an extension header of 8 octets
FRAMED_OPTIONS = {"IPv4 with options": NOPS}
FRAMED_EXTENSIONS = {"IPv6 with extension headers": bytes([HOP_BY_HOP, DESTINATION])}


@dataclass(frozen=True, slots=True)
class Ends:
    """Who speaks to whom."""

    source: str
    target: str
    port: int
    target_port: int
    framing: str

    @property
    def is_v6(self) -> bool:
        return self.framing.startswith("IPv6")

    @property
    def packed(self) -> bytes:
        return ipaddress.ip_address(self.source).packed + ipaddress.ip_address(self.target).packed


def checksum(data: bytes) -> int:
    """RFC 1071."""
    total: int = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2)))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


def with_checksum(ends: Ends, kind: int, head: bytes, payload: bytes, at: int, off_by: int = 0) -> bytes:
    """A TCP or UDP packet whose checksum stands at octet `at` of its head."""
    pseudo = ends.packed + struct.pack("!IHBB", len(head + payload), 0, 0, kind)
    value = (checksum(pseudo + head + payload) + off_by) & 0xFFFF
    return head[:at] + struct.pack("!H", value) + head[at + 2 :] + payload


def segment(ends: Ends, one: Segment, seq: int, ack: int, window: int, options: bytes = b"") -> bytes:
    """A TCP segment.   options: a multiple of 4 octets."""
    numbers = (ends.port, ends.target_port, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF)
    offset = (20 + len(options)) // 4 << 4
    head = struct.pack("!HHIIBBHHH", *numbers, offset, one.flags, window, 0, one.urgent) + options
    return with_checksum(ends, TCP, head, one.data, 16, off_by=int(one.is_checksum_bad))


def datagram(ends: Ends, one: Segment) -> bytes:
    """A UDP datagram."""
    head = struct.pack("!HHHH", ends.port, ends.target_port, 8 + len(one.data), 0)
    return with_checksum(ends, UDP, head, one.data, 6, off_by=int(one.is_checksum_bad))


def octets_of(packet: bytes) -> int:
    """The length that an IP packet says it has."""
    is_v6 = packet[0] >> 4 == 6
    (length,) = struct.unpack_from("!H", packet, 4 if is_v6 else 2)
    return int(length) + (40 if is_v6 else 0)


def chain(kinds: bytes, last: int) -> tuple[int, bytes]:
    """IPv6 extension headers of 8 octets with nothing in them: the first's type, and the octets up to `last`."""
    octets = b""
    for kind, following in itertools.pairwise([*kinds, last]):
        octets += bytes([following, 0]) + (bytes(6) if kind == FRAGMENT else PADN)
    return [*kinds, last][0], octets


def packets(ends: Ends, one: Segment, kind: int, transport: bytes, ip_id: int = 1) -> list[bytes]:
    """The IP packets that carry `transport`: one, or its fragments."""
    ip_id = ip_id if one.ip_id is None else one.ip_id
    if ends.is_v6:
        return _packets6(ends, one, kind, transport, ip_id)
    options = one.ip_options + FRAMED_OPTIONS.get(ends.framing, b"")
    parts = _cut(transport, one)
    return [
        _packet4(ends, one, kind, piece, ip_id, options, (at >> 3) | (0 if is_last else 0x2000))
        for at, piece, is_last in parts
    ]


def _packet4(ends: Ends, one: Segment, kind: int, body: bytes, ip_id: int, options: bytes, where: int) -> bytes:
    where |= 0 if one.fragment_octets else 0x4000
    size = 20 + len(options)
    head = struct.pack("!BBHHHBBH", 0x40 | size // 4, 0, size + len(body), ip_id, where, one.ttl, kind, 0)
    head += ends.packed + options
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + body + one.padding


def _packets6(ends: Ends, one: Segment, kind: int, transport: bytes, ip_id: int) -> list[bytes]:
    kinds = one.extensions or FRAMED_EXTENSIONS.get(ends.framing, b"")
    if not one.fragment_octets:
        first, octets = chain(kinds, kind)
        return [_packet6(ends, one, first, octets + transport)]
    first, octets = chain(kinds, FRAGMENT)
    return [
        _packet6(ends, one, first, octets + struct.pack("!BBHI", kind, 0, at | int(not is_last), ip_id) + piece)
        for at, piece, is_last in _cut(transport, one)
    ]


def _packet6(ends: Ends, one: Segment, kind: int, body: bytes) -> bytes:
    length = 0 if one.says_no_length else len(body)
    return struct.pack("!IHBB", 6 << 28, length, kind, one.ttl) + ends.packed + body + one.padding


def _cut(transport: bytes, one: Segment) -> list[tuple[int, bytes, bool]]:
    """Offset, octets and whether it is the last, in the order in which they are sent."""
    size = one.fragment_octets or len(transport)
    cut = [(at, transport[at : at + size], at + size >= len(transport)) for at in range(0, len(transport), size)]
    if one.fragment_order == "overlapping":
        at, piece, _ = cut[1]
        cut.insert(1, (at, bytes(len(piece)), False))
    return cut[::-1] if one.fragment_order == "reversed" else cut
