import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from support.block_proof import Store
from support.block_store import drain_all, key_of, live
from support.spool import TIME_NS, block_event, put_segment

from fastpath.images.verdict import Channel, Reason
from fastpath.report.columns import NOT_A_SUBSCRIBER
from filterd.audit import block_files, block_search
from filterd.audit.block_batches import Batches, no_records, read_batch
from filterd.audit.block_files import SCHEMA, compact
from filterd.audit.block_search import counted, page, search
from mgmt.registers.records.block_ledger import RecordQuery, keyed_pseudonym
from mgmt.registers.records.statistics.cells import COUNTED

S = 10**9
FOREVER = RecordQuery(0, 1 << 33)
DAY_NS = 86_400 * S
TIME_S = TIME_NS // S


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Two days in files, and newer records of the second day in a batch."""
    spool = tmp_path / "spool/dns-0"
    events = [
        block_event("late.test", time_ns=TIME_NS + DAY_NS),
        block_event("a.test", order=4, channel=Channel.DNS),
        block_event("b.test", category=2, list_id="own", reason=Reason.SECURITY, order=0),
        block_event("theirs.test", reason=Reason.PAUSE),
        block_event("c.test", time_ns=TIME_NS + 5 * S, subscriber=NOT_A_SUBSCRIBER),
    ]
    put_segment(spool, 1, *events)
    live(tmp_path / "spool", tmp_path / "store")
    put_segment(spool, 2, block_event("new.test", time_ns=TIME_NS + DAY_NS + S))
    drain_all(tmp_path / "spool", tmp_path / "store")
    return tmp_path / "store"


def rules(store: Path, wanted: RecordQuery = FOREVER) -> list[str]:
    return [row["rule"] for piece in search(store, "enforcement", wanted) for row in piece.to_pylist()]


def test_records_come_in_order_of_time_from_files_and_batches(store: Path) -> None:
    assert rules(store)[2:] == ["c.test", "late.test", "new.test"]
    assert set(rules(store)[:2]) == {"a.test", "b.test"}


def test_a_record_has_all_columns(store: Path) -> None:
    (piece,) = search(store, "enforcement", RecordQuery(TIME_S, TIME_S + 1, order=4))

    assert piece.schema.equals(SCHEMA)
    assert piece.to_pylist() == [
        {
            "time": datetime.fromtimestamp(TIME_S, UTC),
            "channel": "dns",
            "action": "splash",
            "list": "pta",
            "rule": "a.test",
            "category": "adult",
            "reason": "order",
            "order": 4,
            "generation": 12,
            "subscriber": keyed_pseudonym(7, key_of("enforcement", TIME_S // 86_400)),
            "count": 1,
            "province": "unknown",
        }
    ]


def test_an_address_of_no_subscriber_has_no_pseudonym(store: Path) -> None:
    pieces = search(store, "enforcement", RecordQuery(TIME_S + 5, TIME_S + 6))

    assert [row["subscriber"] for piece in pieces for row in piece.to_pylist()] == [None]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (FOREVER._replace(order=4), ["a.test"]),
        (FOREVER._replace(list="own"), ["b.test"]),
        (FOREVER._replace(channel="dns"), ["a.test"]),
        (FOREVER._replace(category="x' OR 1=1 --"), []),
        (RecordQuery(TIME_S + 5, TIME_S + 6), ["c.test"]),
        (RecordQuery(TIME_S + 1, TIME_S + 5), []),
        (RecordQuery(TIME_S + 5, TIME_S + 86_401), ["c.test", "late.test"]),
        (RecordQuery(TIME_S + 86_401, TIME_S + 86_402), ["new.test"]),
        (RecordQuery(TIME_S, TIME_S), []),
    ],
)
def test_only_what_is_wanted_is_found(store: Path, wanted: RecordQuery, expected: list[str]) -> None:
    assert rules(store, wanted) == expected


def test_what_a_household_has_chosen_is_in_its_ledger_alone(store: Path) -> None:
    assert "theirs.test" not in rules(store)
    assert [row["rule"] for piece in search(store, "household", FOREVER) for row in piece.to_pylist()] == [
        "theirs.test"
    ]


def test_batches_that_become_files_under_a_search_are_found_once(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    batches = Batches(store / "batches")
    batches.append(no_records(batches.positions))
    expected, n_compactions = rules(store), 0

    def slow(folder: Path, number: int) -> object:
        nonlocal n_compactions
        if not n_compactions:
            n_compactions = 1
            block_files.compact(store)
        return read_batch(folder, number)

    monkeypatch.setattr(block_search, "read_batch", slow)

    assert rules(store) == expected
    assert n_compactions == 1


def test_a_search_that_always_comes_too_late_says_so(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(folder: Path, number: int) -> object:
        raise FileNotFoundError

    monkeypatch.setattr(block_search, "read_batch", gone)

    with pytest.raises(OSError, match="its batches go while they are read, 5 times; nothing was found; ask again"):
        rules(store)


def test_an_empty_store_has_no_records(tmp_path: Path) -> None:
    Batches(tmp_path / "batches")

    assert rules(tmp_path) == []


def test_a_file_of_before_provinces_is_found_and_says_that_they_are_not_known(store: Path) -> None:
    for path in store.glob("enforcement/day=*/*.parquet"):
        pq.write_table(pq.read_table(path, partitioning=None).drop_columns(["province"]), path)

    pieces = list(search(store, "enforcement", FOREVER._replace(province="unknown")))

    assert {row["province"] for piece in pieces for row in piece.to_pylist()} == {"unknown"}
    assert len(rules(store)) == sum(piece.num_rows for piece in pieces) == 5
    assert rules(store, FOREVER._replace(province="PK-PB")) == []


def test_records_are_counted_by_what_alike_ones_share_and_none_of_a_household(store: Path) -> None:
    lines = [json.loads(line) for line in counted(store, "enforcement", FOREVER)]

    assert sum(line["count"] for line in lines) == 5
    assert all(tuple(line) == (*COUNTED, "count") for line in lines)
    assert [line["count"] for line in lines if line["list"] == "own"] == [1]
    assert not list(counted(store, "enforcement", RecordQuery(0, TIME_S)))


def test_pages_follow_each_other_in_one_order_whether_files_or_batches_have_the_records(tmp_path: Path) -> None:
    def pages(path: Path) -> list[str]:
        found, at, skip = list[str](), FOREVER, 0
        while rows := page(path, "enforcement", at, skip, 5):
            found += [f"{row.time_s} {row.rule}" for row in rows]
            of_it = sum(row.time_s == rows[-1].time_s for row in rows)
            skip = of_it + (skip if rows[-1].time_s == at.since_s else 0)
            at = FOREVER._replace(since_s=rows[-1].time_s)
        return found

    with Store(tmp_path) as proven:
        proven.fill(3)
        before = pages(proven.path)
        last = drain_all(tmp_path / "spool", proven.path)
        last.append(no_records(last.positions))
        compact(proven.path)

        assert len(before) == 12 and before == sorted(before) == pages(proven.path)


def test_a_page_is_of_what_was_asked_for_and_of_no_household(store: Path) -> None:
    found = page(store, "enforcement", FOREVER, 0, 9)

    assert sorted(row.rule for row in found) == ["a.test", "b.test", "c.test", "late.test", "new.test"]
    assert [row.rule for row in found if row.subscriber is None] == ["c.test"]
    assert [row.rule for row in page(store, "enforcement", FOREVER._replace(list="own"), 0, 9)] == ["b.test"]
    assert page(store, "enforcement", FOREVER._replace(until_s=0), 0, 9) == []
