"""A sequence of records in which a legal hold has left some leaves of a day, and cut the others away."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from support.block_proof import NIGHT_NS, S, Store
from support.spool import block_event

from filterd.audit.archive.archive_proof import ArchiveProof
from filterd.audit.archive_messages import NextRecords, RecordsFrom
from filterd.audit.block_batches import Batches, no_records
from filterd.audit.block_files import compact
from mgmt.registers.records.holds.scope import DAY_S, Scope

NIGHT_S = NIGHT_NS // S
HELD = Scope(NIGHT_S - DAY_S, NIGHT_S, order=5)


@pytest.fixture
def proof(store: Store) -> Iterator[ArchiveProof]:
    """Six leaves of two records of a day, of which the third one has what a hold names, in a file."""
    for number in range(6):
        at = NIGHT_NS - 60 * S + number * S
        store.drain(
            block_event(f"a{number}.test", time_ns=at),
            block_event(f"b{number}.test", time_ns=at, order=5 if number == 2 else 0),
        )
    with closing(ArchiveProof(store.path)) as opened:
        opened.records_from(RecordsFrom(0, 0, 1))
        batches = Batches(store.path / "batches")
        batches.append(no_records(batches.positions))
        compact(store.path)
        yield opened


def page(proof: ArchiveProof, at: tuple[int, int], most: int = 100) -> NextRecords:
    return proof.records_from(RecordsFrom(*at, most))


def rules(found: NextRecords) -> list[str]:
    return [each.rule for each in found.records]


def test_what_a_hold_keeps_is_told_and_what_is_cut_away_is_gone(proof: ArchiveProof) -> None:
    proof.forget(NIGHT_S, None, [HELD])

    whole = page(proof, (0, 0))

    assert rules(whole) == ["a2.test", "b2.test"]
    assert [(each.number, each.index) for each in whole.records] == [(2, 0), (2, 1)]
    assert (whole.gone, whole.waiting, whole.number, whole.index) == (10, 2, 6, 0)


@pytest.mark.parametrize("most", [1, 2, 3])
def test_a_reader_in_the_middle_goes_on_and_counts_each_that_is_gone_once(proof: ArchiveProof, most: int) -> None:
    first = page(proof, (0, 0), 3)
    proof.forget(NIGHT_S, None, [HELD])

    at, found, gone = (first.number, first.index), list[str](), 0
    while at != (6, 0):
        more = page(proof, at, most)
        at, found, gone = (more.number, more.index), found + rules(more), gone + more.gone

    assert rules(first) == ["b0.test", "a0.test", "b1.test"]  # of an order before those of a later one
    assert (found, gone) == (["a2.test", "b2.test"], 7)


def test_a_hold_that_ends_leaves_nothing_behind(proof: ArchiveProof) -> None:
    proof.forget(NIGHT_S, None, [HELD])
    proof.forget(NIGHT_S, None, [])

    whole = page(proof, (0, 0))

    assert (whole.records, whole.gone, whole.waiting, whole.number) == ([], 12, 0, 6)


def test_salts_that_are_destroyed_while_their_records_are_there_end_the_sequence_nowhere(
    proof: ArchiveProof, store: Store
) -> None:
    store.tree.forget_leaves([(0, 2), (3, 6)])

    whole = page(proof, (0, 0))

    assert (rules(whole), whole.gone) == (["a2.test", "b2.test"], 10)
