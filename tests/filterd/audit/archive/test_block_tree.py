import os
import sqlite3
from pathlib import Path

import pytest
from oracle.ledger import merkle_tree_hash
from support.block_proof import DAY_NS, NIGHT_NS, S, Store
from support.spool import TIME_NS, block_event

from fastpath.images.verdict import Reason
from filterd.audit.archive import block_tree
from filterd.audit.archive.block_tree import BlockTree
from filterd.audit.block_batches import batch_path, put_aside_path
from mgmt.ledger.tree import consistency_proof, inclusion_proof, is_consistent
from mgmt.ledger.verifier import root_of_path

SALT = bytes(16)


def hashes(tree: BlockTree) -> list[bytes]:
    return [leaf.hash() for leaf in tree.leaves(0, tree.size)]


def test_a_leaf_is_the_records_of_one_day_in_a_batch(store: Store) -> None:
    store.fill(2)

    assert store.tree.catch_up() == 4
    leaves = list(store.tree.leaves(0, 4))
    assert [(leaf.number, leaf.batch, leaf.n) for leaf in leaves] == [(0, 1, 2), (1, 1, 2), (2, 2, 2), (3, 2, 2)]
    assert leaves[1].day == leaves[0].day + 1 == NIGHT_NS // DAY_NS
    assert store.tree.catch_up() == 0 and store.tree.taken == 2


def test_records_of_households_and_csam_counts_are_in_no_leaf(store: Store) -> None:
    store.drain(block_event(reason=Reason.PAUSE), block_event(reason=Reason.CSAM))

    assert (store.tree.catch_up(), store.tree.taken) == (0, 1)


def test_roots_and_proofs_are_those_of_the_recursive_definition_with_kept_subtrees(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(block_tree, "WHOLE", 4)
    rows = store.tree._rows
    rows.executemany("INSERT INTO leaves VALUES (?, ?, 1, 1, ?)", [(n, n + 1, bytes(32)) for n in range(300)])
    for size in range(1, 301):
        store.tree._keep_whole(size)
    leaves = hashes(store.tree)

    for first, until in ((0, 300), (0, 4), (4, 8), (0, 256), (256, 300), (8, 70), (7, 8), (0, 2), (3, 9)):
        assert store.tree.root(first, until) == merkle_tree_hash(leaves, first, until, {})
    for size in (0, 1, 3, 4, 5, 64, 255, 256, 300):
        assert store.tree.frontier(size).root() == merkle_tree_hash(leaves, 0, size, {})
    path = inclusion_proof(store.tree.root, 270, 300)
    assert root_of_path(leaves[270], 270, 300, path) == store.tree.root(0, 300)
    roots = store.tree.root(0, 70), store.tree.root(0, 300)
    assert is_consistent(70, 300, roots, consistency_proof(store.tree.root, 70, 300))


def test_a_process_that_dies_while_it_takes_batches_has_taken_none_or_all(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.fill(3)
    monkeypatch.setattr(block_tree, "AT_ONCE", 2)

    def dies(*_: object) -> bytes:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(block_tree, "leaves_of", dies)
        with pytest.raises(KeyboardInterrupt):
            store.tree.catch_up()
    store.tree.close()

    again = store.opened(store.path)
    assert (again.size, again.taken) == (0, 0)
    assert again.catch_up() == 6


def test_batches_that_are_gone_before_they_were_taken_are_told(store: Store) -> None:
    store.fill(1)
    store.tree.catch_up()
    store.fill(2)
    batch_path(store.path / "batches", 2).unlink()

    with pytest.raises(ValueError, match=r"batches 2 to 2 are gone before they were in the tree; nothing taken"):
        store.tree.catch_up()
    assert store.tree.taken == 1


def test_a_batch_in_the_middle_that_is_gone_is_told_and_one_that_is_put_aside_is_not(store: Store) -> None:
    store.fill(1)
    store.tree.catch_up()
    store.fill(3)
    third = batch_path(store.path / "batches", 3)
    third.rename(third.with_name(f"{third.name}.gone"))

    with pytest.raises(ValueError, match=r"batches 3 to 3 are gone before they were in the tree; nothing taken"):
        store.tree.catch_up()
    third.with_name(f"{third.name}.gone").rename(third.with_name(f"{third.name}.damaged"))
    store.tree.catch_up()

    assert [leaf.batch for leaf in store.tree.leaves(0, store.tree.size)] == [1, 1, 2, 2, 4, 4]


def test_a_newest_batch_that_is_put_aside_after_it_was_taken_is_lost_and_stops_nothing(store: Store) -> None:
    store.fill(2)
    store.tree.catch_up()
    newest = batch_path(store.path / "batches", 2)
    newest.rename(newest.with_name(f"{newest.name}.damaged"))

    assert store.tree.catch_up() == 0
    assert [leaf.salt is None for leaf in store.tree.leaves(0, 4)] == [False, False, True, True]
    assert [list(store.tree.counts_of(leaf.day, 1, 2)) for leaf in store.tree.leaves(0, 2)] == [[0], [1]]


def put_aside(store: Store, number: int, written_s: float) -> Path:
    path = batch_path(store.path / "batches", number)
    os.utime(path, (written_s, written_s))
    return path.rename(put_aside_path(store.path / "batches", number))


def test_damaged_batches_that_were_put_aside_go_with_the_age_of_records_once_they_are_known_to_be_lost(
    store: Store,
) -> None:
    store.fill(4)
    store.tree.catch_up()
    old, young, newest = put_aside(store, 1, 1000), put_aside(store, 2, 3000), put_aside(store, 4, 1000)

    store.tree.forget_put_aside(2000)

    assert [path.exists() for path in (old, young, newest)] == [False, True, True]  # no number is given again
    assert store.tree.counts_of(NIGHT_NS // DAY_NS, 1, 4) == {5: 2}


def test_a_process_that_dies_while_a_batch_is_lost_loses_it_at_the_next_look(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.fill(2)
    store.tree.catch_up()
    put_aside(store, 1, 1000)

    with monkeypatch.context() as patched:
        patched.setattr(BlockTree, "_destroy_salts", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            store.tree.catch_up()
    store.tree.catch_up()

    assert [leaf.salt is None for leaf in store.tree.leaves(0, 4)] == [True, True, False, False]


@pytest.mark.parametrize("left", [0, 1])
def test_a_folder_of_batches_that_was_set_back_is_told(store: Store, left: int) -> None:
    store.fill(3)
    store.tree.catch_up()
    for number in range(left + 1, 4):
        batch_path(store.path / "batches", number).unlink()

    with pytest.raises(
        ValueError, match=f"batch 3 is in the tree, and the newest one is {left}: the folder was set back"
    ):
        store.tree.catch_up()


def test_salts_of_a_time_to_come_are_forgotten_with_its_records(store: Store) -> None:
    store.fill(2)
    store.tree.catch_up()

    assert store.tree.forget(0, NIGHT_NS // S - 1) == 2
    assert [leaf.salt is None for leaf in store.tree.leaves(0, 4)] == [False, True] * 2


def test_forgotten_salts_are_in_no_file_and_the_tree_is_the_same(store: Store) -> None:
    store.fill(3)
    store.tree.catch_up()
    root = store.tree.root(0, 6)
    gone = [leaf.salt for leaf in store.tree.leaves(0, 6) if leaf.day == TIME_NS // DAY_NS and leaf.salt]

    assert store.tree.forget(NIGHT_NS // S) == len(gone) == 3

    octets = b"".join(path.read_bytes() for path in store.path.glob("tree/tree.sqlite*"))
    assert not any(salt in octets for salt in gone)
    assert [leaf.salt is None for leaf in store.tree.leaves(0, 6)] == [True, False] * 3
    assert (store.tree.root(0, 6), store.opened(store.path).root(0, 6)) == (root, root)


def test_a_second_writer_takes_nothing_twice(store: Store) -> None:
    other = store.opened(store.path)
    store.fill(2)

    assert (store.tree.catch_up(), other.catch_up()) == (4, 0)
    store.fill(1)
    with store.tree._rows:
        store.tree._rows.execute("BEGIN IMMEDIATE")
        other._rows.execute("PRAGMA busy_timeout=0")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.catch_up()
        store.tree._rows.execute("ROLLBACK")
    assert (other.catch_up(), store.tree.catch_up()) == (2, 0)
