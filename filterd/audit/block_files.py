"""Block records as Parquet files, by ledger and UTC day; made of batches, which are removed then.

    FOLDER/batches/NNNNNNNNNN.batch                                      filterd.audit.block_batches
    FOLDER/enforcement/day=2026-11-28/0000000001-0000003600.parquet      the batches that it has, first and last
    FOLDER/household/day=…

Any engine that reads Parquet reads them; `day` is a partition.  Needs pyarrow (`filterd[audit]`), 170 MB on the disk
and 80 MB of memory: it belongs into a process of its own.
Invariants: a file is whole or not there.  One with the batches N to M counts once batch N is gone, and the batches up
to M count for nothing then: the removal of N is the moment at which all files of one compaction take over, so a record
is read once, whenever the process dies.  A file that does not count yet is made again.
Cost: 1 µs a record.
"""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import BinaryIO, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from filterd.audit.block_batches import (
    BATCHES,
    DAY_S,
    LEDGERS,
    Kind,
    LedgerName,
    Rows,
    batch_numbers,
    batch_path,
    read_batch,
)
from mgmt.registers.records.block_ledger import PSEUDONYM_OCTETS
from rules.base.atomic_file import sync, writing_whole

ROW_GROUP = 1 << 19  # records
# Of the codes of a column: without room for the pseudonyms of all subscribers of a row group, each record has its own.
CODES_OCTETS = 16 << 20
MOST_BATCHES = 4096  # of one compaction: an hour and more
NAME = re.compile(r"(\d{10})-(\d{10})\.parquet")
EPOCH = date(1970, 1, 1)
ARCHIVE_LOCK = "archive.lock"  # in the folder of the first ledger

Span = tuple[int, int]  # the first and the last batch of a file

TEXTS = ("channel", "action", "list", "rule", "category", "reason", "province")
SCHEMA = pa.schema(
    [
        pa.field("time", pa.timestamp("ms", "UTC"), nullable=False),
        *(pa.field(name, pa.string(), nullable=False) for name in TEXTS),
        pa.field("order", pa.uint32(), nullable=False),  # its number, 0: none
        pa.field("generation", pa.uint64(), nullable=False),
        pa.field("subscriber", pa.binary(PSEUDONYM_OCTETS)),  # null: the address is no subscriber's
        pa.field("count", pa.uint32(), nullable=False),
    ]
)


class InForce(NamedTuple):
    """What holds the records of a ledger.   batches  by number, of any day;   files  of Parquet by day"""

    batches: list[int]
    files: dict[date, list[Path]]


class Compaction(NamedTuple):
    """n_batches that are gone;   n_records  rows in `files`, which have them"""

    n_batches: int
    n_records: int
    files: list[Path]


def in_force(folder: Path, ledger: LedgerName, first: date, last: date) -> InForce:
    """Look what holds the records of these days.   A batch that is gone when it is opened is in a file: look again."""
    numbers = batch_numbers(folder / BATCHES)  # first: what replaces one of them is there once it is gone
    there = set(numbers)
    files: dict[date, list[Path]] = {}
    spans, ends = [], [0]
    for path, span in _files(folder / ledger):
        ends.append(span[1])
        day = date.fromisoformat(path.parent.name.removeprefix("day="))
        if span[0] not in there and first <= day <= last:
            files.setdefault(day, []).append(path)
            spans.append(span)
    _refuse_numbers_again(folder, ends)
    return InForce(_left(numbers, spans), files)


def files_of_day(folder: Path, ledger: LedgerName, day: int) -> list[tuple[Path, Span]]:
    """The files of a day since 1970, with the batches of each; also of one that does not count yet."""
    return list(_files(folder / ledger, f"day={EPOCH + timedelta(days=day)}"))


def settle(folder: Path) -> None:
    """Remove what a compaction has left that did not end: files that do not count, or batches that do not any more."""
    for part in folder.glob("*/day=*/*.part"):  # rules.base.atomic_file
        part.unlink()
    numbers = batch_numbers(folder / BATCHES)
    there = set(numbers)
    spans, found = [], [each for ledger in LEDGERS for each in _files(folder / ledger)]
    _refuse_numbers_again(folder, [0, *(span[1] for _, span in found)])
    for path, span in found:
        if span[0] in there:
            path.unlink()
        else:
            spans.append(span)
    left = set(_left(numbers, spans))
    _remove(folder / BATCHES, [number for number in numbers if number not in left])


def compact(folder: Path) -> Compaction:
    """Make files of all batches but the newest, which has the positions of the spools.

    Raises OSError, and ValueError for a damaged batch: all batches are there still"""
    settle(folder)  # what an earlier one has left, or it would count in addition to what is made now
    numbers = batch_numbers(folder / BATCHES)[:-1][:MOST_BATCHES]
    if not numbers:
        return Compaction(0, 0, [])
    name = f"{numbers[0]:010d}-{numbers[-1]:010d}.parquet"
    with ExitStack() as files:
        made = _Files(folder, name, files)
        for number in numbers:
            batch = read_batch(folder / BATCHES, number)
            for ledger in LEDGERS:
                made.add(ledger, batch.rows(ledger))
        made.end()
    # They are whole and on the disk: from the removal of the first batch on, they count.
    _remove(folder / BATCHES, numbers)
    return Compaction(len(numbers), made.n_records, list(made.paths.values()))


def days_due(folder: Path, ledger: LedgerName, before_s: float, after_s: float | None = None) -> list[date]:
    """The days that end by `before_s` (unix seconds), or begin after `after_s`, and have files."""
    before = _day(before_s)
    after = None if after_s is None else _day(after_s)
    days = (path.name.removeprefix("day=") for path in (folder / ledger).glob("day=*"))
    return sorted(date.fromisoformat(day) for day in days if day < before or (after is not None and day > after))


def forget(folder: Path, ledger: LedgerName, days: Iterable[date]) -> int:
    """Remove all files of days; of how many."""
    due = [folder / ledger / f"day={day}" for day in days]
    for day in due:
        for path in day.iterdir():
            path.unlink()
        day.rmdir()
    return len(due)


def table_of(rows: Rows) -> pa.Table:
    """Records in columns of SCHEMA."""
    n = len(rows.counts) // 4

    def numbers(kind: pa.DataType, octets: bytes) -> pa.Array:
        return pa.Array.from_buffers(kind, n, [None, pa.py_buffer(octets)])

    at = numbers(pa.uint32(), rows.kind)
    of_kinds = {
        field.name: pa.array([getattr(kind, field.name) for kind in rows.kinds], field.type).take(at)
        for field in SCHEMA
        if field.name in Kind.__struct_fields__
    }
    coded = SCHEMA.field("subscriber").type
    n_coded = len(rows.pseudonyms) // PSEUDONYM_OCTETS
    of_pairs = pa.Array.from_buffers(coded, n_coded, [None, pa.py_buffer(rows.pseudonyms)])
    whose = pa.concat_arrays([pa.nulls(1, coded), of_pairs])
    columns = {
        "time": numbers(pa.timestamp("s", "UTC"), rows.time_s).cast(SCHEMA.field("time").type),
        **of_kinds,
        "subscriber": whose.take(numbers(pa.uint32(), rows.pseudonym)),
        "count": numbers(pa.uint32(), rows.counts),
    }
    return pa.table([columns[name] for name in SCHEMA.names], SCHEMA)


def writer_of(file: BinaryIO, schema: pa.Schema = SCHEMA) -> pq.ParquetWriter:
    """What writes records.   schema  with more to be said of them than SCHEMA"""
    coded = [name for name in SCHEMA.names if name != "time"]
    return pq.ParquetWriter(
        file,
        schema,
        compression="zstd",
        use_dictionary=coded,
        dictionary_pagesize_limit=CODES_OCTETS,
        column_encoding={"time": "DELTA_BINARY_PACKED"},
        write_page_index=True,
    )


# ----------------------------------------------------------------------------------------------------------------------


class _Files:
    """The files of one compaction, while they are written."""

    def __init__(self, folder: Path, name: str, files: ExitStack) -> None:
        self._folder, self._name, self._files = folder, name, files
        self._waiting: dict[tuple[LedgerName, int], list[pa.Table]] = {}
        self._writers: dict[tuple[LedgerName, int], pq.ParquetWriter] = {}
        self.paths: dict[tuple[LedgerName, int], Path] = {}
        self.n_records = 0

    def add(self, ledger: LedgerName, rows: Rows) -> None:
        for day, table in _by_day(table_of(rows)):
            waiting = self._waiting.setdefault((ledger, day), [])
            waiting.append(table)
            self.n_records += table.num_rows
            if sum(each.num_rows for each in waiting) >= ROW_GROUP:
                self._write((ledger, day))

    def end(self) -> None:
        """Write what waits.   A day that has no file yet gets one that is closed before the next: there may be many."""
        for key in self._waiting:
            if key in self._writers:
                self._write(key)
            else:
                with ExitStack() as files:
                    self._write(key, files)
                del self._writers[key]

    def _write(self, key: tuple[LedgerName, int], files: ExitStack | None = None) -> None:
        if self._waiting[key]:
            writer = self._writer(key, files or self._files)
            writer.write_table(pa.concat_tables(self._waiting[key]), ROW_GROUP)
            self._waiting[key] = []

    def _writer(self, key: tuple[LedgerName, int], files: ExitStack) -> pq.ParquetWriter:
        if key not in self._writers:
            ledger, day = key
            path = self._folder / ledger / f"day={EPOCH + timedelta(days=day)}" / self._name
            if not path.parent.exists():
                path.parent.mkdir(mode=0o750, parents=True)
                sync([path.parent.parent, self._folder])
            self.paths[key] = path
            file = files.enter_context(writing_whole(path))
            os.fchmod(file.fileno(), 0o640)
            self._writers[key] = files.enter_context(writer_of(file))
        return self._writers[key]


def _day(time_s: float) -> str:
    return datetime.fromtimestamp(time_s, UTC).date().isoformat()


def _by_day(table: pa.Table) -> Iterator[tuple[int, pa.Table]]:
    """The parts of a table by days since 1970."""
    if not table.num_rows:
        return
    days = pc.floor(pc.divide(table["time"].cast(pa.int64()), DAY_S * 1000)).cast(pa.int64())
    counted = {each["values"]: each["counts"] for each in pc.value_counts(days).to_pylist()}
    ordered = table if len(counted) == 1 else table.take(pc.array_sort_indices(days))  # stable
    first = 0
    for day in sorted(counted):
        yield day, ordered.slice(first, counted[day])
        first += counted[day]


def _refuse_numbers_again(folder: Path, ends: Iterable[int]) -> None:
    """Raise ValueError where batches begin again below `ends` of files, which would then count for nothing.

    The newest batch is in no file, and its number is behind all of theirs: unless someone has taken it away."""
    newest, end = max(batch_numbers(folder / BATCHES), default=None), max(ends)
    if newest is not None and newest <= end:
        raise ValueError(
            f"{folder / BATCHES}: its batches go up to {newest}, and files up to {end}: the newest batch was taken "
            "away, and numbers began again; nothing read or changed; stop control, give them numbers behind that, "
            "start it"
        )


def _left(numbers: Sequence[int], spans: Iterable[Span]) -> list[int]:
    """The batches that no file of these spans has."""
    recent = [span for span in spans if numbers and span[1] >= numbers[0]]
    return [number for number in numbers if not any(first <= number <= last for first, last in recent)]


def _files(folder: Path, days: str = "day=*") -> Iterator[tuple[Path, Span]]:
    for path in sorted(folder.glob(f"{days}/*.parquet")):
        if found := NAME.fullmatch(path.name):
            yield path, (int(found[1]), int(found[2]))


def _remove(folder: Path, numbers: list[int]) -> None:
    """Remove batches, the first one first: its end is on the disk before another one goes."""
    for at, number in enumerate(numbers):
        batch_path(folder, number).unlink(missing_ok=True)
        if at == 0:
            sync([folder])
