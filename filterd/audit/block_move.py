"""Moves the records that the database has into files: a row goes once its record is proven there.

    the oldest rows → a batch → its leaves in the tree → signed → read back and proven → these rows are removed

What is proven of a batch: its records, read back from the files as an auditor gets them, say what the rows say; they
are what the leaves of the tree are made of; the signed tree has these leaves, and continues the one signed before.
A row that a batch lacks stays, and is moved later.
Invariants: a row is in one batch, whenever the process dies: a batch names the last row that it has, and no other one
is made before its rows are gone.  Where gateways share a database, the first that asks moves its rows, up to the end.
One process moves: it holds the locks of control and of the archive, and writes the folder of each as its owner.
Cost: 40 µs a row, and some fsync a batch.
"""

import io
import os
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
from msgspec import Struct
from sqlalchemy import Connection, Engine, Row
from sqlalchemy.exc import IntegrityError

from filterd.audit.archive.batch_tree import COMPILED
from filterd.audit.archive.block_bundle import Records, rows_of
from filterd.audit.archive.block_tree import TREE, BlockTree, Leaf, SignedCheckpoint
from filterd.audit.archive.record_proof import proof_of
from filterd.audit.block_batches import (
    BATCHES,
    CONTROL_LOCK,
    LEDGERS,
    Batch,
    Batches,
    Kind,
    LedgerName,
    Rows,
    no_records,
    read_batch,
)
from filterd.audit.block_files import ARCHIVE_LOCK, files_of
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
from mgmt.registers.records.block_ledger import HOUSEHOLD, PSEUDONYM_OCTETS, Position
from parental.store.database import reading, writing

ROWS = "rows of the database"  # as if they were a worker's: no worker has such a name
MOST_ROWS = 2000  # some 20 ms, in which no other writer gets the database
MOST_COUNT = (1 << 32) - 1  # of a record: a row that has more becomes several


class MoveReport(Struct):
    """What was moved.   dropped  rows of households, which keep nothing;   blocks  the sum of the counts of all others

    size, root  of the signed tree that has them"""

    rows: int = 0
    household: int = 0
    dropped: int = 0
    blocks: int = 0
    batches: int = 0
    size: int = 0
    root: str = ""


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
        """Remove the rows that the last life has left in a batch and in the database; how many others there are."""
        with reading(self._engine) as conn:
            n = block_ledger.count_rows(conn)
        if (at := self._batches.positions.get(ROWS)) is not None:
            number, last = at
            with reading(self._engine) as conn:
                rows = block_ledger.oldest_blocks(conn, MOST_ROWS, last)
            there = self._proven(number, 0) if rows else Counter[bytes]()
            found = [row for row in rows if _take(there, _lines_of_row(row))]
            self._remove(found)
            self._count(found, keeps_household=True)
            n -= len(found)
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
            self._move(kept, int(rows[-1].id))
        self._remove(rows)
        self._count(rows, self._keeps_household)
        return len(rows)

    # ------------------------------------------------------------------------------------------------------------------

    def _move(self, rows: Sequence[Row[Any]], last: int) -> None:
        """Have rows in a batch, and prove it.   Raises ValueError: the batch does not have them as they were"""
        positions = {**self._batches.positions, ROWS: (self._batches.next, last)}
        with self._as_archive():
            size = self._tree.size
        number = self._batches.append(Batch(positions, *(_rows_of(rows, ledger) for ledger in LEDGERS)))
        self.moved.batches += 1
        there = self._proven(number, size)
        wanted = Counter(line for row in rows for line in _lines_of_row(row))
        if wanted != there:
            same, n = (there & wanted).total(), wanted.total()
            raise ValueError(
                f"{self._folder / BATCHES}: batch {number} has {there.total()} records, and {same} of the {n} that "
                "were moved; their rows are kept; look at the disk, then move again"
            )

    def _proven(self, number: int, first: int) -> Counter[bytes]:
        """The lines of the records of a batch, once the signed tree has proven those of the enforcement ledger.

        first  leaf from which on its own are"""
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
            leaves = [each for each in self._tree.leaves(first, head.size) if each.batch == number]
            there = Counter(_household_lines(self._folder, number))
            with closing(Records(self._folder, self._tree)) as records:
                for leaf in leaves:
                    if leaf.salt is not None:  # else it is destroyed, as its records are
                        there.update(records.lines(leaf).splitlines(keepends=True))
                        self._verify(leaf)
        return there

    def _verify(self, leaf: Leaf) -> None:
        """Have the auditors' verifier check a leaf, by its first record and its last one.   Raises ValueError"""
        for index in {0, leaf.n - 1}:
            octets = proof_of(self._folder, self._tree, leaf.number, index)
            try:
                block_verifier.verify(block_verifier.lines_of(io.BytesIO(octets)), [self._seal.vkey], hashes=COMPILED)
            except Defect as reason:
                raise ValueError(f"{self._folder}: {reason}; rows kept; keep the store as evidence") from reason

    def _remove(self, rows: Sequence[Row[Any]]) -> None:
        with writing(self._engine) as conn:
            overwrite_deleted(conn)
            if n := block_ledger.remove_blocks(conn, rows):
                raise MissingPart(
                    f"block records: {n} rows were written while they were moved; these rows are kept; stop control on "
                    "every gateway of this database, then move again"
                )
        if ROWS in self._batches.positions:
            self._batches.append(no_records({name: at for name, at in self._batches.positions.items() if name != ROWS}))

    def _count(self, rows: Sequence[Row[Any]], keeps_household: bool) -> None:
        theirs = sum(row.reason in HOUSEHOLD for row in rows)
        kept = [row for row in rows if keeps_household or row.reason not in HOUSEHOLD]
        self.moved.rows += len(kept)
        self.moved.blocks += sum(row._mapping["count"] for row in kept)
        self.moved.household += theirs if keeps_household else 0
        self.moved.dropped += 0 if keeps_household else theirs

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


def _take(there: Counter[bytes], lines: list[bytes]) -> bool:
    """Take lines out of those that are there; whether all of them were."""
    is_there = not Counter(lines) - there
    if is_there:
        there.subtract(lines)
    return is_there


def _parts(count: int) -> Iterator[int]:
    """The counts of the records that a row becomes: nearly always one."""
    while count > MOST_COUNT:
        yield MOST_COUNT
        count -= MOST_COUNT
    yield count


def _lines_of_row(row: Row[Any]) -> list[bytes]:
    """What a row is to be in the files, computed from it alone: see filterd.audit.record_lines."""
    said = {name: getattr(row, name) for name in Kind.__struct_fields__}
    said |= {"time": iso(row.time_s), "subscriber": row.pseudonym or None}
    return [
        msgspec.json.encode(said | {"count": count}, order="sorted") + b"\n" for count in _parts(row._mapping["count"])
    ]


def _household_lines(folder: Path, number: int) -> list[bytes]:
    """The lines of a batch that are households' own; where it has become files, all that these have."""
    try:
        found = lines_of(read_batch(folder / BATCHES, number).household)
    except FileNotFoundError:
        files = [path for path, span in files_of(folder, "household") if span[0] <= number <= span[1]]
        found = b"".join(lines_of(rows_of(pq.read_table(path, partitioning=None))) for path in files)
    return found.splitlines(keepends=True)


def _rows_of(rows: Sequence[Row[Any]], ledger: LedgerName) -> Rows:
    """Those of a ledger, as columns of a batch."""
    kinds: dict[Kind, int] = {}
    whose: dict[str, int] = {"": 0}
    columns = array("q"), array("I"), array("I"), array("I")
    for row in rows:
        if (row.reason in HOUSEHOLD) == (ledger == "household"):
            kind = Kind(*(getattr(row, field) for field in Kind.__struct_fields__))
            numbers = kinds.setdefault(kind, len(kinds)), whose.setdefault(row.pseudonym, len(whose))
            for count in _parts(row._mapping["count"]):
                for column, value in zip(columns, (row.time_s, *numbers, count), strict=True):
                    column.append(value)
    return Rows(list(kinds), _octets(whose), *(column.tobytes() for column in columns))


def _octets(whose: Iterable[str]) -> bytes:
    found = b"".join(map(bytes.fromhex, whose))
    assert len(found) % PSEUDONYM_OCTETS == 0
    return found
