"""A writer of QUIC packets and frames for tests, each field open to be wrong; its cryptography is another library's."""

import struct
from collections.abc import Iterable, Iterator

from aioquic._buffer import Buffer
from aioquic.quic.packet import pull_ack_frame
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from support.packets.shapes import vector

V1, V2, DRAFT_29 = 1, 0x6B3343CF, 0xFF00001D
VERSIONS = (V1, V2, DRAFT_29)
INITIAL, ZERO_RTT, HANDSHAKE, RETRY = range(4)
SALTS = {
    V1: bytes.fromhex("38762cf7f55934b34d179ae6a4c80cadccbb7f0a"),
    V2: bytes.fromhex("0dede3def700a6db819381be6e269dcbf9bd2ed9"),
    DRAFT_29: bytes.fromhex("afbfec289993d24c9e9786f19c6111e04390a899"),
}
PADDING, PING = b"\x00", b"\x01"
DCID = bytes.fromhex("8394c8f03e515708")  # of RFC 9001 appendix A and RFC 9369 appendix A


def varint(value: int, width: int = 0) -> bytes:
    """A variable-length integer, in 1, 2, 4 or 8 octets; 0: as few as do."""
    width = width or next(each for each in (1, 2, 4, 8) if value < 1 << (8 * each - 2))
    return (value | (width.bit_length() - 1) << (8 * width - 2)).to_bytes(width, "big")


def crypto(offset: int, octets: bytes) -> bytes:
    return b"\x06" + varint(offset) + varint(len(octets)) + octets


def crypto_of(message: bytes, sizes: Iterable[int]) -> list[bytes]:
    """CRYPTO frames that hold `message` in pieces of these sizes, the rest in a last one."""
    ends = [0]
    for size in sizes:
        ends.append(min(ends[-1] + size, len(message)))
    return [crypto(at, message[at:end]) for at, end in zip(ends, [*ends[1:], len(message)], strict=True) if at < end]


def ack(largest: int = 0, ranges: Iterable[tuple[int, int]] = (), ecn: bool = False) -> bytes:
    gaps = [varint(gap) + varint(n) for gap, n in ranges]
    counts = varint(1) + varint(300) + varint(0) if ecn else b""
    return bytes([2 + ecn]) + varint(largest) + varint(25) + varint(len(gaps)) + varint(0) + b"".join(gaps) + counts


def connection_close(reason: bytes = b"") -> bytes:
    return b"\x1c" + varint(0x100) + varint(6) + varint(len(reason)) + reason


def first_octet(kind: int, version: int) -> int:
    """Long form, fixed bit, kind: version 2 counts kinds from Retry."""
    return 0xC0 | ((kind + 1) % 4 if version == V2 else kind) << 4


def long_header(kind: int, version: int = V1, dcid: bytes = DCID, scid: bytes = b"", more: bytes = b"") -> bytes:
    return bytes([first_octet(kind, version)]) + struct.pack("!I", version) + vector(dcid, 1) + vector(scid, 1) + more


def numbered(kind: int, version: int = V1, n: int = 40, dcid: bytes = DCID) -> bytes:
    """A 0-RTT or Handshake packet of which `n` octets are protected; nobody without its keys can tell it from this."""
    return long_header(kind, version, dcid, b"", varint(n, 2) + bytes(range(n)))


def expand(secret: bytes, label: bytes, n: int) -> bytes:
    """HKDF-Expand-Label of RFC 8446 §7.1 with an empty context."""
    return HKDFExpand(SHA256(), n, struct.pack("!H", n) + vector(b"tls13 " + label, 1) + b"\x00").derive(secret)


def keys_of(version: int, dcid: bytes, side: bytes = b"client in") -> tuple[bytes, bytes, bytes]:
    """Key, IV and header protection key."""
    extract = HMAC(SALTS[version], SHA256())
    extract.update(dcid)
    secret = expand(extract.finalize(), side, 32)
    prefix = b"quicv2 " if version == V2 else b"quic "
    return expand(secret, prefix + b"key", 16), expand(secret, prefix + b"iv", 12), expand(secret, prefix + b"hp", 16)


def initial(
    frames: bytes,
    *,
    version: int = V1,
    dcid: bytes = DCID,
    scid: bytes = b"",
    token: bytes = b"",
    number: int = 0,
    number_octets: int = 4,
    keyed: bytes | None = None,
    side: bytes = b"client in",
    size: int = 0,
    is_fixed: bool = True,
) -> bytes:
    """An Initial, protected.

    keyed   the connection ID that its keys come from, where that is not `dcid`
    side    whose keys protect it, as RFC 9001 §5.2 labels them
    size    padded with PADDING frames up to this many octets"""
    key, iv, hp = keys_of(version, dcid if keyed is None else keyed, side)
    head = long_header(INITIAL, version, dcid, scid, varint(len(token)) + token)
    frames += bytes(max(0, size - len(head) - 2 - number_octets - len(frames) - 16))
    head += varint(number_octets + len(frames) + 16, 2)
    first = (head[0] if is_fixed else head[0] & ~0x40) | number_octets - 1
    sent = (number & (1 << 8 * number_octets) - 1).to_bytes(number_octets, "big")
    nonce = (int.from_bytes(iv, "big") ^ number).to_bytes(12, "big")
    sealed = AESGCM(key).encrypt(nonce, frames, bytes([first]) + head[1:] + sent)
    mask = _mask(hp, (sent + sealed)[4:20])
    hidden = bytes(octet ^ cover for octet, cover in zip(sent, mask[1:5], strict=False))
    return bytes([first ^ mask[0] & 0x0F]) + head[1:] + hidden + sealed


def _mask(hp: bytes, sample: bytes) -> bytes:
    return Cipher(AES(hp), ECB()).encryptor().update(sample)


def opened(
    octets: bytes, version: int, pn_at: int, dcid: bytes, side: bytes = b"client in", number: int | None = None
) -> bytes | None:
    """The frames of an Initial, opened by the keys of `dcid`; None where its tag is another.

    pn_at   where its packet number begins;  number  that one in full, where it is more than what was sent"""
    if len(octets) < pn_at + 20:
        return None
    key, iv, hp = keys_of(version, dcid, side)
    mask = _mask(hp, octets[pn_at + 4 : pn_at + 20])
    first = octets[0] ^ mask[0] & 0x0F
    end = pn_at + (first & 3) + 1
    sent = bytes(octet ^ cover for octet, cover in zip(octets[pn_at:end], mask[1:5], strict=False))
    whole = int.from_bytes(sent, "big") if number is None else number
    nonce = (int.from_bytes(iv, "big") ^ whole).to_bytes(12, "big")
    try:
        return AESGCM(key).decrypt(nonce, octets[end:], bytes([first]) + octets[1:pn_at] + sent)
    except InvalidTag:
        return None


def crypto_in(frames: bytes) -> Iterator[tuple[int, bytes]]:
    """Offset and octets of each CRYPTO frame, up to a frame that no Initial may hold (RFC 9000 §17.2.2)."""
    buffer = Buffer(data=frames)
    while not buffer.eof():
        kind = buffer.pull_uint_var()
        if kind == 6:
            offset = buffer.pull_uint_var()
            yield offset, buffer.pull_bytes(buffer.pull_uint_var())
        elif kind in (2, 3):
            pull_ack_frame(buffer)
            for _ in range(3 * (kind - 2)):
                buffer.pull_uint_var()
        elif kind > 1:
            return
