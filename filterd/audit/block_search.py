"""Block records of a span of time, out of files and batches, by DuckDB; it needs `filterd[audit]`.

Invariants: a record is found once, also while batches become files (filterd.audit.block_files.in_force()).
Absent on purpose: a database of DuckDB's own: the Parquet files are the records, and any other engine reads them, too.
Cost: a process that imports DuckDB and pyarrow has 110 MB; a search of one day takes at most MEMORY more.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from filterd.audit.block_batches import DAY_S, LedgerName, read_batch
from filterd.audit.block_files import BATCHES, SCHEMA, in_force, table_of

MEMORY = "256MB"
AT_ONCE = 1 << 14  # records of one piece of an answer
TRIES = 5  # of a look between two compactions
COLUMNS = ", ".join(f'"{name}"' for name in SCHEMA.names)


class Wanted(NamedTuple):
    """Which records: of since_s <= time < until_s, unix seconds, with all of these that are not None."""

    since_s: int
    until_s: int
    order: int | None = None
    list: str | None = None
    category: str | None = None
    channel: str | None = None


def search(folder: Path, ledger: LedgerName, wanted: Wanted) -> Iterator[pa.RecordBatch]:
    """The records that are wanted, by time; in pieces of at most AT_ONCE, in columns of SCHEMA.

    Raises duckdb.Error, OSError; ValueError for a damaged batch"""
    first, last = (datetime.fromtimestamp(at, UTC).date() for at in (wanted.since_s, max(wanted.until_s - 1, 0)))
    files, waiting = _look(folder, ledger, first, last)
    days = files.keys() | {at.date() for at in pc.unique(pc.floor_temporal(waiting["time"], unit="day")).to_pylist()}
    with duckdb.connect(config={"memory_limit": MEMORY}) as engine:
        engine.register("waiting", waiting)
        for day in sorted(each for each in days if first <= each <= last):
            for piece in _found(engine, files.get(day, []), wanted, day):
                yield piece.cast(SCHEMA)


# ----------------------------------------------------------------------------------------------------------------------


def _look(folder: Path, ledger: LedgerName, first: date, last: date) -> tuple[dict[date, list[Path]], pa.Table]:
    """The files of these days, and the records that are in none."""
    for _ in range(TRIES):
        batches, files = in_force(folder, ledger, first, last)
        try:
            tables = [table_of(read_batch(folder / BATCHES, number).rows(ledger)) for number in batches]
        except FileNotFoundError:
            continue  # it has become a file
        return files, pa.concat_tables([SCHEMA.empty_table(), *tables])
    raise OSError(f"{folder}: its batches go while they are read, {TRIES} times; nothing was found; ask again")


def _found(engine: duckdb.DuckDBPyConnection, files: list[Path], wanted: Wanted, day: date) -> pa.RecordBatchReader:
    begin_s = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
    asked = {name: value for name, value in wanted._asdict().items() if value is not None}
    asked |= {"since_s": max(wanted.since_s, begin_s), "until_s": min(wanted.until_s, begin_s + DAY_S)}
    equal = "".join(f' AND "{name}" = ${name}' for name in asked if name in SCHEMA.names)
    of_files = ""
    if files:
        asked["files"] = [str(path) for path in files]
        of_files = f"SELECT {COLUMNS} FROM read_parquet($files) UNION ALL "
    query = (
        f"SELECT {COLUMNS} FROM ({of_files}SELECT {COLUMNS} FROM waiting) "
        f'WHERE "time" >= to_timestamp($since_s) AND "time" < to_timestamp($until_s){equal} ORDER BY "time"'
    )
    return engine.sql(query, params=asked).to_arrow_reader(AT_ONCE)
