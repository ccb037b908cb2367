"""Captures of real clients, and packets written for other readers."""

import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

from fastpath.wire.packet import Packet, packet
from fastpath.wire.quic import crypto_frames
from fastpath.wire.quic_initial import InitialOpener

PCAPS = Path(__file__).parents[3] / "../shared/pcaps"
RAW_IP = 101  # LINKTYPE_RAW
ETHERNET_HEADER = 14


def captures(is_quic: bool) -> list[Path]:
    """Those of QUIC, or those of TLS over TCP; empty where they are not beside this checkout."""
    paths = sorted(PCAPS.glob("*.pcap"))
    return [path for path in paths if ("quic" in path.name or "http3" in path.name) == is_quic]


def frames(capture: bytes) -> Iterator[bytes]:
    """The IP packets of a classic little-endian pcap with Ethernet framing."""
    at = 24
    while at < len(capture):
        n = struct.unpack_from("<I", capture, at + 8)[0]
        yield capture[at + 16 + ETHERNET_HEADER : at + 16 + n]
        at += 16 + n


def sent_to(capture: bytes, port: int) -> Iterator[Packet]:
    """The whole TCP and UDP packets to this port that have a payload."""
    for frame in frames(capture):
        try:
            seen = packet(frame)
        except ValueError:
            continue
        if seen is not None and seen.dport == port and seen.payload:
            yield seen


def streams_to(capture: bytes, port: int) -> list[bytes]:
    """What each TCP client sent, in order, by sequence number."""
    flows: dict[tuple[bytes, int], dict[int, bytes]] = {}
    for seen in sent_to(capture, port):
        if seen.proto == 6:
            flows.setdefault((seen.src, seen.sport), {})[seen.seq] = seen.payload
    return [b"".join(pieces[seq] for seq in sorted(pieces)) for pieces in flows.values()]


def datagrams_to(capture: bytes, port: int) -> dict[int, list[bytes]]:
    """The UDP datagrams by the port that they come from, as they came."""
    found: dict[int, list[bytes]] = {}
    for seen in sent_to(capture, port):
        if seen.proto == 17:
            found.setdefault(seen.sport, []).append(seen.payload)
    return found


def crypto_stream(datagrams: Iterable[bytes]) -> bytes:
    """The handshake octets in the Initials of one client, each opened by the keys of its own connection ID.

    AssertionError where a piece is missing."""
    opened = [plain for each in datagrams for plain in InitialOpener().opened(each) if plain]
    stream = b""
    for offset, octets in sorted(frame for plain in opened for frame in crypto_frames(plain)):
        assert offset <= len(stream), "a gap"
        stream = stream[:offset] + octets + stream[offset + len(octets) :]
    return stream


def write_capture(path: Path, packets: Iterable[bytes]) -> None:
    """IP packets as a classic pcap, one a second."""
    with path.open("wb") as out:
        out.write(struct.pack("<IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, RAW_IP))
        for number, octets in enumerate(packets):
            out.write(struct.pack("<IIII", number, 0, len(octets), len(octets)) + octets)
