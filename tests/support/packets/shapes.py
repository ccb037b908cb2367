"""Builders of hellos, packets and questions: the shapes that parsers are tested with, each field open to be wrong."""

import ipaddress
import struct
from collections.abc import Iterable, Sequence

from fastpath.wire.name import to_wire

ECH = 0xFE0D
PADDING = 21


def vector(octets: bytes, width: int) -> bytes:
    """`octets` behind their length in `width` octets."""
    return len(octets).to_bytes(width, "big") + octets


def server_name(*names: bytes) -> tuple[int, bytes]:
    """A server_name extension with these host_names."""
    return 0, vector(b"".join(b"\x00" + vector(name, 2) for name in names), 2)


def hello_message(extensions: Iterable[tuple[int, bytes]]) -> bytes:
    """A ClientHello handshake message."""
    block = b"".join(struct.pack("!H", kind) + vector(body, 2) for kind, body in extensions)
    body = b"\x03\x03" + bytes(range(32)) + vector(bytes(32), 1) + vector(b"\x13\x01\x13\x02", 2) + vector(b"\x00", 1)
    return b"\x01" + vector(body + vector(block, 2), 3)


def record(fragment: bytes, kind: int = 22, version: bytes = b"\x03\x01") -> bytes:
    return bytes([kind]) + version + vector(fragment, 2)


def records(message: bytes, size: int) -> bytes:
    """`message` in records of at most `size` octets."""
    return b"".join(record(message[at : at + size]) for at in range(0, len(message), size))


def hello(*names: bytes) -> bytes:
    """A whole stream: one hello with one server_name extension behind others, in one record."""
    return record(hello_message([(10, bytes(6)), server_name(*names), (PADDING, bytes(20))]))


def tcp(payload: bytes = b"", *, seq: int = 1000, ack: int = 2000, flags: int = 0x18, options: bytes = b"") -> bytes:
    """A TCP segment from port 40000 to 443 without checksum; `options` a multiple of four octets."""
    head = struct.pack("!HHIIBBHHH", 40000, 443, seq, ack, (20 + len(options)) // 4 << 4, flags, 64240, 0, 0)
    return head + options + payload


def udp(payload: bytes = b"", length: int | None = None, sport: int = 40000) -> bytes:
    return struct.pack("!HHHH", sport, 443, 8 + len(payload) if length is None else length, 0) + payload


def ipv4(
    body: bytes, *, proto: int = 6, options: bytes = b"", fragment: int = 0x4000, total: int | None = None
) -> bytes:
    """An IPv4 packet 192.0.2.10 → 198.51.100.20 without checksum."""
    header = 20 + len(options)
    total = header + len(body) if total is None else total
    fixed = struct.pack("!BBHHHBBH", 0x40 | header // 4, 0, total, 7, fragment, 61, proto, 0)
    return fixed + bytes([192, 0, 2, 10]) + bytes([198, 51, 100, 20]) + options + body


def ipv6(body: bytes, *, proto: int = 6, chain: Sequence[tuple[int, bytes]] = (), length: int | None = None) -> bytes:
    """An IPv6 packet 2001:db8::10 → 2001:db8::20; `chain` gives (header's number, header without its first octet)."""
    kinds = [kind for kind, _ in chain] + [proto]
    headers = b"".join(bytes([after]) + rest for after, (_, rest) in zip(kinds[1:], chain, strict=True))
    ends = ipaddress.IPv6Address("2001:db8::10").packed + ipaddress.IPv6Address("2001:db8::20").packed
    n = len(headers) + len(body) if length is None else length
    return struct.pack("!IHBB", 6 << 28, n, kinds[0], 61) + ends + headers + body


def opt(size: int = 1232, version: int = 0, is_dnssec_ok: bool = False, options: bytes = b"") -> bytes:
    """An OPT record."""
    return b"\x00" + struct.pack("!HHBBH", 41, size, 0, version, 0x8000 if is_dnssec_ok else 0) + vector(options, 2)


def question(
    name: bytes, qtype: int = 1, qclass: int = 1, *, flags: int = 0x0100, additional: Sequence[bytes] = ()
) -> bytes:
    """A DNS query; the labels of `name` keep their case."""
    wire = b"".join(vector(label, 1) for label in name.split(b".")) + b"\x00" if name else b"\x00"
    head = struct.pack("!HHHHHH", 0x1234, flags, 1, 0, 0, len(additional))
    return head + wire + struct.pack("!HH", qtype, qclass) + b"".join(additional)


def canonical(name: str) -> bytes:
    return to_wire(name.encode())
