from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from support.block_store import NODE_KEY, found

from filterd.audit import block_move
from filterd.audit.block_batches import Batches, batch_numbers, read_batch
from filterd.audit.block_files import table_of
from filterd.audit.block_move import MOST_COUNT, ROWS, move_rows, remove_moved
from filterd.audit.drain import Ledger
from mgmt.registers.records.block_ledger import BlockRecord, append_blocks, has_blocks, page_of_blocks
from parental.store.database import reading, writing

TIME_S = 1_800_000_000


def put(ledger: Ledger, *records: BlockRecord) -> None:
    with writing(ledger.engine) as conn:
        append_blocks(conn, records, NODE_KEY)


def record(rule: str = "bad.test", reason: str = "order", subscriber: int | None = 7, count: int = 1) -> BlockRecord:
    return BlockRecord(TIME_S, "sni", "splash", "pta", rule, 3, "adult", reason, 12, subscriber, count)


def rows_of(ledger: Ledger) -> Any:
    with reading(ledger.engine) as conn:
        return page_of_blocks(conn, 0, 2**40, (-1, 0))


def test_a_row_becomes_a_record_with_all_that_it_said_and_its_row_is_gone(tmp_path: Path, ledger: Ledger) -> None:
    put(ledger, record(count=5), record("b.test", subscriber=None))
    before = rows_of(ledger)

    assert move_rows(Batches(tmp_path), ledger) == 2

    moved = table_of(read_batch(tmp_path, 1).enforcement).to_pylist()
    assert [row["count"] for row in moved] == [5, 1]
    assert [(row["subscriber"] or b"").hex() for row in moved] == [row.pseudonym for row in before]
    same = ("channel", "action", "list", "rule", "order", "category", "reason", "generation")
    assert [[row[field] for field in same] for row in moved] == [
        [getattr(row, each) for each in same] for row in before
    ]
    assert rows_of(ledger) == []


def test_what_a_household_has_chosen_goes_into_its_own_ledger(tmp_path: Path, ledger: Ledger) -> None:
    put(ledger, record("theirs.test", "pause"), record())

    move_rows(Batches(tmp_path), ledger)

    batch = read_batch(tmp_path, 1)
    rules = [[kind.rule for kind in rows.kinds] for rows in (batch.enforcement, batch.household)]
    assert rules == [["bad.test"], ["theirs.test"]]


def test_where_a_household_keeps_nothing_its_rows_go_and_become_no_records(tmp_path: Path, ledger: Ledger) -> None:
    put(ledger, record("theirs.test", "pause"), record())

    move_rows(Batches(tmp_path / "batches"), ledger, keeps_household=False)

    assert rows_of(ledger) == []
    assert b"theirs" not in b"".join(path.read_bytes() for path in (tmp_path / "batches").iterdir())


def test_a_count_that_no_column_holds_is_the_largest_that_one_does(tmp_path: Path, ledger: Ledger) -> None:
    put(ledger, record(count=MOST_COUNT + 9))

    move_rows(Batches(tmp_path), ledger)

    assert table_of(read_batch(tmp_path, 1).enforcement)["count"].to_pylist() == [MOST_COUNT]


def test_where_it_ends_between_batch_and_removal_no_row_is_moved_twice(
    tmp_path: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "batches"
    monkeypatch.setattr(block_move, "MOST_ROWS", 3)
    put(ledger, *(record(f"n{number}.test") for number in range(8)))
    with monkeypatch.context() as patched:
        patched.setattr("mgmt.registers.records.block_ledger.remove_blocks", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            move_rows(Batches(folder), ledger)

    batches = Batches(folder)
    assert batches.positions[ROWS][1] > 0
    while move_rows(batches, ledger):
        pass

    assert found(tmp_path) == Counter(f"n{number}.test" for number in range(8))
    assert ROWS not in Batches(folder).positions


def test_rows_of_a_database_that_has_begun_again_are_not_taken_for_those_moved(tmp_path: Path, ledger: Ledger) -> None:
    put(ledger, record())
    batches = Batches(tmp_path)
    move_rows(batches, ledger)
    put(ledger, record("later.test"))

    remove_moved(Batches(tmp_path), ledger)

    assert [row.rule for row in rows_of(ledger)] == ["later.test"]


def test_of_boxes_that_share_a_database_one_moves_its_rows(tmp_path: Path, ledger: Ledger) -> None:
    put(ledger, record())
    other = ledger._replace(node="node-2")
    assert move_rows(Batches(tmp_path / "a"), ledger) == 1
    put(ledger, record("later.test"))

    assert move_rows(Batches(tmp_path / "b"), other) == 0
    assert batch_numbers(tmp_path / "b") == []
    assert move_rows(Batches(tmp_path / "a"), ledger) == 1


def test_a_database_without_rows_is_left_alone(tmp_path: Path, ledger: Ledger) -> None:
    assert move_rows(Batches(tmp_path), ledger) == 0
    assert batch_numbers(tmp_path) == []
    with reading(ledger.engine) as conn:
        assert not has_blocks(conn)
