from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from support.block_proof import NIGHT_NS, S, Store, verified
from support.block_store import found as stored
from support.spool import block_event

from fastpath.images.verdict import Reason
from filterd.audit.archive import block_sequence
from filterd.audit.archive.archive_proof import ArchiveProof
from filterd.audit.archive_messages import NextRecords, RecordProof, RecordsFrom, ToldRecord
from filterd.audit.block_batches import Batches, no_records
from filterd.audit.block_files import compact
from filterd.audit.record_lines import AfterCount, BeforeCount


@pytest.fixture
def proof(store: Store) -> Iterator[ArchiveProof]:
    with closing(ArchiveProof(store.path)) as opened:
        yield opened


def told(proof: ArchiveProof, most: int = 7, at: tuple[int, int] = (0, 0)) -> list[ToldRecord]:
    """All records from a position on, a page at a time."""
    found = list[ToldRecord]()
    while True:
        page = proof.records_from(RecordsFrom(*at, most))
        assert len(page.records) <= most
        if (page.number, page.index) == at:
            return found
        at = page.number, page.index
        found += page.records


def in_files(store: Store) -> None:
    batches = Batches(store.path / "batches")
    batches.append(no_records(batches.positions))
    compact(store.path)


def test_every_record_comes_once_in_the_order_of_leaves_whatever_the_size_of_a_page(
    store: Store, proof: ArchiveProof
) -> None:
    store.fill(5)
    whole = told(proof, 500)

    assert len(whole) == 20 and {each.rule: each.count for each in whole} == dict(stored(store.path))
    assert [(each.number, each.index) for each in whole] == [(n, i) for n in range(10) for i in range(2)]
    assert all(told(proof, most) == whole for most in (1, 2, 3, 7, 19))


def test_a_record_keeps_its_place_where_its_batch_has_become_a_file(store: Store, proof: ArchiveProof) -> None:
    store.fill(4)
    before = told(proof)
    in_files(store)
    store.fill(1)

    assert told(proof)[:16] == before
    assert told(proof, 3, (1, 1)) == told(proof)[3:]


def test_what_has_the_place_of_a_record_in_a_proof_is_that_record(store: Store, proof: ArchiveProof) -> None:
    store.fill(2)
    store.sign()
    third = told(proof)[2]

    octets = proof.record(RecordProof(third.number, third.index)).octets

    assert verified(octets).records == 1
    assert third.rule in octets.decode()


def test_neither_a_subscriber_nor_a_household_nor_a_csam_block_is_told(store: Store, proof: ArchiveProof) -> None:
    store.drain(
        block_event("bad.test", subscriber=7),
        block_event("theirs.test", reason=Reason.CATEGORY),
        block_event("worse.test", reason=Reason.CSAM),
    )

    [record] = told(proof)

    assert record.rule == "bad.test"
    assert not hasattr(record, "subscriber")


def test_from_now_on_is_behind_the_newest_record(store: Store, proof: ArchiveProof) -> None:
    store.fill(1)
    page = proof.records_from(RecordsFrom(-1, 0, 1))
    store.drain(block_event("later.test"))

    assert [each.rule for each in told(proof, 5, (page.number, page.index))] == ["later.test"]


def test_records_that_wait_are_counted_and_those_destroyed_by_age_are_said_once(
    store: Store, proof: ArchiveProof
) -> None:
    store.fill(3)
    assert proof.records_from(RecordsFrom(1, 1, 2)).waiting == 9
    proof.forget(NIGHT_NS // S + 1, None, ())

    def page(at: tuple[int, int]) -> NextRecords:
        return proof.records_from(RecordsFrom(*at, 100))

    whole = page((0, 0))
    assert (whole.gone, len(whole.records), whole.waiting) == (6, 6, 6)
    assert page((0, 1)).gone == 5
    assert page((whole.number, whole.index)).gone == 0


def test_a_page_of_long_rules_is_far_below_a_line_of_the_socket(
    store: Store, proof: ArchiveProof, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.fill(3)
    monkeypatch.setattr(block_sequence, "MOST_OCTETS", 10)

    page = proof.records_from(RecordsFrom(0, 0, 100))

    assert len(page.records) == 1
    assert len(told(proof)) == 12


@pytest.mark.parametrize("number", [7, 1 << 40, -2, 1 << 80])
def test_a_leaf_that_the_tree_does_not_have_is_refused(store: Store, proof: ArchiveProof, number: int) -> None:
    store.fill(3)

    with pytest.raises(ValueError, match="was set back, or began again; no record given"):
        proof.records_from(RecordsFrom(number, 0, 1))


def test_an_index_before_the_first_is_refused(store: Store, proof: ArchiveProof) -> None:
    store.fill(1)

    with pytest.raises(ValueError, match="record -1 of leaf 0"):
        proof.records_from(RecordsFrom(0, -1, 1))


def test_an_index_behind_the_end_of_its_leaf_goes_on_with_the_next_one(store: Store, proof: ArchiveProof) -> None:
    store.fill(1)

    assert [each.number for each in told(proof, 5, (0, 99))] == [1, 1]


def test_altered_records_are_not_told(store: Store, proof: ArchiveProof) -> None:
    store.fill(1)
    told(proof)
    path = store.path / "batches/0000000001.batch"
    octets: Any = path.read_bytes().replace(b"0-0.test", b"0-9.test")
    path.write_bytes(octets)

    with pytest.raises(ValueError, match="keep the store as evidence"):
        told(proof)


def test_a_line_of_records_has_no_field_that_is_not_known_here() -> None:
    fields = {*block_sequence._Line.__struct_fields__, "subscriber"}
    said = {*BeforeCount.__struct_fields__, *AfterCount.__struct_fields__}

    assert fields == {*said, "count", "subscriber", "time"}
