"""Block records with their proof, as an auditor takes them away; needs `filterd[audit]`.

The format is described where it is read: mgmt.ledger.block_verifier.
Invariants: a bundle ends at a signed checkpoint; what it says of a record is computed from the store as it is now, and
a record of the store that is in no batch of the tree is refused.  Memory is a batch's and a row group's.
Cost: 5 µs a record out of Parquet.
"""

from array import array
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from filterd.audit.block_batches import BATCHES, Kind, LedgerName, Rows, batch_path, read_batch
from filterd.audit.block_files import SCHEMA, files_of_day
from filterd.audit.block_tree import EPOCH, BlockTree, Leaf, path_in_batch, root_of_lines
from filterd.audit.record_lines import by_day, lines_of
from mgmt.ledger.block_verifier import PROOF, RANGE
from mgmt.ledger.bundle import NotSigned
from mgmt.ledger.tree import inclusion_proof

LEDGER: LedgerName = "enforcement"


def bundle_of(folder: Path, tree: BlockTree, vkeys: Sequence[str], first: date, last: date) -> Iterator[bytes]:
    """The records of these days, in pieces.   folder  of the store;   vkeys  what verifies its checkpoints

    Raises NotSigned, OSError, sqlite3.Error; ValueError where the store is not what was taken"""
    begin, end = tree.span(first, last)
    signed = tree.checkpoint_from(end)
    if signed is None:
        raise NotSigned(f"batch {end - 1} is not signed yet; nothing exported; try again in a minute")
    until, note = signed
    frontier = [each.hex() for each in tree.frontier(begin).hashes]
    yield _line({"bundle": RANGE, "first": begin, "frontier": frontier, "keys": list(vkeys), "until": until})
    days = range((first - EPOCH).days, (last - EPOCH).days + 1)
    records = Records(folder, tree)
    for leaf in tree.leaves(begin, until):
        yield _batch_line(leaf, leaf.day in days)
        if leaf.salt is not None and leaf.day in days:
            yield records.lines(leaf)
    yield _line({"checkpoint": note})


def proof_of(folder: Path, tree: BlockTree, vkeys: Sequence[str], number: int, index: int) -> bytes:
    """One record with both its proofs.   number  of the leaf;   index  of the record in it

    Raises NotSigned, LookupError, OSError, sqlite3.Error, ValueError.   Cost: one row group and one batch"""
    leaf = next(tree.leaves(number, number + 1), None)
    if leaf is None or leaf.salt is None or not 0 <= index < leaf.n:
        raise LookupError(
            f"batch {number}, record {index}: does not exist; it was destroyed, or never was; name another one"
        )
    signed = tree.checkpoint_from(number + 1)
    if signed is None:
        raise NotSigned(f"batch {number} is not signed yet; nothing exported; try again in a minute")
    lines = Records(folder, tree).lines(leaf)
    path = inclusion_proof(tree.root, number, signed[0])
    paths = {"in_batch": path_in_batch(leaf.salt, lines, index), "in_tree": path}
    head: dict[str, Any] = {name: [each.hex() for each in hashes] for name, hashes in paths.items()}
    record = lines.split(b"\n", index + 1)[index] + b"\n"
    head |= {"bundle": PROOF, "index": index, "keys": list(vkeys)}
    return _line(head) + _batch_line(leaf, True) + record + _line({"checkpoint": signed[1]})


class Records:
    """The records of leaves, out of the batches and files of a store; cheapest in order."""

    def __init__(self, folder: Path, tree: BlockTree) -> None:
        self._folder, self._tree = folder, tree
        self._group: tuple[Path, int] | None = None
        self._table = SCHEMA.empty_table()

    def lines(self, leaf: Leaf) -> bytes:
        """Those of a leaf, in order.   Raises OSError; ValueError where they are not what was taken"""
        try:
            rows = dict(by_day(read_batch(self._folder / BATCHES, leaf.batch).rows(LEDGER))).get(leaf.day, Rows())
        except FileNotFoundError:  # they are in a file
            rows = rows_of(self._slice(leaf))
        found = lines_of(rows)
        if leaf.salt is None or root_of_lines(leaf.salt, found) != leaf.root:
            raise ValueError(
                f"{batch_path(self._folder / BATCHES, leaf.batch)}, or the file that has taken its place: its records "
                f"of {EPOCH.fromordinal(EPOCH.toordinal() + leaf.day)} are not those that were signed; nothing more "
                "exported; keep the store as evidence"
            )
        return found

    def _slice(self, leaf: Leaf) -> pa.Table:
        path, (first, last) = self._file(leaf)
        with pq.ParquetFile(path) as file:
            n = self._tree.records_of(leaf.day, first, last)
            if file.metadata.num_rows != n:
                raise ValueError(
                    f"{path}: {file.metadata.num_rows} records, and {n} are in the tree; nothing more exported; keep "
                    "the store as evidence"
                )
            return self._rows_between(file, path, self._tree.records_before(leaf, first), leaf.n)

    def _rows_between(self, file: pq.ParquetFile, path: Path, first: int, n: int) -> pa.Table:
        found, begin = [], 0
        for group in range(file.num_row_groups):
            end = begin + file.metadata.row_group(group).num_rows
            if begin < first + n and first < end:
                if self._group != (path, group):
                    self._group, self._table = (path, group), file.read_row_group(group)
                at = max(first - begin, 0)
                found.append(self._table.slice(at, first + n - begin - at))
            begin = end
        return pa.concat_tables(found)

    def _file(self, leaf: Leaf) -> tuple[Path, tuple[int, int]]:
        for path, span in files_of_day(self._folder, LEDGER, leaf.day):
            if span[0] <= leaf.batch <= span[1]:
                return path, span
        raise ValueError(
            f"{self._folder}: batch {leaf.batch} is in no file, and its salt is there; nothing more exported; it was "
            "removed by hand, or too early"
        )


def rows_of(table: pa.Table) -> Rows:
    """Records in the columns of a batch: what block_files.table_of() has made a table of."""
    numbers: dict[tuple[Any, ...], int] = {}
    kinds = zip(*(table[name].to_pylist() for name in Kind.__struct_fields__), strict=True)
    kind = array("I", (numbers.setdefault(each, len(numbers)) for each in kinds))
    whose = table["subscriber"].combine_chunks().dictionary_encode()
    return Rows(
        [Kind(*each) for each in numbers],
        b"".join(whose.dictionary.to_pylist()),
        array("q", pc.divide(table["time"].cast(pa.int64()), 1000).to_pylist()).tobytes(),
        kind.tobytes(),
        array("I", (0 if index is None else index + 1 for index in whose.indices.to_pylist())).tobytes(),
        array("I", table["count"].to_pylist()).tobytes(),
    )


# ----------------------------------------------------------------------------------------------------------------------


def _batch_line(leaf: Leaf, with_salt: bool) -> bytes:
    salt = b',"salt":"%b"' % leaf.salt.hex().encode() if with_salt and leaf.salt is not None else b""
    return b'{"batch":%b%b}\n' % (leaf.text(), salt)


def _line(said: dict[str, Any]) -> bytes:
    return msgspec.json.encode(said, order="sorted") + b"\n"
