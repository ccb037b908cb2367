"""Drains the workers' spools into batches, and what people count of them into the database.

    spool → batch (filterd.audit.block_batches) → counts of children and of CSAM, in the database → overwritten

Records and counts have a position each: a batch has that of its records, the database that of its counts.  The counts
follow; where a process ends between the two, the next one counts what is missing out of the spool, which still has it.
Invariants: a record is in one batch, and counted once, whenever the process dies; the spool is overwritten once both
are on the disk; a household that keeps nothing has no record.   One process drains.
Absent on purpose: pyarrow.  Control drains, and files are made by the archive (filterd.audit.archive.archive_service).
"""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from fastpath.report.columns import Columns
from filterd.audit.block_batches import (
    DAY_S,
    MOST_RECORDS,
    Batches,
    LedgerName,
    drain_to_batch,
    wipe_stored,
)
from filterd.audit.drain import Ledger, count_found, next_columns, position_of, wipe_before
from filterd.box.errors import MissingPart
from mgmt.registers.records import block_ledger
from mgmt.registers.records.block_ledger import Position
from parental.store.database import reading, writing
from parental.store.errors import DatabaseFull

MOST_SLOTS = 3  # of a record: fastpath/report/spool.pxd

Place = tuple[int, int]  # segment and slot


def refuse_rows(ledger: Ledger) -> None:
    """Raise MissingPart where the database has records of an earlier release: no one gets a part of them."""
    with reading(ledger.engine) as conn:
        has_rows = block_ledger.has_blocks(conn)
    if has_rows:
        raise MissingPart(
            "block records: the database has rows that are in no file; pulls and statistics wait, all else goes on; "
            "stop control and the archive, run filterd audit move, start them"
        )


class BlockDrain:
    """The spools of this box, and the folder of its batches."""

    def __init__(self, spool_dir: Path, folder: Path, ledger: Ledger, keeps_household: Callable[[], bool]) -> None:
        """folder  of batches.   keeps_household: whether their records are kept at all   Raises OSError, ValueError"""
        self._spool_dir, self._ledger, self._keeps_household = spool_dir, ledger, keeps_household
        self._batches = Batches(folder)

    def begin(self) -> None:
        """Finish what the last process has left: count what it has stored and not counted, and overwrite it."""
        for folder in self._workers():
            self._follow(folder)
        wipe_stored(self._spool_dir, self._batches)

    def drain(self) -> int:
        """Move new events of every worker, a batch of each; how many there were.

        A spool that cannot be read holds up no other one: its OSError or ValueError is raised once they are drained.
        Raises DatabaseFull, and writes nothing, where the disk has no more left than orders and taps may need."""
        reserve = self._ledger.reserve
        if reserve is not None and reserve.is_low():
            raise DatabaseFull(
                f"{reserve.path.parent}: its disk is full; block records wait in {self._spool_dir}; make room there"
            )
        n, faults = 0, list[Exception]()
        for folder in self._workers():
            try:
                n += self._drain_worker(folder)
            except (OSError, ValueError) as reason:
                faults.append(reason)
        if faults:
            raise faults[0]
        return n

    # ------------------------------------------------------------------------------------------------------------------

    def _workers(self) -> list[Path]:
        return sorted(self._spool_dir.glob("*/"))

    def _drain_worker(self, folder: Path) -> int:
        self._follow(folder)

        def count(found: Columns, position: Position) -> None:
            count_found(found, self._ledger, folder.name, position)

        keeps, ledger = self._keeps_household(), self._ledger
        return drain_to_batch(folder, self._batches, self._key_of, count, keeps, ledger.provinces_of, ledger.probe)

    def _follow(self, folder: Path) -> None:
        """Have both positions of a worker equal: counts that a batch has and the database has not are made up for.

        Batches are behind only where an earlier release kept records in the database: they go on from there."""
        stored, counted = _place(self._batches.position_of(folder)), _place(position_of(folder, self._ledger))
        if counted > stored:
            self._batches.positions = {**self._batches.positions, folder.name: counted}
        if counted < stored:
            while counted < stored:
                counted = self._count_up_to(folder, counted, stored)
            wipe_before(folder, Position(str(stored[0]), stored[1]))

    def _count_up_to(self, folder: Path, counted: Place, stored: Place) -> Place:
        """Count some of the events before `stored`; how far they were counted."""
        begin = counted[1] if counted[0] == stored[0] else 0
        most = max(1, (stored[1] - begin) // MOST_SLOTS) if counted[0] == stored[0] else MOST_RECORDS
        _, found, number = next_columns(
            folder, Position(str(counted[0]), counted[1]), min(most, MOST_RECORDS), MOST_RECORDS
        )
        if found is None or not counted < (number, found.next) <= stored:
            found, number, slot = None, *stored  # its segment is gone: there is nothing left to count
        else:
            slot = found.next
        count_found(found, self._ledger, folder.name, Position(str(number), slot))
        return number, slot

    def _key_of(self, ledger: LedgerName, day: int) -> bytes:
        """The key of a ledger's pseudonyms of a day: for the enforcement ledger as records in the database have it."""
        date = datetime.fromtimestamp(day * DAY_S, UTC).date().isoformat()
        with reading(self._ledger.engine) as conn:
            of_day = block_ledger.known_day_key(conn, date)
        if of_day is None:
            with writing(self._ledger.engine) as conn:
                of_day = block_ledger.day_key(conn, date)
        return block_ledger.pseudonym_key(self._ledger.node_key, of_day, of_household=ledger == "household")


def _place(at: Position) -> Place:
    return int(at.segment), at.offset
