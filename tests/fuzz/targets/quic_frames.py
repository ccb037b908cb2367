"""The frames of an Initial that was cut are the whole one's before the cut; none is longer than what is there."""

from fuzz.prefixes import EVERY

from fastpath.wire.quic import crypto_frames

PAST = 1 << 62


def check(data: bytes) -> None:
    whole = _frames(data)
    if whole is None:
        return
    assert sum(2 + len(octets) for _, octets in whole) < len(data) + 1
    assert all(offset + len(octets) < PAST and octets in data for offset, octets in whole)
    assert _frames(b"\x00\x01" + data + bytes(3)) == whole
    assert _frames(data + b"\x06\x05\x02hi") == [*whole, (5, b"hi")]
    assert _frames(data + b"\x08") is None
    for n in range(0, len(data), 1 + len(data) // EVERY):
        early = _frames(data[:n])
        assert early is None or early == whole[: len(early)], n


def _frames(data: bytes) -> list[tuple[int, bytes]] | None:
    try:
        return crypto_frames(data)
    except ValueError:
        return None
