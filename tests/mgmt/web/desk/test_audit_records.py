"""Where the next page of records begins."""

from typing import Any

import pytest

from mgmt.registers.records.block_archive import FoundRecord, OrderName
from mgmt.registers.records.block_ledger import RecordQuery
from mgmt.web.desk import audit_records as records
from mgmt.web.desk.audit_asked import Cursor

ALL = RecordQuery(0, 99)


def found(*times: int) -> list[FoundRecord]:
    words: dict[str, Any] = {
        "channel": "dns",
        "action": "splash",
        "list": "",
        "rule": "",
        "category": "",
        "reason": "order",
    }
    more: dict[str, Any] = {"order": 3, "generation": 1, "subscriber": None, "count": 1, "province": "unknown"}
    return [FoundRecord(time_s=time_s, **words, **more) for time_s in times]


@pytest.mark.parametrize(
    ("times", "begin_s", "skip", "expected"),
    [
        ((1, 2, 3), 0, 0, None),  # the page has room for all
        ((1, 2, 3, 4), 0, 0, Cursor(3, 1)),
        ((1, 3, 3, 3), 0, 0, Cursor(3, 2)),
        ((3, 3, 3, 3), 3, 5, Cursor(3, 8)),
        ((3, 3, 4, 4), 3, 5, Cursor(4, 1)),
        ((), 0, 0, None),
    ],
)
def test_the_next_page_begins_behind_what_is_shown_of_a_second(
    monkeypatch: pytest.MonkeyPatch, times: tuple[int, ...], begin_s: int, skip: int, expected: Cursor | None
) -> None:
    monkeypatch.setattr(records, "N_SHOWN", 3)

    assert records._next(found(*times), ALL._replace(since_s=begin_s), skip) == expected


def test_what_a_record_does_not_say_is_none_and_an_order_has_its_name() -> None:
    (one,) = found(7)

    said = records._record(one, OrderName(3, "PTA", "WA/1"))
    assert (said["time"], said["list"], said["issuer"], said["order"]) == ("1970-01-01T00:00:07Z", None, "PTA", "WA/1")
    assert records._record(one, None)["order"] is None
