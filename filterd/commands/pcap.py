"""Reads IP packets from capture files (pcap and pcapng).

Invariants: a packet that cannot be read is reported as a `BrokenPacket`, never raised, and the next one follows where
its length is known; no block's length is believed beyond the file's end or BLOCK_OCTETS.   Source:
draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from fastpath.wire.link import ip_packet

BLOCK_OCTETS = 1 << 24  # 16 MiB: the largest packet a capture may hold is 256 KiB, a name table may be more


@dataclass(frozen=True, slots=True)
class Frame:
    """One captured packet: when (unix seconds) and its IP packet."""

    time_s: float
    packet: bytes


@dataclass(frozen=True, slots=True)
class BrokenPacket:
    """A packet that could not be read, and why."""

    reason: str


def iter_frames(path: Path) -> Iterator[Frame | BrokenPacket]:
    """Every IP packet of a capture file, in order.   Raises OSError, ValueError for a file that is no capture."""
    with path.open("rb") as file:
        magic = file.read(4)
        file.seek(0)
        if magic == b"\x0a\x0d\x0d\x0a":
            yield from _iter_pcapng(file)
        elif magic in _PCAP_MAGICS:
            yield from _iter_pcap(file)
        else:
            raise ValueError(f"{path}: neither pcap nor pcapng; not read; name a capture file")


# ----------------------------------------------------------------------------------------------------------------------

_PCAP_MAGICS = {
    b"\xa1\xb2\xc3\xd4": (">", 1_000_000),
    b"\xd4\xc3\xb2\xa1": ("<", 1_000_000),
    b"\xa1\xb2\x3c\x4d": (">", 1_000_000_000),
    b"\x4d\x3c\xb2\xa1": ("<", 1_000_000_000),
}


def _iter_pcap(file: BinaryIO) -> Iterator[Frame | BrokenPacket]:
    header = file.read(24)
    order, per_second = _PCAP_MAGICS[header[:4]]
    if len(header) < 24:
        yield BrokenPacket("the file ends inside its header")
        return
    link = struct.unpack_from(order + "I", header, 20)[0] & 0xFFFF  # the upper bits are of a frame check sequence
    while record := file.read(16):
        if len(record) < 16:
            yield BrokenPacket("the file ends inside a record's header")
            return
        seconds, fraction, n, _ = struct.unpack(order + "IIII", record)
        if n > BLOCK_OCTETS:
            yield BrokenPacket(f"a record of {n} octets; the rest cannot be read")
            return
        data = file.read(n)
        if len(data) < n:
            yield BrokenPacket("the file ends inside a packet")
        yield from _framed(seconds + fraction / per_second, link, data)


def _iter_pcapng(file: BinaryIO) -> Iterator[Frame | BrokenPacket]:
    order = "<"
    links: list[tuple[int, int]] = []  # of each interface: link type, ticks a second
    while head := file.read(8):
        if head[:4] == b"\x0a\x0d\x0d\x0a":
            mark = file.read(4)
            file.seek(-len(mark), 1)
            order, links = (">" if mark == b"\x1a\x2b\x3c\x4d" else "<"), []
        if len(head) < 8:
            yield BrokenPacket("the file ends inside a block's header")
            return
        kind, n = struct.unpack(order + "II", head)
        if not 12 <= n <= BLOCK_OCTETS or n % 4:
            yield BrokenPacket(f"a block of {n} octets; the rest cannot be read")
            return
        body = file.read(n - 8)[:-4]
        if len(body) < n - 12:
            yield BrokenPacket("the file ends inside a block")
            return
        try:
            yield from _block(kind, body, order, links)
        except (struct.error, IndexError):
            yield BrokenPacket(f"a block of type {kind} contradicts itself")


def _block(kind: int, body: bytes, order: str, links: list[tuple[int, int]]) -> Iterator[Frame | BrokenPacket]:
    if kind == 1:  # interface description
        links.append((struct.unpack_from(order + "H", body)[0], _ticks_a_second(body[8:], order)))
    elif kind == 6:  # enhanced packet
        interface, high, low, n, _ = struct.unpack_from(order + "IIIII", body)
        link, ticks = links[interface]
        yield from _framed(((high << 32) | low) / ticks, link, body[20 : 20 + n])
    elif kind == 3:  # simple packet: no time
        n = struct.unpack_from(order + "I", body)[0]
        yield from _framed(0.0, links[0][0], body[4 : 4 + n])
    elif kind == 2:  # packet block, obsolete but found in old files
        interface, _, high, low, n, _ = struct.unpack_from(order + "HHIIII", body)
        link, ticks = links[interface]
        yield from _framed(((high << 32) | low) / ticks, link, body[20 : 20 + n])


def _ticks_a_second(options: bytes, order: str) -> int:
    """if_tsresol of an interface, microseconds where it is not said."""
    at = 0
    while at + 4 <= len(options):
        code, n = struct.unpack_from(order + "HH", options, at)
        if code == 9 and n == 1 and at + 4 < len(options):
            power = options[at + 4]
            return int(2 ** (power & 0x7F) if power & 0x80 else 10**power)
        if code == 0:
            break
        at += 4 + n + (-n % 4)
    return 1_000_000


def _framed(time_s: float, link: int, data: bytes) -> Iterator[Frame | BrokenPacket]:
    try:
        packet = ip_packet(link, data)
    except ValueError as reason:
        yield BrokenPacket(str(reason))
        return
    if packet:
        yield Frame(time_s, packet)
