"""What is found in a frame is its own end, longer frames hold the same packet, and other link types are refused.

Input: an octet that chooses the link type; the frame.
"""

from fastpath.wire.link import ip_packet

NFLOG = 239
LINKS = (0, 1, 9, 50, 101, 104, 108, 113, 228, 229, 276, NFLOG)


def check(data: bytes) -> None:
    if not data:
        return
    link, frame = LINKS[data[0] % len(LINKS)], data[1:]
    found = _read(link, frame)
    longer = _read(link, frame + b"\x45more")
    if link == NFLOG:
        return  # its attributes end where they say
    if isinstance(found, bytes):
        assert frame.endswith(found) and longer == found + b"\x45more"
    elif found is None or "more than" in found:
        assert longer == found
    assert _read(147, frame) == "a link type that is not read: 147"


def _read(link: int, frame: bytes) -> bytes | str | None:
    try:
        return ip_packet(link, frame)
    except ValueError as reason:
        return str(reason)
