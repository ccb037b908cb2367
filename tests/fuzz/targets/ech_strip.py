"""A message is refused, or comes back with the same records and names, no SvcParam 5, and comes back as it is again."""

from fastpath.dns.ech_strip import without_ech
from fastpath.dns.records import RecordView, records

SERVICES = (64, 65)
MANDATORY, ECH = 0, 5


def check(data: bytes) -> None:
    try:
        stripped = without_ech(data)
    except ValueError:
        return
    assert len(stripped) <= len(data) and without_ech(stripped) == stripped
    assert stripped[:2] == data[:2] and stripped[4:12] == data[4:12]
    before, after = _records(data), _records(stripped)
    if before is None:  # an owner that no name is: there was nothing to take out
        assert stripped == data
        return
    assert after is not None and len(before) == len(after)
    for had, kept in zip(before, after, strict=True):
        assert had[:5] == kept[:5]
        if had.kind in SERVICES:
            _check_service(stripped, kept)
        else:
            assert len(had.data) == len(kept.data)


def _records(message: bytes) -> list[RecordView] | None:
    try:
        return records(message)
    except ValueError:
        return None


def _check_service(message: bytes, service: RecordView) -> None:
    at = _behind_target(service)
    end = service.data_at + len(service.data)
    while at < end:
        key, size = int.from_bytes(message[at : at + 2], "big"), int.from_bytes(message[at + 2 : at + 4], "big")
        value = message[at + 4 : at + 4 + size]
        assert key != ECH
        assert key != MANDATORY or all(value[i : i + 2] != b"\0\5" for i in range(0, size, 2))
        at += 4 + size
    assert at == end


def _behind_target(service: RecordView) -> int:
    """Where the parameters begin; a pointer, which ought not to be there, ends the name."""
    at = 2
    while 0 < service.data[at] < 0xC0:
        at += 1 + service.data[at]
    return service.data_at + at + (1 if service.data[at] == 0 else 2)
