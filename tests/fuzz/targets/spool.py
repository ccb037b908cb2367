"""Any octets are a segment of at most as many events as they have room for, or ValueError; a cut one is a prefix."""

from fuzz import served

from fastpath.spool import BlockEvent, read_segment

SEGMENT = served.FOLDER / "fuzzed.seg"
HEADER_OCTETS = EVENT_OCTETS = 320  # fastpath/spool.pxd


def check(data: bytes) -> None:
    SEGMENT.write_bytes(data)
    whole = _read(0, 100)
    if whole is None:
        return
    assert len(whole) <= max(0, len(data) - HEADER_OCTETS) // EVENT_OCTETS
    assert all(isinstance(event, BlockEvent) for event in whole)
    assert _read(0, 1) == whole[:1] and _read(1, 2) == whole[1:3]
    assert _read(len(whole), 100) == [] == _read(0, 0)


def _read(first: int, limit: int) -> list[BlockEvent] | None:
    try:
        return read_segment(SEGMENT, first, limit)
    except ValueError:
        return None
