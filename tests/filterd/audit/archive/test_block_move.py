import os
import signal
from collections import Counter
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from support.block_proof import verified
from support.block_store import NODE_KEY, found
from support.killed_move import STEPS, move_in_a_process
from support.spool import block_event, put_segment
from support.system.reachable import make_reachable

from filterd.audit import block_files
from filterd.audit.archive import block_move
from filterd.audit.archive.archive_service import Archive
from filterd.audit.archive.block_bundle import bundle_of
from filterd.audit.archive.block_move import ROWS, BlockMove, MoveReport, make_folders
from filterd.audit.archive.block_tree import BlockTree, SignedCheckpoint
from filterd.audit.archive.record_proof import proof_of
from filterd.audit.block_batches import Batch, Batches, Rows, batch_numbers, no_records, put_aside_path, read_batch
from filterd.audit.block_drain import BlockDrain
from filterd.audit.block_files import ARCHIVE_LOCK
from filterd.audit.block_rows import MOST_COUNT
from filterd.audit.block_seal import BlockSeal
from filterd.audit.drain import Ledger
from filterd.audit.folder_lock import hold_lock
from filterd.audit.last_checkpoint import LastCheckpoint
from filterd.audit.seal import LedgerDamage
from filterd.box.as_owner import as_owner_of
from filterd.box.errors import MissingPart
from mgmt.ledger.checkpoint import Signer
from mgmt.ledger.store import read_events
from mgmt.registers.records.block_ledger import BlockRecord, append_blocks, has_blocks, page_of_blocks, read_position
from parental.store.database import open_database, reading, writing
from parental.store.engines import Where

TIME_S = 1_800_000_000
DAY_S = 86_400
CONTROL, ARCHIVE, GROUP = 12345, 12346, 12347  # accounts


@pytest.fixture(autouse=True)
def _folders(tmp_path: Path) -> None:
    make_folders(tmp_path, tmp_path / "store")
    (tmp_path / "keys").mkdir()


def opened(tmp_path: Path, ledger: Ledger, **more: Any) -> BlockMove:
    return BlockMove(tmp_path / "store", tmp_path / "keys", ledger.engine, ledger.node, **more)


def move_all(tmp_path: Path, ledger: Ledger, **more: Any) -> MoveReport:
    with opened(tmp_path, ledger, **more) as move:
        move.begin()
        while move.move_some():
            pass
        return move.moved


def put(ledger: Ledger, *records: BlockRecord) -> None:
    with writing(ledger.engine) as conn:
        append_blocks(conn, records, NODE_KEY)


def record(rule: str = "bad.test", reason: str = "order", subscriber: int | None = 7, **more: int) -> BlockRecord:
    said: dict[str, Any] = {"count": 1, "time_s": TIME_S} | more
    return BlockRecord(
        channel="sni",
        action="splash",
        list="pta",
        rule=rule,
        order=3,
        category="adult",
        reason=reason,
        generation=12,
        subscriber=subscriber,
        **said,
    )


def rows_of(ledger: Ledger) -> Any:
    with reading(ledger.engine) as conn:
        return page_of_blocks(conn, 0, 2**40, (-1, 0))


def table_of(tmp_path: Path, number: int = 1) -> list[dict[str, Any]]:
    batch = read_batch(tmp_path / "store/batches", number)
    rows: list[dict[str, Any]] = block_files.table_of(batch.enforcement).to_pylist()
    return rows


def bundle(tmp_path: Path) -> bytes:
    with closing(BlockTree(tmp_path / "store")) as tree:
        return b"".join(bundle_of(tmp_path / "store", tree, date.min, date.max))


def live(tmp_path: Path, ledger: Ledger) -> None:
    """One life of control and of the archive: what came is drained and signed, and batches become files."""
    drain = BlockDrain(tmp_path / "spool", tmp_path / "store/batches", ledger, lambda: True)
    drain.begin()
    drain.drain()
    with closing(BlockTree(tmp_path / "store")) as tree:
        tree.catch_up()
        seal = BlockSeal(tmp_path / "keys", ledger.node)
        signed = seal.seal(tree.head(seal.signed))
        if signed is not None:
            tree.put_checkpoint(SignedCheckpoint(signed.size, signed.note, signed.vkey))
    block_files.compact(tmp_path / "store")


def test_a_row_becomes_a_record_with_all_that_it_said_and_its_row_is_gone(tmp_path: Path, ledger: Ledger) -> None:
    put(ledger, record(count=5), record("b.test", subscriber=None))
    before = rows_of(ledger)

    moved = move_all(tmp_path, ledger)

    assert (moved.rows, moved.blocks, moved.household, moved.dropped, moved.batches) == (2, 6, 0, 0, 1)
    there = table_of(tmp_path)
    assert [row["count"] for row in there] == [5, 1]
    assert [(row["subscriber"] or b"").hex() for row in there] == [row.pseudonym for row in before]
    same = ("channel", "action", "list", "rule", "order", "category", "reason", "generation", "province")
    assert [[row[field] for field in same] for row in there] == [
        [getattr(row, each) for each in same] for row in before
    ]
    assert rows_of(ledger) == []


def test_moved_records_are_in_a_signed_bundle_which_continues_the_one_before(tmp_path: Path, ledger: Ledger) -> None:
    put_segment(tmp_path / "spool/dns-0", 1, block_event("earlier.test"))
    live(tmp_path, ledger)
    vkey = BlockSeal(tmp_path / "keys", ledger.node).vkey
    with closing(BlockTree(tmp_path / "store")) as tree:
        kept = tree.last_checkpoint()
    put(ledger, *(record(f"n{number}.test", time_s=TIME_S + number * DAY_S) for number in range(3)))

    moved = move_all(tmp_path, ledger)

    whole = verified(bundle(tmp_path), vkeys=[vkey], held=[kept.note] if kept else [])
    assert kept is not None
    assert (whole.records, whole.until, whole.root.hex()) == (4, moved.size, moved.root)


def test_the_key_of_the_first_signature_is_an_event_of_the_ledger(tmp_path: Path, ledger: Ledger) -> None:
    put(ledger, record())
    move_all(tmp_path, ledger)
    put(ledger, record())
    move_all(tmp_path, ledger)

    with reading(ledger.engine) as conn:
        texts = [row.text for row in read_events(conn, 0, 100)]
    assert sum("block records key put" in text for text in texts) == 1
    assert BlockSeal(tmp_path / "keys", ledger.node).vkey in texts[0]


def test_what_a_household_has_chosen_goes_into_its_own_ledger(tmp_path: Path, ledger: Ledger) -> None:
    put(ledger, record("theirs.test", "pause"), record())

    assert move_all(tmp_path, ledger).household == 1

    batch = read_batch(tmp_path / "store/batches", 1)
    rules = [[kind.rule for kind in rows.kinds] for rows in (batch.enforcement, batch.household)]
    assert rules == [["bad.test"], ["theirs.test"]]
    assert verified(bundle(tmp_path)).records == 1


def test_where_a_household_keeps_nothing_its_rows_go_and_become_no_records(tmp_path: Path, ledger: Ledger) -> None:
    put(ledger, record("theirs.test", "pause"), record())

    moved = move_all(tmp_path, ledger, keeps_household=False)

    assert (moved.rows, moved.dropped, moved.blocks) == (1, 1, 1)
    assert rows_of(ledger) == []
    assert b"theirs" not in b"".join(path.read_bytes() for path in (tmp_path / "store/batches").iterdir())


def test_a_count_that_no_column_holds_becomes_several_records(tmp_path: Path, ledger: Ledger) -> None:
    put(ledger, record(count=2 * MOST_COUNT + 9))

    moved = move_all(tmp_path, ledger)

    assert [row["count"] for row in table_of(tmp_path)] == [MOST_COUNT, MOST_COUNT, 9]
    assert (moved.rows, moved.blocks) == (1, 2 * MOST_COUNT + 9)


@pytest.mark.parametrize("ledger_name", ["enforcement", "household"])
def test_a_row_whose_record_is_another_one_in_the_files_stays(
    tmp_path: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, ledger_name: str
) -> None:
    put(ledger, record(), record("theirs.test", "pause"), record(count=3, subscriber=8))
    append = Batches.append

    def alter(batches: Batches, batch: Batch) -> int:
        rows = batch.enforcement if ledger_name == "enforcement" else batch.household
        rows.counts = bytes([9]) + rows.counts[1:]
        return append(batches, batch)

    with monkeypatch.context() as patched:
        patched.setattr(Batches, "append", alter)
        with pytest.raises(ValueError, match="batch 1 has 3 records, and 2 of the 3 that were moved; their rows are"):
            move_all(tmp_path, ledger)

    assert len(rows_of(ledger)) == 3


def test_a_batch_that_lacks_a_record_leaves_its_row_and_the_next_life_moves_it(
    tmp_path: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(ledger, record(), record("theirs.test", "pause"))
    append = Batches.append
    with monkeypatch.context() as patched:
        lose = lambda batches, batch: append(batches, Batch(batch.positions, batch.enforcement, Rows()))  # noqa: E731
        patched.setattr(Batches, "append", lose)
        with pytest.raises(ValueError, match="batch 1 has 1 records, and 1 of the 2 that were moved"):
            move_all(tmp_path, ledger)

    moved = move_all(tmp_path, ledger)

    assert (moved.found, moved.rows, moved.household, moved.batches, moved.blocks) == (1, 1, 1, 1, 2)
    assert found(tmp_path / "store") == {"bad.test": 1, "theirs.test": 1}
    assert rows_of(ledger) == []


def test_a_tree_that_does_not_continue_what_was_signed_gets_no_row(tmp_path: Path, ledger: Ledger) -> None:
    put(ledger, record())
    seal = BlockSeal(tmp_path / "keys", ledger.node)
    signer = Signer((tmp_path / "keys/blocks.key").read_bytes(), f"{ledger.node}/filterd-blocks")
    LastCheckpoint(tmp_path / "keys/blocks.checkpoint").write(signer.sign(1, bytes(32)))
    assert seal.signed == 1

    with pytest.raises(LedgerDamage, match="the first 1 are other ones"):
        move_all(tmp_path, ledger)

    assert len(rows_of(ledger)) == 1


def test_a_proof_that_the_auditors_verifier_refuses_removes_no_row(
    tmp_path: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(ledger, record())
    monkeypatch.setattr(block_move, "proof_of", lambda *of: proof_of(*of).replace(b"bad.test", b"mad.test"))

    with pytest.raises(ValueError, match="the record was altered"):
        move_all(tmp_path, ledger)

    assert len(rows_of(ledger)) == 1


@pytest.mark.parametrize("become_files", [False, True])
def test_rows_that_a_database_which_was_set_back_has_again_are_not_moved_twice(
    tmp_path: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, become_files: bool
) -> None:
    monkeypatch.setattr(block_move, "MOST_ROWS", 3)
    rows = [
        record(f"n0-{number}.test", "pause" if number % 3 == 1 else "order", time_s=TIME_S + number * DAY_S // 4)
        for number in range(8)
    ]
    put(ledger, *rows)
    move_all(tmp_path, ledger)
    if become_files:
        put_segment(tmp_path / "spool/dns-0", 1, block_event("drained.test"))
        live(tmp_path, ledger)
    before = found(tmp_path / "store")
    other = record("n0-3.test", count=9, time_s=rows[3].time_s)  # a count that makes its row another one
    put(ledger, *rows[2:], other, record("drained2.test", time_s=TIME_S + 9 * DAY_S))

    moved = move_all(tmp_path, ledger)

    assert (moved.found, moved.rows, moved.batches, moved.blocks) == (5, 2, 1, 16)
    assert rows_of(ledger) == []
    assert found(tmp_path / "store") == before + Counter({"n0-3.test": 10, "drained2.test": 1})
    assert verified(bundle(tmp_path)).records == sum(is_proven(name) for name in before) + 2


@pytest.mark.skipif(os.geteuid() != 0, reason="only root acts as others")
def test_root_finds_what_was_moved_where_control_and_the_archive_have_accounts_of_their_own(tmp_path: Path) -> None:
    make_reachable(tmp_path)
    (tmp_path / "database").mkdir()
    ledger = Ledger(open_database(tmp_path / "database/filterd.db"), NODE_KEY, "node-1")
    (tmp_path / "store/batches").chmod(0o2770)
    rows = [record(), record("theirs.test", "pause")]

    def hand_over() -> None:
        for account, names in (CONTROL, ("database", "keys", "store/batches")), (ARCHIVE, ("store",)):
            for folder in [tmp_path / name for name in names]:
                for path in (folder, *folder.rglob("*")):
                    if path.stat().st_uid != CONTROL:
                        os.chown(path, account, GROUP)

    def move() -> MoveReport:
        hand_over()
        with as_owner_of(tmp_path / "store/batches"):
            return move_all(tmp_path, ledger)

    put(ledger, *rows)
    assert move().rows == 2
    Batches(tmp_path / "store/batches").append(no_records(Batches(tmp_path / "store/batches").positions))
    block_files.compact(tmp_path / "store")
    put(ledger, *rows)

    moved = move()

    assert (moved.found, moved.rows) == (2, 0)
    assert found(tmp_path / "store") == {"bad.test": 1, "theirs.test": 1}
    ledger.engine.dispose()


def test_a_row_that_has_come_back_stays_if_its_record_is_no_longer_what_was_signed(
    tmp_path: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(ledger, record())
    move_all(tmp_path, ledger)
    put(ledger, record())
    monkeypatch.setattr(block_move, "proof_of", lambda *of: proof_of(*of).replace(b"bad.test", b"mad.test"))

    with pytest.raises(ValueError, match="the record was altered"):
        move_all(tmp_path, ledger)

    assert len(rows_of(ledger)) == 1


def test_a_row_that_no_moved_batch_has_is_moved_also_if_a_drained_one_has_the_same(
    tmp_path: Path, ledger: Ledger
) -> None:
    put_segment(tmp_path / "spool/dns-0", 1, block_event("same.test"))
    live(tmp_path, ledger)
    (drained,) = table_of(tmp_path)
    put(ledger, record("same.test", time_s=int(drained["time"].timestamp())))

    moved = move_all(tmp_path, ledger)

    assert (moved.found, moved.rows) == (0, 1)
    assert table_of(tmp_path, 2) == [drained]


def test_a_damaged_batch_that_was_put_aside_gives_its_rows_to_another_one(
    tmp_path: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(ledger, record())
    with monkeypatch.context() as patched:
        patched.setattr(BlockTree, "catch_up", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            move_all(tmp_path, ledger)
    folder = tmp_path / "store/batches"
    (folder / "0000000001.batch").rename(put_aside_path(folder, 1))

    assert move_all(tmp_path, ledger).rows == 1

    assert found(tmp_path / "store") == {"bad.test": 1}


def test_of_boxes_that_share_a_database_one_moves_its_rows_up_to_the_end(tmp_path: Path, ledger: Ledger) -> None:
    put(ledger, record())
    other = ledger._replace(node="node-2")
    with opened(tmp_path, ledger) as move:
        move.begin()
    with pytest.raises(MissingPart, match="gateway node-1 moves the rows"):
        opened(tmp_path, other)
    assert batch_numbers(tmp_path / "store/batches") == []

    move_all(tmp_path, ledger)

    put(ledger, record("later.test"))
    assert move_all(tmp_path, other).rows == 1


def test_a_row_that_is_written_to_while_it_is_moved_is_not_lost(
    tmp_path: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(ledger, record(), record("other.test"))

    def count_on(*of: Any) -> bytes:
        put(ledger, record(count=4))
        return proof_of(*of)

    monkeypatch.setattr(block_move, "proof_of", count_on)
    with (
        opened(tmp_path, ledger) as move,
        pytest.raises(MissingPart, match="1 rows were written while they were moved"),
    ):
        move.begin()
        move.move_some()

    assert [(row.rule, row.count) for row in rows_of(ledger)][1] == ("other.test", 1)
    assert rows_of(ledger)[0].count > 1


def test_while_control_or_the_archive_writes_nothing_is_moved(tmp_path: Path, ledger: Ledger) -> None:
    put(ledger, record())
    held = hold_lock(tmp_path / "store/batches/control.lock")
    with pytest.raises(MissingPart, match=r"control\.lock: another process"):
        opened(tmp_path, ledger)
    os.close(held)
    with closing(Archive(tmp_path / "store")), pytest.raises(MissingPart, match=ARCHIVE_LOCK):
        opened(tmp_path, ledger)

    assert move_all(tmp_path, ledger).rows == 1


def test_a_database_without_rows_is_left_alone(tmp_path: Path, ledger: Ledger) -> None:
    assert move_all(tmp_path, ledger) == MoveReport()
    assert batch_numbers(tmp_path / "store/batches") == []
    with reading(ledger.engine) as conn:
        assert not has_blocks(conn)
        assert read_position(conn, ROWS) is None


# -- killed at each step -----------------------------------------------------------------------------------------------


def is_proven(name: str) -> bool:
    """Whether a record of these tests is of the enforcement ledger."""
    return name.startswith("drained") or int(name[3]) % 3 != 1


PLACES = [(nth, is_before) for nth in (1, 2) for is_before in (True, False)]


@pytest.mark.services
@pytest.mark.parametrize("lives_between", [False, True])
@pytest.mark.parametrize("step", STEPS)
def test_wherever_it_is_killed_every_row_is_one_record_that_is_proven(
    tmp_path: Path, database: Where, step: str, lives_between: bool
) -> None:
    engine = open_database(database)
    ledger = Ledger(engine, NODE_KEY, "node-1")
    expected, n_killed = Counter[str](), 0

    for life, place in enumerate(PLACES):
        names = [f"n{life}-{number}.test" for number in range(8)]
        put(ledger, *(record(name, "pause" if at % 3 == 1 else "order", count=at + 1) for at, name in enumerate(names)))
        expected.update({name: at + 1 for at, name in enumerate(names)})
        code = move_in_a_process(tmp_path, database, (step, *place))
        assert code in (0, -signal.SIGKILL)
        n_killed += code != 0
        if lives_between:
            put_segment(tmp_path / f"spool/dns-{life}", 1, block_event(f"drained{life}.test"))
            expected[f"drained{life}.test"] = 1
            live(tmp_path, ledger)

    move_all(tmp_path, ledger)

    assert n_killed >= 1
    assert found(tmp_path / "store") == expected
    assert rows_of(ledger) == []
    live(tmp_path, ledger)
    assert verified(bundle(tmp_path)).records == sum(map(is_proven, expected))
    engine.dispose()
