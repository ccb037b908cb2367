import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import date

import pytest
from support.block_proof import DAY_NS, FIRST, NIGHT_NS, S, Store, verified
from support.block_store import drain_all
from support.spool import TIME_NS, block_event

from filterd.audit.archive import archive_proof
from filterd.audit.archive.archive_proof import ArchiveProof
from filterd.audit.archive.block_tree import FILE, TREE
from filterd.audit.archive_messages import AskTree, KeepCheckpoint, NewestCheckpoint, RecordProof, TreeHead
from filterd.audit.block_batches import no_records
from filterd.audit.block_files import compact
from mgmt.ledger.tree import is_consistent
from mgmt.ledger.verifier import open_note


@pytest.fixture
def proof(store: Store) -> Iterator[ArchiveProof]:
    with closing(ArchiveProof(store.path)) as opened:
        yield opened


def signed(store: Store, proof: ArchiveProof) -> KeepCheckpoint | None:
    """What control signs of it."""
    found = store.seal.seal(proof.head(AskTree(store.seal.signed)))
    if found is not None:
        proof.keep(found)
    return found


def whole(proof: ArchiveProof) -> bytes:
    return b"".join(proof.bundle(date.min, date.max))


def test_what_control_signs_is_in_a_bundle_that_verifies(
    store: Store, proof: ArchiveProof, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.fill(3)
    kept = signed(store, proof)
    before = whole(proof)
    monkeypatch.setattr(archive_proof, "PIECE_OCTETS", 100)

    pieces = list(proof.bundle(date.min, date.max))

    assert kept is not None and verified(before, vkeys=[kept.vkey]).records == 12
    assert b"".join(pieces) == before and {len(piece) for piece in pieces[:-1]} == {100}
    assert signed(store, proof) is None


def test_a_record_is_proven_and_one_that_is_not_there_is_said(store: Store, proof: ArchiveProof) -> None:
    store.fill(1)
    assert "batch 0, record 0: does not exist" in proof.record(RecordProof(0, 0)).absent
    signed(store, proof)

    assert verified(proof.record(RecordProof(1, 0)).octets).records == 1
    assert "batch 0, record 9: does not exist" in proof.record(RecordProof(0, 9)).absent
    assert proof.record(RecordProof(1 << 62, 0)).octets == b""


def test_the_newest_checkpoint_comes_with_what_shows_that_it_continues_an_earlier_one(
    store: Store, proof: ArchiveProof
) -> None:
    assert "no block record is signed yet" in proof.newest(NewestCheckpoint(None)).absent
    store.fill(2)
    first = signed(store, proof)
    store.fill(3)
    signed(store, proof)
    assert first is not None

    found = proof.newest(NewestCheckpoint(first.size))

    old, new = (open_note(note, [first.vkey]) for note in (first.note, found.note))
    assert (old.size, new.size, found.size) == (4, 10, 10)
    assert is_consistent(old.size, new.size, (old.root, new.root), found.path)
    assert proof.newest(NewestCheckpoint(None)).note == found.note
    assert all("nothing to prove" in proof.newest(NewestCheckpoint(size)).absent for size in (0, 11, 1 << 60))


def test_days_that_go_take_their_salts_first_and_the_rest_still_verifies(store: Store, proof: ArchiveProof) -> None:
    store.fill(3)
    signed(store, proof)
    batches = drain_all(store.path.parent / "spool", store.path)
    batches.append(no_records(batches.positions))
    compact(store.path)

    proof.forget(NIGHT_NS // S, None, ())
    found = verified(whole(proof))
    proof.forget(0, NIGHT_NS // S - 1, ())

    assert (found.records, found.without) == (6, {str(FIRST): 6})
    assert verified(whole(proof)).records == 0


def test_bundles_and_new_batches_do_not_wait_for_each_other(store: Store, proof: ArchiveProof) -> None:
    store.fill(2)
    signed(store, proof)
    bundle = proof.bundle(date.min, date.max)
    first = next(bundle)
    store.drain()
    store.fill(1)

    head = proof.head(AskTree(4))

    assert head.size == 6 and verified(first + b"".join(bundle)).records == 8


def test_a_tree_that_was_altered_or_is_gone_is_not_signed_again(store: Store, proof: ArchiveProof) -> None:
    store.fill(2)
    signed(store, proof)
    with closing(sqlite3.connect(store.path / TREE / FILE, isolation_level=None)) as rows:
        rows.execute("UPDATE leaves SET n = 7 WHERE number = 2")

    with pytest.raises(ValueError, match="the first 4 are other ones that were signed"):
        signed(store, proof)
    proof.close()
    for path in (store.path / TREE).iterdir():
        path.unlink()
    with closing(ArchiveProof(store.path)) as again, pytest.raises(ValueError, match="other ones that were signed"):
        signed(store, again)


def test_a_signature_that_was_lost_on_its_way_is_kept_at_the_next_look(store: Store, proof: ArchiveProof) -> None:
    store.fill(1)
    head = proof.head(AskTree(store.seal.signed))
    lost = store.seal.seal(head)
    assert lost is not None and isinstance(head, TreeHead)

    assert signed(store, proof) == lost
    assert verified(whole(proof)).records == 4


def test_records_whose_clock_went_back_are_whole_and_told(store: Store, proof: ArchiveProof) -> None:
    store.fill(1)
    signed(store, proof)
    assert verified(whole(proof)).back is None
    store.drain(block_event(time_ns=TIME_NS - 9 * DAY_NS))
    signed(store, proof)

    assert verified(whole(proof)).back == 2
