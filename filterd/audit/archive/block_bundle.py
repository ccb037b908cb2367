"""Block records with their proof, as an auditor takes them away; needs `filterd[audit]`.

The format is described where it is read: mgmt.ledger.block_verifier.
Invariants: a bundle ends at a signed checkpoint; what it says of a record is computed from the store as it is now, and
a record of the store that is in no batch of the tree is refused.  Memory is a batch's and a row group's.
Cost: 1 µs a record out of Parquet.
"""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from filterd.audit.archive.batch_tree import leaves_of, root_of
from filterd.audit.archive.block_tree import BlockTree, Leaf, day_text
from filterd.audit.archive.file_rows import rows_at
from filterd.audit.archive.leaf_rows import STOPS, begins_of
from filterd.audit.block_batches import BATCHES, Kind, LedgerName, Rows, batch_path, read_batch
from filterd.audit.block_files import EPOCH, SCHEMA, TEXTS, Span, files_of_day
from filterd.audit.record_lines import by_day, lines_of, part_of
from mgmt.ledger.block_verifier import RANGE
from mgmt.ledger.bundle import NoCheckpoint

LEDGER: LedgerName = "enforcement"
AT_ONCE = 1 << 15  # records of a file that are read at once
# Of a number without a type, pyarrow looks at each call for a module that is missing: 0.2 ms.
MS_PER_S, ONE, NOBODY = pa.scalar(1000, pa.int64()), pa.scalar(1, pa.int32()), pa.scalar(-1, pa.int32())


def bundle_of(folder: Path, tree: BlockTree, first: date, last: date) -> Iterator[bytes]:
    """The records of these days, in pieces.   folder  of the store

    Raises NoCheckpoint, OSError, sqlite3.Error; ValueError where the store is not what was taken"""
    begin, end = tree.span(first, last)
    signed = tree.checkpoint_from(end)
    if signed is None:
        what = f"batch {end - 1} is not" if end else "no block record is"
        raise NoCheckpoint(f"{what} signed yet; nothing exported; try again in a minute")
    frontier = [each.hex() for each in tree.frontier(begin).hashes]
    said = {"first": begin, "frontier": frontier, "keys": [signed.vkey], "until": signed.size}
    yield line_of({"bundle": RANGE, **said})
    days = range((first - EPOCH).days, (last - EPOCH).days + 1)
    with closing(Records(folder, tree)) as records:
        for leaf in tree.leaves(begin, signed.size):
            yield batch_line(leaf, leaf.day in days)
            if leaf.salt is not None and leaf.day in days:
                yield records.lines(leaf)
    yield line_of({"checkpoint": signed.note})


class _File(NamedTuple):
    """One that is open.   day  since 1970;   begins  leaf → where its records begin"""

    path: Path
    day: int
    span: Span
    parquet: pq.ParquetFile
    begins: dict[int, int]


class Records:
    """The records of leaves, out of the batches and files of a store; cheapest in order."""

    def __init__(self, folder: Path, tree: BlockTree) -> None:
        self._folder, self._tree = folder, tree
        self._open = ExitStack()
        self._file: _File | None = None
        self._begun: _File | None = None  # of which the pieces are
        self._pieces: Iterator[pa.RecordBatch] = iter(())
        self._piece = (0, pa.RecordBatch.from_pylist([], SCHEMA))  # where it begins in its file

    def close(self) -> None:
        """Release the file."""
        self._open.close()

    def lines(self, leaf: Leaf) -> bytes:
        """Those of a leaf, in order.   Raises OSError; ValueError where they are not what was taken"""
        rows = self._in_batch(leaf)
        found = lines_of(rows_of(self._slice(leaf)) if rows is None else rows)
        if leaf.salt is None or root_of(leaves_of(leaf.salt, found)) != leaf.root:
            raise altered(self._folder, leaf)
        return found

    def part(self, leaf: Leaf, first: int, n: int) -> bytes:
        """The lines of first ≤ index < first + n of a leaf, unverified.   Raises OSError, ValueError"""
        rows = self._in_batch(leaf)
        if rows is not None:
            return lines_of(part_of(rows, first, n))
        file = self._file_of(leaf)
        return lines_of(rows_of(rows_at(file.path, file.begins[leaf.number] + first, n)))

    def _in_batch(self, leaf: Leaf) -> Rows | None:
        """Those of a leaf whose batch is there; None: they are in a file."""
        try:
            rows = read_batch(self._folder / BATCHES, leaf.batch).rows(LEDGER)
        except FileNotFoundError:
            return None
        return dict(by_day(rows)).get(leaf.day, Rows())

    def _slice(self, leaf: Leaf) -> pa.Table:
        """Those of a leaf in a file."""
        file, found = self._file_of(leaf), list[pa.RecordBatch]()
        first = file.begins[leaf.number]
        if file is not self._begun or first < self._piece[0]:  # or before what was read last
            self._begin(file, first)
        while (n := sum(each.num_rows for each in found)) < leaf.n:
            begin, piece = self._piece
            at = first + n - begin
            if at < piece.num_rows:
                found.append(piece.slice(at, leaf.n - n))
            else:
                self._piece = begin + piece.num_rows, next(self._pieces)
        return pa.Table.from_batches(found)

    def _begin(self, file: _File, row: int) -> None:
        """Read from the row group on that has a row."""
        begin, groups = 0, file.parquet.metadata
        for group in range(groups.num_row_groups):
            n = groups.row_group(group).num_rows
            if row < begin + n:
                break
            begin += n
        self._begun = file
        self._pieces = file.parquet.iter_batches(AT_ONCE, list(range(group, groups.num_row_groups)))
        self._piece = begin, next(self._pieces)

    def _file_of(self, leaf: Leaf) -> _File:
        """The file that has a leaf, opened."""
        file = self._file
        if file is None or file.day != leaf.day or not file.span[0] <= leaf.batch <= file.span[1]:
            file = self._file = self._opened(leaf)
        return file

    def _opened(self, leaf: Leaf) -> _File:
        path, span = self._found(leaf)
        self._open.close()
        parquet = self._open.enter_context(pq.ParquetFile(path, read_dictionary=list(TEXTS)))
        begins = begins_of(parquet, self._tree.counts_of(leaf.day, *span), path)
        if leaf.number not in begins:
            raise ValueError(f"{path}: leaf {leaf.number} is not in it, and its salt is there; {STOPS}")
        return _File(path, leaf.day, span, parquet, begins)

    def _found(self, leaf: Leaf) -> tuple[Path, Span]:
        for path, span in files_of_day(self._folder, LEDGER, leaf.day):
            if span[0] <= leaf.batch <= span[1]:
                return path, span
        raise ValueError(
            f"{self._folder}: batch {leaf.batch} is in no file, and its salt is there; nothing more exported; it was "
            "removed by hand, or too early"
        )


def rows_of(table: pa.Table) -> Rows:
    """Records in the columns of a batch: what block_files.table_of() has made a table of."""
    kinds, kind = _kinds(table)
    whose = table["subscriber"].combine_chunks().dictionary_encode()
    return Rows(
        kinds,
        b"".join(whose.dictionary.to_pylist()),
        _octets(pc.divide(table["time"].cast(pa.int64()), MS_PER_S).combine_chunks()),
        _octets(kind),
        _octets(pc.add(pc.fill_null(whose.indices, NOBODY), ONE).cast(pa.uint32())),
        _octets(table["count"].combine_chunks()),
    )


def altered(folder: Path, leaf: Leaf) -> ValueError:
    """The fault of records that are not what was taken."""
    return ValueError(
        f"{batch_path(folder / BATCHES, leaf.batch)}, or the file that has taken its place: its records of "
        f"{day_text(leaf.day)} are not those that were signed; nothing more exported; keep the store as evidence"
    )


def batch_line(leaf: Leaf, with_salt: bool) -> bytes:
    """The line of a batch in a bundle.   with_salt  if it is there"""
    salt = b',"salt":"%b"' % leaf.salt.hex().encode() if with_salt and leaf.salt is not None else b""
    return b'{"batch":%b%b}\n' % (leaf.text(), salt)


def line_of(said: dict[str, Any]) -> bytes:
    """A line of a bundle: canonical JSON (RFC 8785)."""
    return msgspec.json.encode(said, order="sorted") + b"\n"


# ----------------------------------------------------------------------------------------------------------------------


def _kinds(table: pa.Table) -> tuple[list[Kind], pa.Array]:
    """The kinds of the rows, and the number of each row's."""
    found: list[tuple[Any, ...]] = [()]
    number = pa.repeat(pa.scalar(0, pa.int64()), table.num_rows)
    for name in Kind.__struct_fields__:
        column = _coded(table[name])
        values = column.dictionary.to_pylist()
        # A pair of two numbers is one number, and the pairs that there are get numbers again.
        pairs = pc.add(
            pc.multiply(number, pa.scalar(len(values), pa.int64())), column.indices.cast(pa.int64())
        ).dictionary_encode()
        found = [(*found[pair // len(values)], values[pair % len(values)]) for pair in pairs.dictionary.to_pylist()]
        number = pairs.indices.cast(pa.int64())
    return [Kind(*each) for each in found], number.cast(pa.uint32())


def _coded(column: pa.ChunkedArray) -> pa.DictionaryArray:
    """A column as one array of numbers of its values."""
    whole = (
        column.unify_dictionaries().combine_chunks() if pa.types.is_dictionary(column.type) else column.combine_chunks()
    )
    return whole if pa.types.is_dictionary(whole.type) else whole.dictionary_encode()


def _octets(numbers: pa.Array) -> bytes:
    """The machine integers of an array without nulls."""
    width: int = numbers.type.bit_width // 8
    octets: bytes = numbers.buffers()[1].slice(numbers.offset * width, len(numbers) * width).to_pybytes()
    return octets
