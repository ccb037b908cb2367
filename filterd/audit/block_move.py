"""Moves the records that the database has into batches, once, where they are to be files from now on.

    the oldest rows → a batch, whose positions say up to which row → removed from the database

Invariants: a row is in one batch, whenever the process dies: what a batch has is removed before another one is made.
Where several gateways share a database, one of them takes all of its rows: the first that asks.
"""

from array import array
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Row
from sqlalchemy.exc import IntegrityError

from filterd.audit.block_batches import LEDGERS, Batch, Batches, Kind, LedgerName, Rows, no_records
from filterd.audit.drain import Ledger
from filterd.audit.retention import overwrite_deleted
from mgmt.registers.records import block_ledger
from mgmt.registers.records.block_ledger import HOUSEHOLD, PSEUDONYM_OCTETS, Position
from parental.store.database import reading, writing

ROWS = "rows of the database"  # as if they were a worker's: no worker has such a name
MOST_ROWS = 2000  # some 20 ms, in which no other writer gets the database
MOST_COUNT = (1 << 32) - 1


def remove_moved(batches: Batches, ledger: Ledger) -> None:
    """Remove the rows that a batch has, and forget which ones these were."""
    if (last := batches.positions.get(ROWS)) is not None:
        with writing(ledger.engine) as conn:
            overwrite_deleted(conn)
            block_ledger.remove_blocks(conn, last[1])
        batches.append(no_records({name: at for name, at in batches.positions.items() if name != ROWS}))


def move_rows(batches: Batches, ledger: Ledger, keeps_household: bool = True) -> int:
    """Move at most MOST_ROWS rows; how many there were.   keeps_household: else those that it has chosen just go"""
    remove_moved(batches, ledger)
    with reading(ledger.engine) as conn:
        if not block_ledger.has_blocks(conn):
            return 0
    if not _is_ours(ledger):
        return 0
    with reading(ledger.engine) as conn:
        rows = block_ledger.oldest_blocks(conn, MOST_ROWS)
    if rows:
        positions = {**batches.positions, ROWS: (0, int(rows[-1].id))}
        enforcement, household = (_rows_of(rows, name) for name in LEDGERS)
        batches.append(Batch(positions, enforcement, household if keeps_household else Rows()))
        remove_moved(batches, ledger)
    return len(rows)


# ----------------------------------------------------------------------------------------------------------------------


def _is_ours(ledger: Ledger) -> bool:
    """Whether this box moves the rows: the first that asks does, and goes on."""
    try:
        with writing(ledger.engine) as conn:
            if (by := _mover(conn)) is None:
                block_ledger.write_position(conn, ROWS, Position(ledger.node, 0))
            return by in (None, ledger.node)
    except IntegrityError:  # another one has asked at the same moment
        return False


def _mover(conn: Connection) -> str | None:
    at = block_ledger.read_position(conn, ROWS)
    return None if at is None else at.segment


def _rows_of(rows: Sequence[Row[Any]], ledger: LedgerName) -> Rows:
    """Those of a ledger, as columns of a batch."""
    kinds: dict[Kind, int] = {}
    whose: dict[str, int] = {"": 0}
    columns = array("q"), array("I"), array("I"), array("I")
    for row in rows:
        if (row.reason in HOUSEHOLD) == (ledger == "household"):
            kind = Kind(*(getattr(row, field) for field in Kind.__struct_fields__))
            numbers = kinds.setdefault(kind, len(kinds)), whose.setdefault(row.pseudonym, len(whose))
            for column, value in zip(
                columns, (row.time_s, *numbers, min(row._mapping["count"], MOST_COUNT)), strict=True
            ):
                column.append(value)
    return Rows(list(kinds), _octets(whose), *(column.tobytes() for column in columns))


def _octets(whose: Iterable[str]) -> bytes:
    found = b"".join(map(bytes.fromhex, whose))
    assert len(found) % PSEUDONYM_OCTETS == 0
    return found
