"""Records are refused, or lie whole inside the message, in order, and their owners read back as canonical names."""

from fastpath.dns.records import name_at, records
from fastpath.wire.name import from_wire


def check(data: bytes) -> None:
    _check_name(data, min(12, len(data)))
    try:
        found = records(data)
    except ValueError:
        return
    assert len(found) == sum(int.from_bytes(data[at : at + 2], "big") for at in (6, 8, 10))
    assert [record.section for record in found] == sorted(record.section for record in found)
    end = 12
    for record in found:
        assert data[record.data_at : record.data_at + len(record.data)] == record.data
        assert end <= record.data_at - 11
        end = record.data_at + len(record.data)
        assert from_wire(record.owner, 0) == (record.owner, len(record.owner))
        _check_name(data, record.data_at)


def _check_name(data: bytes, at: int) -> None:
    try:
        name, after = name_at(data, at)
    except ValueError:
        return
    assert at < after <= len(data) and from_wire(name, 0) == (name, len(name))
