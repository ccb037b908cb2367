import shutil
from pathlib import Path

import pytest
from support.block_proof import Store

from filterd.audit.archive_messages import TreeHead
from filterd.audit.block_seal import LAST, BlockSeal
from filterd.audit.seal import LedgerDamage
from mgmt.ledger.verifier import open_note


def test_what_is_not_signed_yet_is_signed_once(store: Store) -> None:
    store.fill(2)

    note = store.sign()

    assert note is not None and open_note(note, [store.seal.vkey])[:2] == ("gw.example/filterd-blocks", 4)
    assert store.sign() is None
    assert store.tree.last_checkpoint() == store.tree.checkpoint_from(3) == (4, note, store.seal.vkey)
    assert store.tree.checkpoint_from(5) is None


def test_an_empty_tree_is_not_signed(store: Store) -> None:
    assert store.sign() is None


def test_a_renamed_box_goes_on_with_the_name_of_its_tree(store: Store) -> None:
    store.fill(1)
    store.sign()

    assert BlockSeal(store.keys, "other.example").vkey == store.seal.vkey


def test_a_checkpoint_that_did_not_reach_the_store_is_put_there(store: Store) -> None:
    store.fill(1)
    note = store.sign()
    store.tree._rows.execute("DELETE FROM checkpoints")

    assert store.sign() == note and store.tree.last_checkpoint() == (2, note, store.seal.vkey)
    assert store.sign() is None


def test_a_store_that_was_set_back_is_refused_and_not_signed(store: Store, tmp_path: Path) -> None:
    store.fill(1)
    store.sign()
    shutil.copytree(store.path, tmp_path / "copy")
    store.fill(1)
    store.sign()
    kept = (store.keys / LAST).read_text()

    with pytest.raises(LedgerDamage, match="2 batches are left of 4 that were signed; not signed any more"):
        store.sign_tree(store.opened(tmp_path / "copy"))
    assert (store.keys / LAST).read_text() == kept


def test_a_forked_tree_is_refused_and_not_signed(store: Store, tmp_path: Path) -> None:
    with Store(tmp_path / "other") as other:
        for each in (store, other):
            each.fill(2)
            each.sign()

        with pytest.raises(LedgerDamage, match="the first 4 are other ones"):
            store.sign_tree(other.tree)


def test_an_archive_that_lies_of_what_was_signed_gets_nothing_signed(store: Store) -> None:
    store.fill(3)
    store.sign()
    store.fill(2)
    store.tree.catch_up()
    head, root = store.tree.head(store.seal.signed), store.tree.root(0, 6)
    lies = [
        TreeHead(head.size, bytes(32), head.path, False),  # another tree
        TreeHead(head.size, head.root, [], False),  # no proof
        TreeHead(head.size, head.root, [*head.path[:-1], bytes(32)], False),
        TreeHead(6, bytes(32), [], True),  # another one of that size
        TreeHead(5, root, [], True),
        TreeHead(0, root, [], False),
    ]
    kept = (store.keys / LAST).read_text()

    for lie in lies:
        with pytest.raises(LedgerDamage, match="not signed any more"):
            store.seal.seal(lie)
        assert (store.keys / LAST).read_text() == kept
    assert store.sign_tree(store.tree)


def test_a_leaf_that_was_altered_in_the_store_is_refused(store: Store) -> None:
    store.fill(2)
    store.sign()
    store.tree._rows.execute("UPDATE leaves SET n = n + 1 WHERE number = 1")

    with pytest.raises(LedgerDamage, match="the first 4 are other ones"):
        store.sign()


def test_what_is_no_root_is_not_signed_and_the_true_one_is_then(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        with pytest.raises(LedgerDamage, match="no root of 32 octets; not signed"):
            store.seal.seal(TreeHead(7, b"short", [], False))
        store.fill(1)
        assert store.sign() and store.seal.signed == 2
