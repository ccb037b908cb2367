"""Any octets are a segment of at most as many events as they have room for, or ValueError; a cut one is a prefix.

Columns count what a reader of single events reads, and never raise where they are a segment."""

from collections import Counter

from fuzz import served

from fastpath.report.columns import NOT_A_SUBSCRIBER, read_columns
from fastpath.report.spool import BlockEvent, SpoolPart, read_segment

SEGMENT = served.FOLDER / "fuzzed.seg"
SLOT_OCTETS = 128  # fastpath/report/spool.pxd


def check(data: bytes) -> None:
    SEGMENT.write_bytes(data)
    _check_columns(data)
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


def _check_columns(data: bytes) -> None:
    try:
        found = read_columns(SEGMENT, 0, 100, 100)
    except ValueError:
        assert _read(0, 100) is None
        return
    assert found.n + found.n_damaged <= found.next <= max(0, len(data) // SLOT_OCTETS - 1)
    assert found.n == sum(found.counts) and set(found.kind) == set(range(len(found.kinds)))
    whole = _read(0, 100)
    if whole is not None and not found.n_damaged:
        assert found.next == whole.next
        counted: Counter[tuple[object, ...]] = Counter()
        for time_s, kind, whose, n in zip(found.time_s, found.kind, found.subscriber, found.counts, strict=True):
            subscriber = None if whose == NOT_A_SUBSCRIBER else whose
            counted[time_s, *found.kinds[kind][1:3], subscriber, *found.kinds[kind][4:]] += n
        assert counted == Counter((each.time_ns // 10**9, *each[1:]) for each in whole.events)


def _read(first: int, limit: int) -> SpoolPart | None:
    try:
        return read_segment(SEGMENT, first, limit)
    except ValueError:
        return None
