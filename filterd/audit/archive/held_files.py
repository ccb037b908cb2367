"""Days that are due, and of which legal holds name records: files are cut down to the batches that have such records.

    salts of the other batches → destroyed → the file, written again without them → or removed, where none is left

A batch (a second of a worker, or less) stays whole: with all its records alone it can be proven.
Invariants: salts go before records; a file is whole at every moment, and says which leaves it has; what dies between
the two is done at the next pass.  Of days that no hold touches, all goes at once.   One thread at a time.
Cost: each file of such a day is read once for each change of the holds that touch it, and once in each life of the
process: 0.2 µs a record to look, and 1 µs a record where it is written again.
"""

import logging
import os
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from filterd.audit.archive.block_tree import BlockTree
from filterd.audit.archive.leaf_rows import begins_of, marked, ranges_of
from filterd.audit.block_batches import LedgerName
from filterd.audit.block_files import EPOCH, Span, days_due, files_of_day, forget, writer_of
from mgmt.registers.records.holds.scope import Scope
from rules.base.atomic_file import writing_whole

LEDGER: LedgerName = "enforcement"
AT_ONCE = 1 << 15  # records that are read at once
ROW_GROUP = 1 << 17  # records that are written at once

log = logging.getLogger("filterd.audit.archive")


class Rows(NamedTuple):
    """The records of a leaf in a file: begin ≤ row < until."""

    leaf: int
    begin: int
    until: int


class HeldFiles:
    """The files of a store.   Raises OSError, sqlite3.Error; ValueError where the store is not what was taken"""

    def __init__(self, folder: Path, tree: BlockTree) -> None:
        self._folder, self._tree = folder, tree
        self._cut: dict[Path, frozenset[Scope]] = {}  # a file, and for which holds it has been cut down

    def forget(self, before_s: float, after_s: float | None, held: Sequence[Scope]) -> int:
        """Destroy the records of days that end by `before_s` (unix seconds), or begin after `after_s`, but for those
        that are held; of how many days nothing is left."""
        self._tree.forget(before_s, after_s, [scope.days for scope in held])
        due = {day: _touching(held, (day - EPOCH).days) for day in days_due(self._folder, LEDGER, before_s, after_s)}
        n = forget(self._folder, LEDGER, [day for day, scopes in due.items() if not scopes])
        return n + sum(self._cut_day(day, scopes) for day, scopes in due.items() if scopes)

    # ------------------------------------------------------------------------------------------------------------------

    def _cut_day(self, day: date, scopes: frozenset[Scope]) -> bool:
        """Whether nothing of it is left."""
        number = (day - EPOCH).days
        for path, span in files_of_day(self._folder, LEDGER, number):
            if self._cut.get(path) != scopes:
                self._cut_file(path, span, number, scopes)
        if files_of_day(self._folder, LEDGER, number):
            return False
        return forget(self._folder, LEDGER, [day]) > 0

    def _cut_file(self, path: Path, span: Span, day: int, scopes: frozenset[Scope]) -> None:
        try:
            is_left = self._is_left(path, self._tree.counts_of(day, *span), day, scopes)
        except (OSError, ValueError) as reason:  # what cannot be read cannot be cut: it may be what is held
            if isinstance(reason, OSError) and reason.errno is not None:
                raise  # of the disk, not of what the file holds (pyarrow raises both): the next pass tries it again
            log.error("%s stays whole until no hold names records of its day: %s", path, reason)
            is_left = True
        self._cut.pop(path, None)
        if is_left:
            self._cut[path] = scopes
        else:
            path.unlink()

    def _is_left(self, path: Path, counts: dict[int, int], day: int, scopes: frozenset[Scope]) -> bool:
        """Cut a file down; whether anything of it is left.   Raises ValueError"""
        with pq.ParquetFile(path) as parquet:
            begins = begins_of(parquet, counts, path)
            kept = _leaves_with(parquet, begins, scopes, day)
            gone = ranges_of(number for number in counts if number not in kept)
            self._tree.forget_leaves((first, last + 1) for first, last in gone)
            if kept and kept < begins.keys():
                rows = [Rows(leaf, begin, begin + counts[leaf]) for leaf, begin in begins.items() if leaf in kept]
                _write_again(path, parquet, rows)
        return bool(kept)


def _touching(held: Sequence[Scope], day: int) -> frozenset[Scope]:
    """The holds that name records of a day since 1970."""
    return frozenset(each for each in held if each.days[0] <= day <= each.days[1])


def _leaves_with(parquet: pq.ParquetFile, begins: dict[int, int], scopes: frozenset[Scope], day: int) -> set[int]:
    """The leaves that have a record that one of the holds names."""
    if any(scope.names_all_of(day) for scope in scopes):
        return set(begins)
    names = sorted({"time"}.union(*(scope.equal() for scope in scopes)))
    leaves, rows = list(begins), list(begins.values())
    found, first = set[int](), 0
    for batch in parquet.iter_batches(AT_ONCE, columns=names):
        after = -1  # the row behind the last leaf that was found
        for row in pc.indices_nonzero(_mask(batch, scopes)).to_pylist():
            if first + row >= after:
                at = bisect_right(rows, first + row) - 1
                found.add(leaves[at])
                after = rows[at + 1] if at + 1 < len(rows) else parquet.metadata.num_rows
        first += batch.num_rows
    return found


def _mask(batch: pa.RecordBatch, scopes: Iterable[Scope]) -> pa.Array:
    """Which records are named."""
    is_named = pa.repeat(False, batch.num_rows)
    ms = batch["time"].cast(pa.int64())
    for scope in scopes:
        one = pc.and_(pc.greater_equal(ms, scope.since_s * 1000), pc.less(ms, scope.until_s * 1000))
        for name, value in scope.equal().items():
            one = pc.and_(one, pc.fill_null(pc.equal(batch[name], _scalar(batch, name, value)), False))
        is_named = pc.or_(is_named, one)
    return is_named


def _scalar(batch: pa.RecordBatch, name: str, value: int | str) -> Any:
    if name == "subscriber":
        return pa.scalar(bytes.fromhex(str(value)), batch[name].type)
    return pa.scalar(value, pa.int64()) if isinstance(value, int) else pa.scalar(value)


def _write_again(path: Path, parquet: pq.ParquetFile, kept: Sequence[Rows]) -> None:
    """The file with these rows alone."""
    schema = marked(parquet.schema_arrow, (rows.leaf for rows in kept))
    with writing_whole(path) as file:
        os.fchmod(file.fileno(), 0o640)
        with writer_of(file, schema) as writer:
            waiting = list[pa.RecordBatch]()
            for piece in _pieces(parquet, kept):
                waiting.append(piece)
                if sum(each.num_rows for each in waiting) >= ROW_GROUP:
                    _write(writer, waiting, schema)
                    waiting = []
            _write(writer, waiting, schema)


def _pieces(parquet: pq.ParquetFile, kept: Sequence[Rows]) -> Iterator[pa.RecordBatch]:
    first = at = 0
    for batch in parquet.iter_batches(AT_ONCE):
        end = first + batch.num_rows
        while at < len(kept) and kept[at].begin < end:
            begin, until = max(kept[at].begin, first), min(kept[at].until, end)
            yield batch.slice(begin - first, until - begin)
            if kept[at].until > end:
                break
            at += 1
        first = end


def _write(writer: pq.ParquetWriter, waiting: list[pa.RecordBatch], schema: pa.Schema) -> None:
    if waiting:
        writer.write_table(pa.Table.from_batches(waiting).replace_schema_metadata(schema.metadata), ROW_GROUP)
