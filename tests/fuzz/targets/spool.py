"""Any octets are a segment of at most as many events as they have room for, or ValueError; a cut one is a prefix."""

from fuzz import served

from fastpath.report.spool import BlockEvent, Read, read_segment

SEGMENT = served.FOLDER / "fuzzed.seg"
SLOT_OCTETS = 128  # fastpath/report/spool.pxd


def check(data: bytes) -> None:
    SEGMENT.write_bytes(data)
    whole = _read(0, 100)
    if whole is None:
        return
    assert len(whole.events) <= whole.next <= max(0, len(data) // SLOT_OCTETS - 1)
    assert all(isinstance(event, BlockEvent) for event in whole.events)
    if len(whole.events) < 100:
        assert _read(whole.next, 100) == ([], whole.next)
    one = _read(0, 1)
    assert one is not None and one.events == whole.events[:1]
    rest = _read(one.next, 99)
    assert rest == (whole.events[1:], whole.next)
    assert _read(0, 0) == ([], 0)


def _read(first: int, limit: int) -> Read | None:
    try:
        return read_segment(SEGMENT, first, limit)
    except ValueError:
        return None
