from array import array
from datetime import date, timedelta

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle import block_records as oracle
from support.block_proof import DAY_NS, FIRST, NIGHT_NS, S, Store, verified
from support.mgmt.ledgers import split
from support.spool import TIME_NS, block_event

from fastpath.report.columns import NOT_A_SUBSCRIBER
from filterd.audit import block_files
from filterd.audit.archive.block_bundle import Records, bundle_of, rows_of
from filterd.audit.block_batches import BATCHES, Kind, Rows, batch_path
from filterd.audit.block_files import forget, table_of
from filterd.audit.record_lines import lines_of
from mgmt.ledger.bundle import NoCheckpoint
from mgmt.ledger.verifier import open_note

KINDS = [Kind("sni", "splash", "pta", f"{n}.test", n, "adult", "order", 12) for n in range(3)]


@pytest.mark.parametrize("is_compacted", [False, True])
def test_a_bundle_has_every_record_and_both_verifiers_accept_it(
    store: Store, is_compacted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(block_files, "ROW_GROUP", 3)
    store.fill(5)
    store.drain(block_event("none.test", subscriber=NOT_A_SUBSCRIBER), block_event("none.test", order=0))
    store.sign()
    if is_compacted:
        store.compact()

    octets = store.bundle()

    found = verified(octets)
    assert (found.first, found.until, found.records, found.without) == (0, 11, 22, {})
    assert oracle.check(octets) == 22


def test_files_and_batches_give_the_same_octets(store: Store) -> None:
    store.fill(4)
    store.sign()
    before = store.bundle()
    store.compact()

    assert list((store.path / "batches").glob("*1.batch")) == [] and store.bundle() == before
    store.fill(2)
    store.compact()
    store.sign()
    assert verified(store.bundle()).records == 24


def test_a_bundle_of_one_day_has_its_records_and_says_how_many_others_are_left_out(store: Store) -> None:
    store.fill(3)
    store.sign()

    octets = store.bundle(FIRST, FIRST)

    found = verified(octets)
    assert (found.records, found.without) == (6, {str(FIRST + timedelta(days=1)): 6})
    assert oracle.check(octets) == 6
    assert verified(store.bundle(date(2020, 1, 1), date(2020, 1, 2))).records == 0


def test_what_was_destroyed_leaves_a_tree_that_verifies(store: Store) -> None:
    store.fill(3)
    store.sign()
    held = store.tree.last_checkpoint()
    store.compact()

    store.tree.forget(NIGHT_NS // S)
    forget(store.path, "enforcement", [FIRST])

    found = verified(store.bundle(), held=[held[1]] if held else [])
    assert (found.records, found.without) == (6, {str(FIRST): 6})


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_damaged_batch_that_is_put_aside_takes_its_own_records_alone_with_it(store: Store, number: int) -> None:
    store.fill(4)
    store.sign()
    held = store.tree.last_checkpoint()
    damaged = batch_path(store.path / BATCHES, number)
    damaged.rename(damaged.with_name(f"{damaged.name}.damaged"))
    store.tree.catch_up()

    for is_compacted in (False, True):
        if is_compacted:
            store.drain(block_event())
            store.sign()
            store.compact()
        found = verified(store.bundle(), held=[held[1]] if held else [])
        lost = {str(FIRST): 2, str(FIRST + timedelta(days=1)): 2}
        assert (found.records, found.without) == (12 + is_compacted, lost)


def test_what_is_not_signed_is_not_exported(store: Store) -> None:
    with pytest.raises(NoCheckpoint, match="no block record is signed yet; nothing exported"):
        store.bundle()
    store.fill(1)
    store.tree.catch_up()

    with pytest.raises(NoCheckpoint, match="batch 1 is not signed yet; nothing exported"):
        store.bundle()


def test_a_bundle_ends_at_the_first_checkpoint_behind_its_days(store: Store) -> None:
    store.fill(2)
    note = store.sign()
    store.fill(1)
    store.sign()
    store.drain(block_event(time_ns=TIME_NS + 9 * DAY_NS))
    store.sign()

    last = split(b"".join(bundle_of(store.path, store.tree, FIRST, FIRST)))[-1]
    assert note is not None and open_note(note, [store.seal.vkey]).size == 4 and b"\\n6\\n" in last


def test_a_store_whose_records_are_others_is_not_exported(store: Store) -> None:
    store.fill(2)
    store.sign()
    batch_path(store.path / "batches", 2).write_bytes(batch_path(store.path / "batches", 1).read_bytes())

    with pytest.raises(ValueError, match=rf"records of {FIRST} are not those that were signed; nothing more exported"):
        store.bundle()


def test_a_file_with_a_record_more_or_less_is_not_exported(store: Store) -> None:
    store.fill(2)
    store.sign()
    store.compact()
    path = next(store.path.glob(f"enforcement/day={FIRST}/*.parquet"))
    pq.write_table(pq.read_table(path, partitioning=None).slice(1), path)

    with pytest.raises(ValueError, match="3 records, and 4 are in the tree; nothing more exported"):
        store.bundle()


def test_a_file_that_was_removed_is_told(store: Store) -> None:
    store.fill(1)
    store.sign()
    store.compact()
    next(store.path.glob(f"enforcement/day={FIRST}/*.parquet")).unlink()

    with pytest.raises(ValueError, match="batch 1 is in no file, and its salt is there"):
        Records(store.path, store.tree).lines(next(store.tree.leaves(0, 1)))


@given(st.lists(st.tuples(st.integers(0, 2**33), st.integers(0, 2), st.integers(0, 2), st.integers(1, 9)), max_size=20))
def test_a_table_becomes_the_rows_that_it_was_made_of(records: list[tuple[int, int, int, int]]) -> None:
    time_s, kind, whose, counts = zip(*records, strict=True) if records else ((), (), (), ())
    columns = [array("q", time_s), array("I", kind), array("I", whose), array("I", counts)]
    rows = Rows(KINDS, bytes(range(32)), *(column.tobytes() for column in columns))

    assert lines_of(rows_of(table_of(rows))) == lines_of(rows)
