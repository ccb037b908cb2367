"""Of days that are over, what legal holds name stays and can be proven; what they do not name is gone."""

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from itertools import pairwise
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from support.block_proof import DAY_NS, FIRST, NIGHT_NS, S, Store, verified
from support.block_store import drain_all, key_of
from support.spool import TIME_NS, block_event

from filterd.audit.archive import held_files
from filterd.audit.archive.block_tree import FILE, TREE
from filterd.audit.archive.held_files import HeldFiles
from filterd.audit.block_batches import no_records
from filterd.audit.block_files import compact
from mgmt.registers.records.block_ledger import keyed_pseudonym
from mgmt.registers.records.holds.scope import DAY_S, Scope

NIGHT_S = NIGHT_NS // S
DAY = Scope(NIGHT_S - DAY_S, NIGHT_S)
N = 8  # batches
WHO = {
    "order": DAY._replace(order=5),
    "list": DAY._replace(list="other"),
    "subscriber": DAY._replace(subscriber=keyed_pseudonym(2, key_of("enforcement", NIGHT_S // DAY_S - 1)).hex()),
    "time": DAY._replace(since_s=NIGHT_S - 60 + 2, until_s=NIGHT_S - 60 + 3),
}


@pytest.fixture
def kept(store: Store) -> HeldFiles:
    """A day of eight batches of two records each, of which the third one has what holds name; and a day that is not
    over."""
    for number in range(N):
        at = NIGHT_NS - 60 * S + number * S
        order, list_id, subscriber = (5, "other", 2) if number == 2 else (3, "pta", 1)
        events = [
            block_event(f"a{number}.test", time_ns=at, subscriber=1),
            block_event(f"b{number}.test", time_ns=at, order=order, list_id=list_id, subscriber=subscriber),
            block_event(f"c{number}.test", time_ns=NIGHT_NS),
        ]
        store.drain(*events)
    store.sign()
    last = drain_all(store.path.parent / "spool", store.path)
    last.append(no_records(last.positions))
    compact(store.path)
    return HeldFiles(store.path, store.tree)


def rules(store: Store, day: date = FIRST) -> list[str]:
    """What DuckDB finds of a day."""
    found = [str(path) for path in store.path.glob(f"enforcement/day={day}/*.parquet")]
    return sorted(row[0] for row in duckdb.sql(f"SELECT rule FROM read_parquet({found})").fetchall()) if found else []


def salts(store: Store) -> int:
    with closing(sqlite3.connect(store.path / TREE / FILE)) as rows:
        return int(rows.execute("SELECT count(*) FROM salts").fetchone()[0])


@pytest.mark.parametrize("what", WHO)
def test_the_batch_that_has_what_is_held_stays_whole_and_is_proven_and_all_others_go(
    store: Store, kept: HeldFiles, what: str
) -> None:
    kept.forget(NIGHT_S, None, [WHO[what]])

    assert rules(store) == ["a2.test", "b2.test"]
    assert salts(store) == 1 + N
    found = verified(store.bundle(), vkeys=[store.seal.vkey])
    assert (found.records, found.without) == (2 + N, {str(FIRST): 2 * N - 2})


def test_without_a_hold_all_of_the_day_goes_and_nothing_of_the_next_one(store: Store, kept: HeldFiles) -> None:
    assert kept.forget(NIGHT_S, None, []) == 1

    assert rules(store) == [] and len(rules(store, date(2027, 1, 16))) == N == salts(store)


@pytest.mark.parametrize("held", [DAY._replace(order=99), Scope(NIGHT_S, NIGHT_S + DAY_S), Scope(0, NIGHT_S - DAY_S)])
def test_a_hold_that_names_nothing_of_the_day_keeps_nothing_of_it(store: Store, kept: HeldFiles, held: Scope) -> None:
    assert kept.forget(NIGHT_S, None, [held]) == 1

    assert rules(store) == [] and salts(store) == N


def test_a_hold_over_everything_keeps_everything_and_reads_nothing(
    store: Store, kept: HeldFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held_files, "_mask", lambda *_: 1 / 0)
    before = store.bundle()

    assert kept.forget(NIGHT_S, None, [Scope(0, 1 << 34)]) == 0

    assert len(rules(store)) == 2 * N and store.bundle() == before


def test_what_two_holds_name_goes_with_the_last_of_them(store: Store, kept: HeldFiles) -> None:
    first, second = WHO["order"], DAY._replace(since_s=NIGHT_S - 60 + 5)

    kept.forget(NIGHT_S, None, [first, second])
    assert rules(store) == ["a2.test", "a5.test", "a6.test", "a7.test", "b2.test", "b5.test", "b6.test", "b7.test"]
    HeldFiles(store.path, store.tree).forget(NIGHT_S, None, [second])
    assert rules(store) == ["a5.test", "a6.test", "a7.test", "b5.test", "b6.test", "b7.test"]
    assert verified(store.bundle()).records == 6 + N
    assert kept.forget(NIGHT_S, None, [second]) == 0
    assert kept.forget(NIGHT_S, None, []) == 1

    assert rules(store) == [] and salts(store) == N


def test_a_hold_that_comes_after_another_finds_what_is_left(store: Store, kept: HeldFiles) -> None:
    kept.forget(NIGHT_S, None, [WHO["order"]])

    kept.forget(NIGHT_S, None, [WHO["order"], Scope(0, NIGHT_S)])

    assert rules(store) == ["a2.test", "b2.test"] and verified(store.bundle()).records == 2 + N


def test_a_file_is_read_once_for_the_same_holds(store: Store, kept: HeldFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.forget(NIGHT_S, None, [WHO["order"]])
    monkeypatch.setattr(pq, "ParquetFile", lambda *_: 1 / 0)

    assert kept.forget(NIGHT_S, None, [WHO["order"]]) == 0


def test_of_the_days_that_no_hold_names_no_file_is_looked_at(
    store: Store, kept: HeldFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []
    real = Path.glob

    def noted(path: Path, pattern: str) -> Iterator[Path]:
        looked.append(pattern)
        return real(path, pattern)

    monkeypatch.setattr(Path, "glob", noted)
    kept.forget(NIGHT_S, None, [WHO["order"]])

    assert {pattern for pattern in looked if pattern.endswith(".parquet")} == {f"day={FIRST}/*.parquet"}


@pytest.mark.parametrize("after", range(3))
def test_wherever_the_process_dies_the_next_pass_ends_it_and_nothing_held_is_lost(
    store: Store, kept: HeldFiles, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    dying = [(store.tree, "forget_leaves"), (held_files, "_write_again"), (os, "fsync")][after]
    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(*dying, die)
        kept.forget(NIGHT_S, None, [WHO["order"]])
    assert {"a2.test", "b2.test"} <= set(rules(store)) and verified(store.bundle()).records >= 2 + N

    HeldFiles(store.path, store.tree).forget(NIGHT_S, None, [WHO["order"]])

    assert rules(store) == ["a2.test", "b2.test"] and verified(store.bundle()).records == 2 + N


def test_a_file_that_cannot_be_read_stays_whole_and_keeps_no_other_one(store: Store, kept: HeldFiles) -> None:
    (day,) = store.path.glob("enforcement/day=2027-01-15")
    (day / "0000000100-0000000200.parquet").write_bytes(b"PAR1 it is none")

    kept.forget(NIGHT_S, None, [WHO["order"]])

    assert sorted(path.name for path in day.iterdir()) == [
        "0000000001-0000000008.parquet",
        "0000000100-0000000200.parquet",
    ]
    (day / "0000000100-0000000200.parquet").unlink()
    assert rules(store) == ["a2.test", "b2.test"]


def test_a_file_of_which_a_page_is_damaged_stays_and_stops_no_other_work(store: Store, kept: HeldFiles) -> None:
    (path,) = store.path.glob("enforcement/day=2027-01-15/*.parquet")
    with pq.ParquetFile(path) as file:
        chunk = file.metadata.row_group(0).column(0)
        first, n = chunk.data_page_offset, chunk.total_compressed_size
    octets = bytearray(path.read_bytes())
    octets[first + n // 2 : first + n] = bytes(n - n // 2)
    path.write_bytes(octets)

    assert kept.forget(NIGHT_S, None, [WHO["time"]]) == 0

    assert path.read_bytes() == octets


def test_where_there_is_no_room_to_write_a_file_again_it_is_tried_at_the_next_pass(
    store: Store, kept: HeldFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched, pytest.raises(OSError, match="No space"):
        patched.setattr(held_files, "_write_again", full)
        kept.forget(NIGHT_S, None, [WHO["order"]])

    kept.forget(NIGHT_S, None, [WHO["order"]])

    assert rules(store) == ["a2.test", "b2.test"]


def test_rows_of_many_groups_are_cut_at_the_leaves(
    store: Store, kept: HeldFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AT_ONCE", "ROW_GROUP"):
        monkeypatch.setattr(held_files, name, 3)
    held = DAY._replace(since_s=NIGHT_S - 60 + 1, until_s=NIGHT_S - 60 + 6)

    kept.forget(NIGHT_S, None, [held])

    assert rules(store) == sorted(f"{letter}{n}.test" for letter in "ab" for n in range(1, 6))
    assert verified(store.bundle()).records == 10 + N
    (path,) = store.path.glob("enforcement/day=2027-01-15/*")
    with pq.ParquetFile(path) as file:
        times = file.read()["time"].to_pylist()
        assert file.metadata.num_row_groups > 1
    assert all(one <= next_one for one, next_one in pairwise(times))


def test_days_that_a_wrong_clock_made_keep_what_is_held_of_them(store: Store) -> None:
    far = TIME_NS + 1000 * DAY_NS
    store.drain(block_event("far.test", time_ns=far), block_event("now.test"))
    store.drain(block_event("later.test", time_ns=far + DAY_NS))
    store.sign()
    last = drain_all(store.path.parent / "spool", store.path)
    last.append(no_records(last.positions))
    compact(store.path)

    n = HeldFiles(store.path, store.tree).forget(0, TIME_NS // S, [Scope(far // S, far // S + 1)])

    assert n == 1 and sorted(path.name for path in store.path.glob("enforcement/day=*")) == [
        "day=2027-01-15",
        "day=2029-10-11",
    ]
