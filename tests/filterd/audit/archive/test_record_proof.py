from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.block_proof import FIRST, NIGHT_NS, S, Store, verified
from support.mgmt.ledgers import split
from support.spool import block_event

from fastpath.images.verdict import Reason
from filterd.audit.archive.batch_tree import SPAN
from filterd.audit.archive.block_bundle import Records
from filterd.audit.archive.record_proof import proof_of
from filterd.audit.block_batches import batch_path
from filterd.audit.block_files import days_due, forget
from mgmt.ledger.bundle import NoCheckpoint

N = 2 * SPAN + 400
ENDS = (0, 1, SPAN - 1, SPAN, 2 * SPAN - 1, 2 * SPAN, N - 1)


@pytest.fixture(params=["batch", "file"])
def large(store: Store, request: pytest.FixtureRequest) -> Store:
    """A store whose second leaf has more records than are under one kept hash."""
    store.drain(block_event("first.test"), block_event(reason=Reason.PAUSE))
    store.drain(*(block_event(f"n{n:04}.test") for n in range(N)))
    store.fill(1)
    store.sign()
    if request.param == "file":
        store.compact()
    return store


def file_of(store: Store) -> Path:
    [path] = store.path.glob(f"enforcement/day={FIRST}/*.parquet")
    return path


@pytest.mark.parametrize("is_compacted", [False, True])
def test_every_record_is_proven_alone(store: Store, is_compacted: bool) -> None:
    store.fill(3)
    store.sign()
    if is_compacted:
        store.compact()

    proofs = [proof_of(store.path, store.tree, leaf, at) for leaf in range(6) for at in range(2)]

    assert {verified(proof).records for proof in proofs} == {1}
    assert len({split(proof)[2] for proof in proofs}) == 12
    with pytest.raises(LookupError, match="batch 6, record 0"):
        proof_of(store.path, store.tree, 6, 0)


@pytest.mark.parametrize("are_kept", [True, False])
def test_a_record_of_a_large_batch_is_proven_also_where_an_earlier_version_has_kept_no_hashes(
    large: Store, are_kept: bool
) -> None:
    if not are_kept:
        large.tree._rows.execute("DELETE FROM spans")
    assert (large.tree.spans(1) is not None) == are_kept

    for index in ENDS:
        proof = proof_of(large.path, large.tree, 1, index)
        assert verified(proof).records == 1
        assert b'"rule":"n%04d.test"' % index in split(proof)[2]


def test_a_part_and_all_of_a_leaf_are_read_in_any_order(large: Store) -> None:
    [leaf] = large.tree.leaves(1, 2)
    with closing(Records(large.path, large.tree)) as records:
        part = records.part(leaf, SPAN, SPAN)
        whole = records.lines(leaf)
        again = records.part(leaf, 0, leaf.n)

    assert (part, again) == (b"".join(whole.splitlines(keepends=True)[SPAN : 2 * SPAN]), whole)


def test_what_is_there_no_more_or_never_was_is_not_proven(large: Store) -> None:
    with pytest.raises(LookupError, match=f"batch 1, record {N}: does not exist; it was destroyed, or never was"):
        proof_of(large.path, large.tree, 1, N)
    with pytest.raises(LookupError, match="batch 1, record -1"):
        proof_of(large.path, large.tree, 1, -1)

    large.tree.forget(NIGHT_NS // S)
    forget(large.path, "enforcement", days_due(large.path, "enforcement", NIGHT_NS // S))

    assert large.tree.spans(1) is None
    with pytest.raises(LookupError, match="batch 1, record 0: does not exist"):
        proof_of(large.path, large.tree, 1, 0)


def test_what_is_not_signed_is_not_proven(store: Store) -> None:
    store.fill(1)
    store.tree.catch_up()

    with pytest.raises(NoCheckpoint, match="batch 0 is not signed yet"):
        proof_of(store.path, store.tree, 0, 0)


def test_a_record_that_was_altered_is_not_proven_and_others_are(large: Store) -> None:
    if not list(large.path.glob("enforcement/*/*.parquet")):
        path = batch_path(large.path / "batches", 2)
        path.write_bytes(path.read_bytes().replace(b"n0007.test", b"n9007.test"))
    else:
        table = pq.read_table(file_of(large), partitioning=None)
        rules = [rule.replace("n0007", "n9007") for rule in table["rule"].to_pylist()]
        column = table.schema.get_field_index("rule")
        changed = table.set_column(column, table.schema.field("rule"), pa.chunked_array([rules], pa.string()))
        pq.write_table(changed, file_of(large))

    with pytest.raises(ValueError, match=f"its records of {FIRST} are not those that were signed; nothing more"):
        proof_of(large.path, large.tree, 1, 5)
    assert verified(proof_of(large.path, large.tree, 1, SPAN)).records == 1


def test_kept_hashes_that_are_others_prove_nothing(large: Store) -> None:
    spans = large.tree.spans(1)
    assert spans is not None
    large.tree._rows.execute("UPDATE spans SET hashes = ?", (spans[:-1] + bytes([spans[-1] ^ 1]),))

    for index in ENDS:
        with pytest.raises(ValueError, match="not those that were signed"):
            proof_of(large.path, large.tree, 1, index)


def test_a_file_that_is_damaged_is_named(store: Store) -> None:
    store.drain(*(block_event(f"n{n:04}.test") for n in range(N)))
    store.sign()
    store.compact()
    octets = bytearray(file_of(store).read_bytes())
    octets[4:2000] = bytes(1996)
    file_of(store).write_bytes(octets)

    with pytest.raises(ValueError, match=r"\.parquet"):
        proof_of(store.path, store.tree, 0, 0)
