"""TCP segments between one client and one server, and the IP packets that the gate is fed with."""

import struct
from typing import NamedTuple

SYN, ACK, FIN, RST, PSH, URG = 0x02, 0x10, 0x01, 0x04, 0x08, 0x20
WINDOW = 64000
SEGMENT_OCTETS = 16000  # of the longest packet: what a network card has joined
MODULUS = 1 << 32
NOW_S = 1_795_000_000  # when a program begins
SERVER = bytes([203, 0, 113, 1])


class Segment(NamedTuple):
    """One segment.

    is_client  it carries the client's address as its source, wherever it comes from
    is_outside it comes from the interface that leads to the server
    is_taken   it reaches the other end, which accepts it: False for a distance that ends before, an option that the
               end refuses, or any other fault that only the end sees"""

    port: int
    flags: int
    seq: int
    ack: int
    octets: bytes = b""
    is_client: bool = True
    is_outside: bool = False
    is_taken: bool = True
    options: bytes = b""

    @property
    def end(self) -> int:
        """The sequence number behind it."""
        return (self.seq + len(self.octets) + (self.flags & SYN > 0) + (self.flags & FIN > 0)) % MODULUS


def is_before(a: int, b: int) -> bool:
    """Whether one sequence number is before another."""
    return (a - b) % MODULUS >= MODULUS // 2


def wire(segment: Segment, client: bytes, server_port: int) -> bytes:
    """The IPv4 packet, from its IP header on; its checksums are left to the network card."""
    ends = (client, SERVER) if segment.is_client else (SERVER, client)
    ports = (segment.port, server_port) if segment.is_client else (server_port, segment.port)
    offset = (5 + len(segment.options) // 4) << 4
    tcp = struct.pack("!HHIIBBHHH", *ports, segment.seq, segment.ack, offset, segment.flags, WINDOW, 0, 0)
    n = 40 + len(segment.options) + len(segment.octets)
    ip = struct.pack("!BBHHHBBH", 0x45, 0, n, 1, 0x4000, 64, 6, 0)
    return b"".join((ip, *ends, tcp, segment.options, segment.octets))


def injected(packet: bytes) -> tuple[bool, Segment]:
    """A packet that the gate injected: whether it is for the server, and the segment."""
    is_client = packet[16:20] == SERVER
    tcp = packet[(packet[0] & 15) * 4 :]
    sport, dport, seq, ack, offset, flags = struct.unpack_from("!HHIIBB", tcp)
    octets = tcp[(offset >> 4) * 4 :]
    return is_client, Segment(sport if is_client else dport, flags, seq, ack, octets, is_client)
