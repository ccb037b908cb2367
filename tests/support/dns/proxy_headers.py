"""PROXY protocol headers, version 2, put before a query or a stream."""

import struct
from ipaddress import ip_address

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
LOCAL, PROXY = 0x20, 0x21
UDP4, UDP6 = 0x12, 0x22


def header(rest: bytes, family: int = UDP4, command: int = PROXY) -> bytes:
    return SIGNATURE + struct.pack("!BBH", command, family, len(rest)) + rest


def tlv(kind: int, value: bytes) -> bytes:
    return struct.pack("!BH", kind, len(value)) + value


def ends(client: str, port: int = 40000) -> bytes:
    """Addresses and ports: the client's, and those that it asked at."""
    source = ip_address(client)
    here = ip_address("192.0.2.53" if source.version == 4 else "2001:db8::53")
    return source.packed + here.packed + struct.pack("!HH", port, 53)


def proxied(message: bytes, client: str, tlvs: bytes = b"") -> bytes:
    """A query over UDP as a proxy sends it on."""
    return header(ends(client) + tlvs, UDP4 if ip_address(client).version == 4 else UDP6) + message
