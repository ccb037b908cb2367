"""Block records of a span of time, out of files and batches, by DuckDB; it needs `filterd[audit]`.

Invariants: a record is found once, also while batches become files (filterd.audit.block_files.in_force()).
Absent on purpose: a database of DuckDB's own: the Parquet files are the records, and any other engine reads them, too.
Cost: a process that imports DuckDB and pyarrow has 110 MB; a search of one day takes at most MEMORY more.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from filterd.audit.block_batches import BATCHES, DAY_S, LedgerName, read_batch
from filterd.audit.block_files import SCHEMA, in_force, table_of
from mgmt.registers.records.block_archive import FoundRecord
from mgmt.registers.records.block_ledger import RecordQuery
from mgmt.registers.records.statistics.cells import COUNTED
from parental.store.schema.records import UNKNOWN_PROVINCE

MEMORY = "256MB"
SCRATCH = "scratch"  # what a search sorts and has no memory for; nothing in it is worth keeping
LIMITS: dict[str, str | bool | int | float | list[str]] = {  # it loads no code, and asks no network for any
    "memory_limit": MEMORY,
    "max_temp_directory_size": "4GB",
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}
AT_ONCE = 1 << 14  # records of one piece of an answer
TRIES = 5  # of a look between two compactions
COLUMNS = ", ".join(f'"{name}"' for name in SCHEMA.names)


def search(folder: Path, ledger: LedgerName, wanted: RecordQuery) -> Iterator[pa.RecordBatch]:
    """The records that are wanted, by time; in pieces of at most AT_ONCE, in columns of SCHEMA.

    Raises duckdb.Error, OSError; ValueError for a damaged batch"""
    with _opened(folder, ledger, wanted) as (engine, days):
        for day, files in days:
            for piece in _found(engine, files, wanted, day, COLUMNS, 'ORDER BY "time"').to_arrow_reader(AT_ONCE):
                yield piece.cast(SCHEMA)


def page(folder: Path, ledger: LedgerName, wanted: RecordQuery, skip: int, limit: int) -> list[FoundRecord]:
    """At most `limit` records that are wanted, by time, after the first `skip` ones of the second in which they begin.

    Equal seconds are in the order of their columns: the same one each time.   Raises as search()"""
    found = list[FoundRecord]()
    with _opened(folder, ledger, wanted) as (engine, days):
        for day, files in days:
            begins = day == datetime.fromtimestamp(wanted.since_s, UTC).date()
            end = f"ORDER BY {COLUMNS} LIMIT {limit - len(found)} OFFSET {skip if begins else 0}"
            rows = _found(engine, files, wanted, day, COLUMNS, end).to_arrow_table().cast(SCHEMA)
            found += [_record(row) for row in rows.to_pylist()]
            if len(found) >= limit:
                break
    return found


def counted(folder: Path, ledger: LedgerName, wanted: RecordQuery) -> Iterator[bytes]:
    """The records that are wanted, counted by what alike ones have in common: lines of JSON, for
    mgmt.registers.records.statistics.cells.

    Raises as search()"""
    counts: Counter[tuple[str, ...]] = Counter()
    columns = ", ".join(f'"{name}"' for name in COUNTED)
    with _opened(folder, ledger, wanted) as (engine, days):
        for day, files in days:
            found = _found(engine, files, wanted, day, f"{columns}, sum(count)", f"GROUP BY {columns}")
            for *values, count in found.fetchall():
                counts[tuple(values)] += int(count)
    for alike, count in sorted(counts.items()):
        yield msgspec.json.encode({**dict(zip(COUNTED, alike, strict=True)), "count": count}) + b"\n"


# ----------------------------------------------------------------------------------------------------------------------


def _record(row: dict[str, Any]) -> FoundRecord:
    subscriber = row["subscriber"]
    said = row | {"subscriber": None if subscriber is None else subscriber.hex()}
    return FoundRecord(time_s=int(said.pop("time").timestamp()), **said)


@contextmanager
def _opened(
    folder: Path, ledger: LedgerName, wanted: RecordQuery
) -> Iterator[tuple[duckdb.DuckDBPyConnection, list[tuple[date, list[Path]]]]]:
    """An engine with the records that are in no file as `waiting`, and the days that have any, with their files."""
    first, last = (datetime.fromtimestamp(at, UTC).date() for at in (wanted.since_s, max(wanted.until_s - 1, 0)))
    files, waiting = _look(folder, ledger, first, last)
    days = files.keys() | {at.date() for at in pc.unique(pc.floor_temporal(waiting["time"], unit="day")).to_pylist()}
    with duckdb.connect(config={**LIMITS, "temp_directory": str(folder / SCRATCH)}) as engine:
        engine.register("waiting", waiting)
        yield engine, [(day, files.get(day, [])) for day in sorted(days) if first <= day <= last]


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


def _found(
    engine: duckdb.DuckDBPyConnection, files: list[Path], wanted: RecordQuery, day: date, columns: str, end: str
) -> duckdb.DuckDBPyRelation:
    """columns  what is selected of the records of a day;   end  of the query"""
    begin_s = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
    equal = "".join(f' AND "{name}" = ${name}' for name in wanted.equal())
    asked: dict[str, object] = {
        "since_s": max(wanted.since_s, begin_s),
        "until_s": min(wanted.until_s, begin_s + DAY_S),
    }
    asked |= wanted.equal()
    of_files = ""
    if files:
        asked["files"] = [str(path) for path in files]
        of_files = "SELECT * FROM read_parquet($files, union_by_name=true, hive_partitioning=false) UNION ALL BY NAME "
    query = (
        f"SELECT {columns} FROM (SELECT * REPLACE (coalesce(province, '{UNKNOWN_PROVINCE}') AS province) "
        f"FROM ({of_files}SELECT * FROM waiting)) "
        f'WHERE "time" >= to_timestamp($since_s) AND "time" < to_timestamp($until_s){equal} {end}'
    )
    return engine.sql(query, params=asked)
