"""A spool that began again with segment 1, below where it was read: after a restoration on a new box, or its loss."""

from collections import Counter
from pathlib import Path

import pytest
from support.block_store import drain_all as drain_to_batches
from support.block_store import found
from support.spool import TIME_NS, block_event, put_segment

from fastpath.images.verdict import Reason
from filterd.audit import block_drain
from filterd.audit.block_batches import Batches, no_records
from filterd.audit.block_drain import BlockDrain
from filterd.audit.drain import Ledger, late_since_s
from mgmt.registers.records.block_ledger import (
    Position,
    iter_csam_counts,
    read_position,
    write_position,
)
from parental.store.database import reading, writing
from parental.store.errors import DatabaseFault

WORKER = "dns-0"
RULES = [f"n{number}.test" for number in range(1, 5)]


def read_until(ledger: Ledger, segment: int, slot: int) -> None:
    """Have a database in which the worker's spool was read so far."""
    with writing(ledger.engine) as conn:
        write_position(conn, ledger.key_of(WORKER), Position(str(segment), slot))


def put_spool(tmp_path: Path) -> Path:
    """A spool from segment 1 on, each with a record and a CSAM block."""
    for number, rule in enumerate(RULES, 1):
        put_segment(tmp_path / "spool" / WORKER, number, block_event(rule), block_event(reason=Reason.CSAM))
    return tmp_path / "spool"


def drain_once(tmp_path: Path, ledger: Ledger) -> None:
    """One life of control."""
    drain = BlockDrain(tmp_path / "spool", tmp_path / "store/batches", ledger, lambda: True)
    drain.begin()
    while drain.drain():
        pass


def counted(ledger: Ledger) -> int:
    """All CSAM counts together."""
    with reading(ledger.engine) as conn:
        return sum(each.count for each in iter_csam_counts(conn, 0, 2**40))


def test_after_a_restoration_the_records_of_a_new_spool_are_there_once_and_it_is_said(
    tmp_path: Path, ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    read_until(ledger, 57, 9)
    put_spool(tmp_path)

    for _ in range(2):
        drain_once(tmp_path, ledger)

    assert (found(tmp_path / "store"), counted(ledger)) == (Counter(RULES), len(RULES))
    assert caplog.text.count("dns-0: not the spool that was read until now; read from its beginning") == 1


def test_records_of_a_new_spool_that_wait_are_said_to_be_late(tmp_path: Path, ledger: Ledger) -> None:
    read_until(ledger, 57, 9)
    spool = put_spool(tmp_path)

    assert late_since_s(spool, ledger.engine, ledger.node, TIME_NS / 1e9 + 11) == TIME_NS / 1e9


def test_a_new_spool_that_comes_to_the_numbers_of_the_lost_one_is_read_there_from_the_beginning(
    tmp_path: Path, ledger: Ledger
) -> None:
    read_until(ledger, 57, 9)
    Batches(tmp_path / "store/batches").append(no_records({WORKER: (57, 9)}))
    for number in (1, 2):
        put_segment(tmp_path / "spool" / WORKER, number)  # of starts without a block
    drain_once(tmp_path, ledger)

    put_segment(tmp_path / "spool" / WORKER, 57, *map(block_event, RULES))
    drain_once(tmp_path, ledger)

    assert found(tmp_path / "store") == Counter(RULES)


@pytest.mark.parametrize("of_database", [None, (1, 0), (55, 3), (57, 9), (58, 1)])
@pytest.mark.parametrize("of_batches", [None, (55, 3), (57, 9)])
def test_after_a_restoration_the_records_of_a_new_spool_are_in_a_batch_and_counted_once(
    tmp_path: Path, ledger: Ledger, of_database: tuple[int, int] | None, of_batches: tuple[int, int] | None
) -> None:
    if of_database is not None:
        read_until(ledger, *of_database)
    if of_batches is not None:
        Batches(tmp_path / "store/batches").append(no_records({WORKER: of_batches, "gate-0": (7, 1)}))
    put_spool(tmp_path)

    for _ in range(2):
        drain_once(tmp_path, ledger)

    assert (found(tmp_path / "store"), counted(ledger)) == (Counter(RULES), len(RULES))
    with reading(ledger.engine) as conn:
        assert read_position(conn, ledger.key_of(WORKER)) == Position("4", 2)
    others = {} if of_batches is None else {"gate-0": (7, 1)}
    assert Batches(tmp_path / "store/batches").positions == others | {WORKER: (4, 2)}


def test_where_counting_fails_after_the_first_batch_of_a_new_spool_it_is_made_up_for_once(
    tmp_path: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_until(ledger, 57, 9)
    Batches(tmp_path / "store/batches").append(no_records({WORKER: (57, 9)}))
    put_spool(tmp_path)

    def fails(*_: object) -> None:
        raise DatabaseFault("it is away")

    with monkeypatch.context() as patched:
        patched.setattr(block_drain, "count_found", fails)
        with pytest.raises(DatabaseFault):
            drain_once(tmp_path, ledger)
    drain_once(tmp_path, ledger)

    assert (found(tmp_path / "store"), counted(ledger)) == (Counter(RULES), len(RULES))


def test_batches_alone_overwrite_nothing_of_a_new_spool_that_they_have_not(tmp_path: Path) -> None:
    Batches(tmp_path / "store/batches").append(no_records({WORKER: (57, 9)}))

    drain_to_batches(put_spool(tmp_path), tmp_path / "store")

    assert found(tmp_path / "store") == Counter(RULES)


def test_a_spool_without_a_segment_keeps_its_position(tmp_path: Path, ledger: Ledger) -> None:
    read_until(ledger, 57, 9)
    (tmp_path / "spool" / WORKER).mkdir(parents=True)

    drain_once(tmp_path, ledger)

    with reading(ledger.engine) as conn:
        assert read_position(conn, ledger.key_of(WORKER)) == Position("57", 9)
