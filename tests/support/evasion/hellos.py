"""ClientHellos as browsers and libraries send them, of a wanted size, for a wanted name.

A server can finish its first flight with each of them: key shares are valid, versions and suites those of today.
Source: RFC 8446 §4.1.2, RFC 7685 (padding), RFC 8701 (GREASE), draft-ietf-tls-ecdhe-mlkem, draft-ietf-tls-esni §6.2.
"""

import random
import struct
from collections.abc import Callable

from support.packets.builders import records, server_name

CLASSIC_OCTETS = 512  # with its record header 517: what browsers padded to until key shares grew
POST_QUANTUM_OCTETS = 1782  # with its record header 1,787: Chromium since 124, in two segments
X25519, X25519_MLKEM768 = 0x001D, 0x11EC
MLKEM768_COEFFICIENTS = 1152  # octets of an encapsulation key before its seed; zeros are a valid vector
SUITES = (0x1301, 0x1302, 0x1303, 0xC02B, 0xC02F, 0xC02C, 0xC030, 0xCCA9, 0xCCA8)
SIGNATURES = (0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601)
GREASE = 0x2A2A
OLD_ESNI, ECH = 0xFFCE, 0xFE0D

_random = random.Random(8446)
_SHARE = _random.randbytes(32)
_SEED = _random.randbytes(32)


def extension(kind: int, body: bytes) -> bytes:
    return struct.pack("!HH", kind, len(body)) + body


def words(*values: int) -> bytes:
    """16-bit values behind their length."""
    return struct.pack(f"!H{len(values)}H", 2 * len(values), *values)


def key_shares(*groups: int) -> bytes:
    """A key_share extension with one share for each group; none at all asks for a HelloRetryRequest."""
    shares = b""
    for group in groups:
        share = _SHARE if group == X25519 else bytes(MLKEM768_COEFFICIENTS) + _SEED + _SHARE
        shares += struct.pack("!HH", group, len(share)) + share
    return extension(51, struct.pack("!H", len(shares)) + shares)


def grease_ech(kind: int = ECH) -> bytes:
    """What Chromium sends where it has no ECH configuration: random octets in the shape of one."""
    body = (
        b"\x00\x00\x01\x00\x01\x07" + struct.pack("!H", 32) + _SHARE + struct.pack("!H", 144) + _random.randbytes(144)
    )
    return extension(kind, body)


def extensions(groups: tuple[int, ...] = (X25519,), shares: tuple[int, ...] | None = None) -> list[bytes]:
    """All but server_name, as a browser of today has them."""
    alpn = b"\x02h2\x08http/1.1"
    return [
        extension(GREASE, b""),
        extension(23, b""),
        extension(0xFF01, b"\x00"),
        extension(10, words(*groups, 0x0017, 0x0018)),
        extension(11, b"\x01\x00"),
        extension(35, b""),
        extension(16, struct.pack("!H", len(alpn)) + alpn),
        extension(5, b"\x01\x00\x00\x00\x00"),
        extension(13, words(*SIGNATURES)),
        extension(18, b""),
        key_shares(*(groups if shares is None else shares)),
        extension(45, b"\x01\x01"),
        extension(43, b"\x04\x03\x04\x03\x03"),
    ]


def message(parts: list[bytes], size: int = 0, session: bytes = bytes(range(32))) -> bytes:
    """A ClientHello handshake message of these extensions, padded to `size` octets where it is shorter."""
    head = b"\x03\x03" + bytes(range(100, 132)) + bytes([len(session)]) + session + words(*SUITES) + b"\x01\x00"
    joined = b"".join(parts)
    missing = size - (4 + len(head) + 2 + len(joined))
    if missing >= 4:
        joined += extension(21, bytes(missing - 4))
    body = head + struct.pack("!H", len(joined)) + joined
    return b"\x01" + len(body).to_bytes(3, "big") + body


def classic(name: bytes) -> bytes:
    return message([server_name(name), *extensions()], CLASSIC_OCTETS)


def post_quantum(name: bytes) -> bytes:
    return message([server_name(name), *extensions((X25519_MLKEM768, X25519))], POST_QUANTUM_OCTETS)


def name_in_second_segment(name: bytes) -> bytes:
    return message([*extensions((X25519_MLKEM768, X25519)), server_name(name)], POST_QUANTUM_OCTETS)


def with_grease_ech(name: bytes) -> bytes:
    return message([server_name(name), *extensions(), grease_ech()])


def retried(name: bytes) -> bytes:
    """A hello whose server must answer with a HelloRetryRequest: it offers no share."""
    return message([server_name(name), *extensions(shares=())], CLASSIC_OCTETS)


# Whole records, by the name of the hello.
HELLOS: dict[str, Callable[[bytes], bytes]] = {
    "classic": lambda name: records(classic(name)),
    "post-quantum": lambda name: records(post_quantum(name)),
    "name in the second segment": lambda name: records(name_in_second_segment(name)),
    "GREASE ECH": lambda name: records(with_grease_ech(name)),
}
