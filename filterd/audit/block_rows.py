"""Batches of records that came from no spool: rows that an earlier release kept, or a month that is made up."""

from array import array
from collections.abc import Iterable, Iterator, Sequence

from filterd.audit.block_batches import LEDGERS, Batch, Kind, LedgerName, Rows, kind_of
from mgmt.registers.records.block_ledger import HOUSEHOLD, PSEUDONYM_OCTETS, StoredBlock

MOST_COUNT = (1 << 32) - 1  # of a record: a row that has more becomes several


def batch_of_rows(rows: Sequence[StoredBlock], positions: dict[str, tuple[int, int]]) -> Batch:
    """The batch of rows.   positions  of all workers"""
    return Batch(positions, *(_rows(rows, each) for each in LEDGERS))


def counts_of(count: int) -> Iterator[int]:
    """The counts of the records that a row becomes: nearly always one."""
    while count > MOST_COUNT:
        yield MOST_COUNT
        count -= MOST_COUNT
    yield count


# ----------------------------------------------------------------------------------------------------------------------


def _rows(rows: Sequence[StoredBlock], ledger: LedgerName) -> Rows:
    """Those of a ledger, as columns."""
    kinds: dict[Kind, int] = {}
    whose: dict[str, int] = {"": 0}
    columns = array("q"), array("I"), array("I"), array("I")
    for row in rows:
        if (row.reason in HOUSEHOLD) == (ledger == "household"):
            numbers = kinds.setdefault(kind_of(row), len(kinds)), whose.setdefault(row.pseudonym, len(whose))
            for count in counts_of(row.count):
                for column, value in zip(columns, (row.time_s, *numbers, count), strict=True):
                    column.append(value)
    return Rows(list(kinds), _octets(whose), *(column.tobytes() for column in columns))


def _octets(whose: Iterable[str]) -> bytes:
    found = b"".join(map(bytes.fromhex, whose))
    assert len(found) % PSEUDONYM_OCTETS == 0
    return found
