"""Builders that the packet tests share: TCP segments of one client, ClientHellos, request heads."""

import ipaddress
import struct
from dataclasses import dataclass, replace

from fastpath.gate.marks import MARK_QUEUED, MARK_REPLY

SERVER_ISN = 77777  # sequence number of a server's first octet
SYN, ACK, FIN, RST, PSH, URG = 0x02, 0x10, 0x01, 0x04, 0x08, 0x20


@dataclass(frozen=True, slots=True)
class Client:
    """One TCP connection as its client sends it."""

    src: str = "192.0.2.1"
    dst: str = "198.51.100.1"
    sport: int = 40000
    dport: int = 443
    isn: int = 1000  # sequence number of the first octet
    options: bytes = b""  # of TCP, a multiple of four octets

    def segment(self, at: int, payload: bytes, flags: int = ACK | PSH, ack: int = SERVER_ISN) -> bytes:
        """An IP packet with `payload` at stream position `at`."""
        seq = (self.isn + at) & 0xFFFFFFFF
        tcp = struct.pack("!HHIIBBHHH", self.sport, self.dport, seq, ack, self._offset(), flags, 512, 0, 0)
        tcp += self.options + payload
        return self._packet(6, tcp)

    def answer(self, acked: int, payload: bytes = b"", at: int = 0) -> bytes:
        """A packet of the server's that acknowledges everything before stream position `acked`."""
        server = replace(self, src=self.dst, dst=self.src, sport=self.dport, dport=self.sport, isn=SERVER_ISN)
        return server.segment(at, payload, ack=(self.isn + acked) & 0xFFFFFFFF)

    def accepted(self) -> bytes:
        """The server's SYN/ACK."""
        server = replace(self, src=self.dst, dst=self.src, sport=self.dport, dport=self.sport, isn=SERVER_ISN)
        return server.segment(-1, b"", SYN | ACK, ack=self.isn & 0xFFFFFFFF)

    def _offset(self) -> int:
        return (5 + len(self.options) // 4) << 4

    def datagram(self, payload: bytes) -> bytes:
        """An IP packet with `payload` in UDP; a checksum of 0."""
        return self._packet(17, struct.pack("!HHHH", self.sport, self.dport, 8 + len(payload), 0) + payload)

    def _packet(self, protocol: int, octets: bytes) -> bytes:
        src, dst = ipaddress.ip_address(self.src).packed, ipaddress.ip_address(self.dst).packed
        if len(src) == 4:
            return struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(octets), 1, 0x4000, 64, protocol, 0) + src + dst + octets
        return struct.pack("!IHBB", 6 << 28, len(octets), protocol, 64) + src + dst + octets

    def mark(self, state: int) -> int:
        """The mark that the kernel gives a queued packet of this connection."""
        return MARK_QUEUED | state


ACCEPTED = MARK_QUEUED | MARK_REPLY  # the mark of a SYN/ACK


def timestamps(value: int) -> bytes:
    """TCP options: timestamps (RFC 7323)."""
    return b"\x01\x01\x08\x0a" + struct.pack("!II", value, 0)


def max_segment(size: int) -> bytes:
    """A TCP option: the longest segment that may be sent to its sender (RFC 9293 §3.2)."""
    return struct.pack("!BBH", 2, 4, size)


def md5() -> bytes:
    """TCP options: an MD5 signature (RFC 2385)."""
    return b"\x13\x12" + bytes(16) + b"\x01\x01"


def server_name(*names: bytes) -> bytes:
    """A server_name extension."""
    entries = b"".join(struct.pack("!BH", 0, len(name)) + name for name in names)
    return struct.pack("!HHH", 0, len(entries) + 2, len(entries)) + entries


def hello_message(*names: bytes, padding: int = 0) -> bytes:
    """A ClientHello handshake message; without names there is no server_name extension."""
    extensions = (server_name(*names) if names else b"") + struct.pack("!HH", 21, padding) + bytes(padding)
    body = b"\x03\x03" + bytes(32) + b"\x00" + b"\x00\x02\x13\x01" + b"\x01\x00"
    body += struct.pack("!H", len(extensions)) + extensions
    return b"\x01" + len(body).to_bytes(3, "big") + body


def records(message: bytes, size: int = 16384, kind: int = 22) -> bytes:
    """A message in TLS records of `size` octets."""
    pieces = [message[i : i + size] for i in range(0, len(message), size)]
    return b"".join(struct.pack("!BHH", kind, 0x0301, len(piece)) + piece for piece in pieces)


def hello(*names: bytes, padding: int = 0) -> bytes:
    """A ClientHello in one record."""
    return records(hello_message(*names, padding=padding))


def request(host: bytes, target: bytes = b"/", method: bytes = b"GET", more: bytes = b"") -> bytes:
    """An HTTP/1.1 request head."""
    return method + b" " + target + b" HTTP/1.1\r\nHost: " + host + b"\r\n" + more + b"\r\n"
