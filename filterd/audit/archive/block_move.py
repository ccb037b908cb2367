"""Moves the records that the database has into files: a row goes once its record is proven there.

    the oldest rows → a batch → its leaves in the tree → signed → read back and proven → these rows are removed

What is proven of a batch: its records, read back from the files as an auditor gets them, say what the rows say; they
are what the leaves of the tree are made of; the signed tree has these leaves, and continues the one signed before.
A row that a batch lacks stays, and is moved later.
Invariants: a row is in one batch, whenever the process dies, also where the database is set back to what it was before:
batches name the first and the last one that a move has made, and a row whose record is in one of them just goes, as
proven as any.  Where gateways share a database, the first that asks moves its rows, up to the end.
One process moves: it holds the locks of control and of the archive, and writes the folder of each as its owner.
Cost: 40 µs a row, and some fsync a batch.
"""

import io
import os
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from msgspec import Struct
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import IntegrityError

from filterd.audit.archive.batch_tree import COMPILED
from filterd.audit.archive.block_bundle import Records, rows_of
from filterd.audit.archive.block_tree import TREE, BlockTree, Leaf, SignedCheckpoint
from filterd.audit.archive.record_proof import proof_of
from filterd.audit.block_batches import (
    BATCHES,
    CONTROL_LOCK,
    LEDGERS,
    Batches,
    Kind,
    batch_numbers,
    read_batch,
)
from filterd.audit.block_files import ARCHIVE_LOCK, files_of_day
from filterd.audit.block_rows import batch_of_rows, counts_of
from filterd.audit.block_seal import BlockSeal, put_key
from filterd.audit.folder_lock import hold_lock
from filterd.audit.record_lines import lines_of
from filterd.audit.retention import overwrite_deleted
from filterd.box.as_owner import as_owner_of
from filterd.box.errors import MissingPart
from mgmt.ledger import block_verifier
from mgmt.ledger.verifier import Defect
from mgmt.registers.records import block_ledger
from mgmt.registers.records.block_forms import iso
from mgmt.registers.records.block_ledger import HOUSEHOLD, Position, StoredBlock
from parental.store.database import reading, writing

ROWS = "rows of the database"  # as if it were a worker: the first and the last batch of rows, or who moves them
MOST_ROWS = 2000  # some 20 ms, in which no other writer gets the database


class MoveReport(Struct):
    """What was moved.   household  of the rows;   dropped  rows of households, which keep nothing

    found   other rows, whose records the files had already;   blocks  the sum of the counts of all but those dropped
    size, root  of the signed tree that has them"""

    rows: int = 0
    household: int = 0
    dropped: int = 0
    found: int = 0
    blocks: int = 0
    batches: int = 0
    size: int = 0
    root: str = ""


class _Moment(Struct):
    """Of a line, when it was."""

    time: datetime


class BlockMove:
    """One life of the move; closed as a context.   Raises OSError, ValueError, sqlite3.Error, DatabaseFault"""

    def __init__(self, folder: Path, keys: Path, engine: Engine, node: str, keeps_household: bool = True) -> None:
        """folder  of the store;   keys  the folder of control's;   node  this box

        keeps_household  else the rows of what it has chosen just go
        Raises MissingPart: control or the archive runs, or another gateway moves the rows"""
        self._folder, self._engine, self._node, self._keeps_household = folder, engine, node, keeps_household
        self._open = ExitStack()
        self.moved = MoveReport()
        try:
            self._open.callback(os.close, hold_lock(folder / BATCHES / CONTROL_LOCK))
            with self._as_archive():
                self._open.callback(os.close, hold_lock(folder / LEDGERS[0] / ARCHIVE_LOCK))
                self._tree = BlockTree(folder)
            self._open.callback(self._close_tree)
            self._claim()
            self._batches = Batches(folder / BATCHES)
            self._seal = BlockSeal(keys, node)
        except BaseException:
            self._open.close()
            raise

    def __enter__(self) -> "BlockMove":
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def begin(self) -> int:
        """Remove the rows whose records the files have: those of a move that was killed, or of a database that was set
        back; how many others there are."""
        with reading(self._engine) as conn:
            n, days = block_ledger.count_rows(conn), block_ledger.days_of_blocks(conn)
        for lines in self._moved(days):
            n -= self._remove_found(lines)
        return n

    def move_some(self) -> int:
        """Move at most MOST_ROWS rows; how many there were, 0: none are left."""
        with reading(self._engine) as conn:
            rows = block_ledger.oldest_blocks(conn, MOST_ROWS)
        if not rows:
            self._end()
            return 0
        kept = [row for row in rows if self._keeps_household or row.reason not in HOUSEHOLD]
        if kept:
            self._move(kept)
        self._remove(rows)
        self.moved.rows += len(kept)
        self.moved.blocks += _sum(kept)
        self.moved.household += sum(row.reason in HOUSEHOLD for row in kept)
        self.moved.dropped += len(rows) - len(kept)
        return len(rows)

    # ------------------------------------------------------------------------------------------------------------------

    def _move(self, rows: Sequence[StoredBlock]) -> None:
        """Have rows in a batch, and prove it.   Raises ValueError: the batch does not have them as they were"""
        number, positions = self._batches.next, self._batches.positions
        first, _ = positions.get(ROWS, (number, 0))
        with self._as_archive():
            size = self._tree.size
        self._batches.append(batch_of_rows(rows, positions | {ROWS: (first, number)}))
        self.moved.batches += 1
        self._sign()
        there = Counter(lines_of(read_batch(self._folder / BATCHES, number).household).splitlines(keepends=True))
        with self._as_archive():
            for leaf in list(self._tree.leaves(size, self.moved.size)):
                if leaf.batch == number:
                    there.update(self._proven(leaf))
        wanted = Counter(line for row in rows for line in _lines_of_row(row))
        if wanted != there:
            same, n = (there & wanted).total(), wanted.total()
            raise ValueError(
                f"{self._folder / BATCHES}: batch {number} has {there.total()} records, and {same} of the {n} that "
                "were moved; their rows are kept; look at the disk, then move again"
            )

    def _sign(self) -> None:
        """Have all batches in the tree, and the tree signed."""
        signed = self._seal.signed
        with self._as_archive():
            self._tree.catch_up()
            head = self._tree.head(signed)
        if head.size and not signed:
            put_key(self._engine, self._seal.vkey)
        kept = self._seal.seal(head)
        with self._as_archive():
            if kept is not None:
                self._tree.put_checkpoint(SignedCheckpoint(kept.size, kept.note, kept.vkey))
        self.moved.size, self.moved.root = head.size, head.root.hex()

    def _moved(self, days: Collection[int]) -> Iterator[list[bytes]]:
        """The lines of what batches of moves have of these days, some at a time, and proven.   days  since 1970"""
        first, last = self._batches.positions.get(ROWS, (1, 0))
        if not days or first > last:
            return
        self._sign()
        with self._as_archive():
            found = self._tree.leaves(0, self.moved.size)
            leaves = [each for each in found if each.day in days and first <= each.batch <= last]
        for leaf in leaves:
            if leaf.salt is not None:  # else it is destroyed, as its records are
                with self._as_archive():
                    lines = self._proven(leaf)
                yield lines
        for number in batch_numbers(self._folder / BATCHES):
            if first <= number <= last:
                yield lines_of(read_batch(self._folder / BATCHES, number).household).splitlines(keepends=True)
        with self._as_archive():
            files = [each for day in days for each in files_of_day(self._folder, "household", day)]
        for path, span in files:
            if span[0] <= last and first <= span[1]:
                yield from self._lines_of_file(path)

    def _lines_of_file(self, path: Path) -> Iterator[list[bytes]]:
        with self._as_archive():
            file = pq.ParquetFile(path)
        with closing(file):
            for piece in file.iter_batches(MOST_ROWS):
                yield lines_of(rows_of(pa.Table.from_batches([piece]))).splitlines(keepends=True)

    def _proven(self, leaf: Leaf) -> list[bytes]:
        """The lines of the records of a leaf, which the signed tree has.   Raises OSError, ValueError"""
        with closing(Records(self._folder, self._tree)) as records:
            lines = records.lines(leaf).splitlines(keepends=True)
        self._verify(leaf)
        return lines

    def _verify(self, leaf: Leaf) -> None:
        """Have the auditors' verifier check a leaf, by its first record and its last one.   Raises ValueError"""
        for index in {0, leaf.n - 1}:
            octets = proof_of(self._folder, self._tree, leaf.number, index)
            try:
                block_verifier.verify(block_verifier.lines_of(io.BytesIO(octets)), [self._seal.vkey], hashes=COMPILED)
            except Defect as reason:
                raise ValueError(f"{self._folder}: {reason}; rows kept; keep the store as evidence") from reason

    def _remove(self, rows: Sequence[StoredBlock]) -> None:
        with writing(self._engine) as conn:
            overwrite_deleted(conn)
            if n := block_ledger.remove_blocks(conn, rows):
                raise MissingPart(
                    f"block records: {n} rows were written while they were moved; these rows are kept; stop control on "
                    "every gateway of this database, then move again"
                )

    def _remove_found(self, lines: list[bytes]) -> int:
        """Remove the rows of which these are the records; how many there were."""
        there, n = Counter(lines), 0
        times = [int(msgspec.json.decode(line, type=_Moment).time.timestamp()) for line in there]
        span, after = (min(times, default=0), max(times, default=0) + 1), (-1, 0)
        while rows := self._page(*span, after):
            after = rows[-1].time_s, rows[-1].id
            if found := [row for row in rows if _take(there, _lines_of_row(row))]:
                self._remove(found)
                self.moved.found += len(found)
                self.moved.blocks += _sum(found)
                n += len(found)
        return n

    def _page(self, since_s: int, until_s: int, after: tuple[int, int]) -> list[StoredBlock]:
        with reading(self._engine) as conn:
            return block_ledger.page_of_blocks(conn, since_s, until_s, after)

    def _claim(self) -> None:
        """Have it in the database that this box moves its rows.   Raises MissingPart: another one does"""
        try:
            with writing(self._engine) as conn:
                if (by := _mover(conn)) is None:
                    block_ledger.write_position(conn, ROWS, Position(self._node, 0))
        except IntegrityError:  # another one has asked at the same moment
            with reading(self._engine) as conn:
                by = _mover(conn)
        if by not in (None, self._node):
            raise MissingPart(
                f"block records: gateway {by} moves the rows of this database, and may have some in a batch; nothing "
                "moved here; run filterd audit move there until none are left"
            )

    def _end(self) -> None:
        with writing(self._engine) as conn:
            block_ledger.remove_position(conn, ROWS)

    def _close_tree(self) -> None:
        with self._as_archive():
            self._tree.close()

    @contextmanager
    def _as_archive(self) -> Iterator[None]:
        """Act as the account that owns the tree; what surrounds it acts as the one that owns the batches."""
        with as_owner_of(self._folder / TREE):
            yield


def make_folders(state: Path, folder: Path) -> None:
    """Make the folders of the store that are missing; under filterd.target, none is.   state  around the folder"""
    with as_owner_of(state):
        for name in (BATCHES, *LEDGERS, TREE):
            (folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)


# ----------------------------------------------------------------------------------------------------------------------


def _mover(conn: Connection) -> str | None:
    at = block_ledger.read_position(conn, ROWS)
    return None if at is None else at.segment


def _sum(rows: Sequence[StoredBlock]) -> int:
    return sum(row.count for row in rows)


def _take(there: Counter[bytes], lines: list[bytes]) -> bool:
    """Take lines out of those that are there; whether all of them were."""
    is_there = not Counter(lines) - there
    if is_there:
        there.subtract(lines)
    return is_there


def _lines_of_row(row: StoredBlock) -> list[bytes]:
    """What a row is to be in the files, computed from it alone: see filterd.audit.record_lines."""
    said = {name: getattr(row, name) for name in Kind.__struct_fields__}
    said |= {"time": iso(row.time_s), "subscriber": row.pseudonym or None}
    return [msgspec.json.encode(said | {"count": count}, order="sorted") + b"\n" for count in counts_of(row.count)]
