"""What is found in a frame is the frame's own end, longer frames hold the same packet, and no link type raises.

Input: an octet that chooses the link type; the frame.
"""

from fastpath.wire.link import ip_packet

LINKS = (0, 1, 101, 108, 113, 228, 229, 276)


def check(data: bytes) -> None:
    if not data:
        return
    link, frame = LINKS[data[0] % len(LINKS)], data[1:]
    found = _read(link, frame)
    longer = _read(link, frame + b"\x45more")
    if isinstance(found, bytes):
        assert frame.endswith(found) and longer == found + b"\x45more"
    elif found is None or "more than" in found:
        assert longer == found
    assert ip_packet(147, frame) is None


def _read(link: int, frame: bytes) -> bytes | str | None:
    try:
        return ip_packet(link, frame)
    except ValueError as reason:
        return str(reason)
