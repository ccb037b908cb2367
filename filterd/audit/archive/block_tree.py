"""The Merkle tree of a node's block records: what proves that none was altered, dropped or put in.

    FOLDER/tree/tree.sqlite      leaves, salts, hashes over some records each, roots of whole subtrees, checkpoints

A leaf is what a batch has of one day in the enforcement ledger:

    SHA-256(0x00 ‖ {"batch":N,"day":"2026-11-28","number":L,"records":n,"root":HEX})

and `root` is that of a small tree (filterd.audit.archive.batch_tree) of its records (filterd.audit.record_lines) in
their order.  So a record is proven in two steps: in its batch, and the batch in the tree.  Where the salt is destroyed
with the records of its day, no hash gives a record away, and the tree still verifies.  A batch that was damaged and
put aside after the tree had taken it is lost: its salts go, too, and no file has its records.
Invariants: leaves are numbered from 0 in the order of their batches, without a gap.  What catch_up() has taken is on
the disk when it returns, and only then may a compaction remove its batch: the order of records in Parquet is that of
the batches, so the leaves can be computed again from either.  One process writes.
Absent on purpose: records of households, which are theirs and deletable at any time, and CSAM blocks, which are counts.
Source: RFC 9162 §2.1; RFC 8785.   Cost: 0.5 µs a record, and 50 µs a leaf; a proof reads some hundred rows.
On the disk: 120 octets a leaf, and 32 for each 256 records of one that has more.
"""

import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import msgspec

from filterd.audit.archive.batch_tree import SPAN, leaves_of, root_of, spans_of
from filterd.audit.archive_messages import TreeHead
from filterd.audit.block_batches import BATCHES, batch_numbers, numbers_put_aside, put_aside_path, read_batch
from filterd.audit.record_lines import by_day, lines_of
from mgmt.ledger.event import SALT_OCTETS
from mgmt.ledger.tree import consistency_proof, largest_power_below
from mgmt.ledger.tree import root_of as root_of_leaves
from mgmt.ledger.verifier import Frontier, leaf_hash, node_hash

TREE, FILE = "tree", "tree.sqlite"
EPOCH = date(1970, 1, 1)
LAST_DAY = (date.max - EPOCH).days
WHOLE = 256  # leaves under a root that is kept, and such roots under the next one
AT_ONCE = 256  # batches of one transaction
SCHEMA = """
CREATE TABLE IF NOT EXISTS leaves (number INTEGER PRIMARY KEY, batch INTEGER, day INTEGER, n INTEGER, root BLOB);
CREATE INDEX IF NOT EXISTS leaves_day ON leaves (day, batch);
CREATE TABLE IF NOT EXISTS salts (number INTEGER PRIMARY KEY, salt BLOB);
CREATE TABLE IF NOT EXISTS spans (number INTEGER PRIMARY KEY, hashes BLOB);
CREATE TABLE IF NOT EXISTS subtrees (size INTEGER, number INTEGER, root BLOB, PRIMARY KEY (size, number)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS checkpoints (size INTEGER PRIMARY KEY, note TEXT, vkey TEXT);
CREATE TABLE IF NOT EXISTS taken (batch INTEGER);
CREATE TABLE IF NOT EXISTS lost (batch INTEGER PRIMARY KEY);
"""


class Leaf(NamedTuple):
    """The records of one day in a batch.   day  since 1970;   n  records;   root  of their tree

    salt  None: it is destroyed, as the records are"""

    number: int
    batch: int
    day: int
    n: int
    root: bytes
    salt: bytes | None

    def text(self) -> bytes:
        """The octets of which the leaf is made."""
        said = {"batch": self.batch, "day": day_text(self.day), "number": self.number, "records": self.n}
        return msgspec.json.encode({**said, "root": self.root.hex()}, order="sorted")

    def hash(self) -> bytes:
        return leaf_hash(self.text())


class SignedCheckpoint(NamedTuple):
    """A checkpoint of the tree.   size  how many leaves it has;   vkey  what verifies it"""

    size: int
    note: str
    vkey: str


class BlockTree:
    """The tree of a store.   Raises sqlite3.Error"""

    def __init__(self, folder: Path) -> None:
        """folder: of the store"""
        self._batches = folder / BATCHES
        (folder / TREE).mkdir(mode=0o700, exist_ok=True)
        self._rows = sqlite3.connect(folder / TREE / FILE, isolation_level=None, check_same_thread=False)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON"):
            self._rows.execute(f"PRAGMA {pragma}")
        self._rows.executescript(SCHEMA)

    def close(self) -> None:
        self._rows.close()

    @property
    def size(self) -> int:
        return int(self._one("SELECT coalesce(max(number) + 1, 0) FROM leaves"))

    @property
    def taken(self) -> int:
        """The last batch that is in the tree: up to there, batches may become files.   0: none is"""
        return int(self._one("SELECT coalesce(max(batch), 0) FROM taken"))

    def catch_up(self) -> int:
        """Take the batches that have come since; how many leaves there are more.

        Raises OSError; ValueError for a damaged batch, and where batches are gone that it has not seen."""
        before, taken = self.size, self.taken
        self._lose_put_aside()
        there, aside = batch_numbers(self._batches), numbers_put_aside(self._batches)
        numbers = [number for number in there if number > taken]
        self._refuse_gaps(taken, {*there, *aside}, numbers)
        for at in range(0, len(numbers), AT_ONCE):
            self._take(numbers[at : at + AT_ONCE])
        return self.size - before

    def root(self, first: int, until: int) -> bytes:
        """The root of the leaves of first ≤ number < until; of whole subtrees, the kept one."""
        n = until - first
        is_power = n.bit_count() == 1 and (n.bit_length() - 1) % (WHOLE.bit_length() - 1) == 0
        if n >= WHOLE and is_power and first % n == 0:
            return bytes(self._one("SELECT root FROM subtrees WHERE size = ? AND number = ?", n, first // n))
        if n <= WHOLE:
            return root_of_leaves(self._hashes, first, until)
        middle = first + largest_power_below(n)
        return node_hash(self.root(first, middle), self.root(middle, until))

    def frontier(self, size: int) -> Frontier:
        """The right edge of the first `size` leaves."""
        hashes, first = [], 0
        for power in reversed(range(size.bit_length())):
            if size >> power & 1:
                hashes.append(self.root(first, first + (1 << power)))
                first += 1 << power
        return Frontier(size, hashes)

    def leaves(self, first: int, until: int) -> Iterator[Leaf]:
        """Those of first ≤ number < until; some at a time, so that a slow reader keeps no journal from its end."""
        chosen = "SELECT leaves.*, salt FROM leaves LEFT JOIN salts USING (number) WHERE number >= ? AND number < ?"
        for begin in range(first, until, WHOLE):
            part = begin, min(begin + WHOLE, until)
            yield from map(Leaf._make, self._rows.execute(f"{chosen} ORDER BY number", part).fetchall())

    def span(self, first: date, last: date) -> tuple[int, int]:
        """The first leaf of these days, and the one after the last one; equal: none exists."""
        chosen = "SELECT min(number), max(number) + 1 FROM leaves WHERE day BETWEEN ? AND ?"
        found = self._rows.execute(chosen, ((first - EPOCH).days, (last - EPOCH).days)).fetchone()
        return (0, 0) if found[0] is None else found

    def counts_of(self, day: int, first_batch: int, last_batch: int) -> dict[int, int]:
        """Leaf → its records, of the leaves that these batches have of a day, in order; none of lost ones."""
        chosen = "SELECT number, n FROM leaves WHERE day = ? AND batch BETWEEN ? AND ? AND batch NOT IN lost"
        return dict(self._rows.execute(f"{chosen} ORDER BY number", (day, first_batch, last_batch)).fetchall())

    def spans(self, number: int) -> bytes | None:
        """The hashes over some records each of a leaf (filterd.audit.archive.batch_tree); None: none were kept."""
        found = self._rows.execute("SELECT hashes FROM spans WHERE number = ?", (number,)).fetchone()
        return None if found is None else bytes(found[0])

    def count(self, first: int, until: int) -> int:
        """How many records the leaves of first ≤ number < until have, destroyed ones, too."""
        return int(self._one("SELECT coalesce(sum(n), 0) FROM leaves WHERE number >= ? AND number < ?", first, until))

    def forget(self, before_s: float, after_s: float | None = None, held: Sequence[tuple[int, int]] = ()) -> int:
        """Destroy the salts of the days that end by `before_s` (unix seconds), or begin after `after_s`; how many.

        They go before their records, and are overwritten in the file and in its journal
        held  but for those of the days from one to another since 1970"""
        before, after = _day(before_s), LAST_DAY if after_s is None else _day(after_s)
        which = "(day < ? OR day > ?)" + " AND NOT day BETWEEN ? AND ?" * len(held)
        return self._destroy_salts(which, before, after, *chain.from_iterable(held))

    def forget_put_aside(self, before_s: float) -> None:
        """Remove damaged batches that were put aside and written before `before_s` (unix seconds), once it is known
        here that they are lost; not one behind all others, whose number would be given again."""
        self._lose_put_aside()
        taken, newest = self.taken, max(batch_numbers(self._batches), default=0)
        for number in numbers_put_aside(self._batches):
            path = put_aside_path(self._batches, number)
            if number <= taken and number < newest and path.stat().st_mtime < before_s:
                path.unlink()

    def forget_leaves(self, ranges: Iterable[tuple[int, int]]) -> int:
        """The same of the leaves of first ≤ number < until."""
        return sum(self._destroy_salts("number >= ? AND number < ?", *each) for each in ranges)

    def head(self, signed: int) -> TreeHead:
        """How far the tree is, with the proof that it continues that of the first `signed` leaves, if it has them."""
        size = self.size
        path = consistency_proof(self.root, signed, size) if 0 < signed <= size else []
        kept = self.checkpoint_from(signed)
        return TreeHead(size, self.root(0, size), path, kept is not None and kept.size == signed)

    def put_checkpoint(self, signed: SignedCheckpoint) -> None:
        """Keep one; a later one of that size replaces it."""
        self._rows.execute("INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?)", signed)

    def checkpoint_from(self, size: int) -> SignedCheckpoint | None:
        """The first one of at least that many leaves; None: they are not signed yet."""
        return self._signed("WHERE size >= ? ORDER BY size", size)

    def last_checkpoint(self) -> SignedCheckpoint | None:
        """The newest one."""
        return self._signed("ORDER BY size DESC")

    # ------------------------------------------------------------------------------------------------------------------

    def _lose_put_aside(self) -> None:
        """Destroy the salts of batches that a person has put aside since they were taken: no file will have their
        records.   First the salts: a process that ends in between does so again."""
        known = {batch for (batch,) in self._rows.execute("SELECT batch FROM lost")}
        for batch in numbers_put_aside(self._batches):
            if batch <= self.taken and batch not in known:
                self._destroy_salts("batch = ?", batch)
                self._rows.execute("INSERT INTO lost VALUES (?)", (batch,))

    def _destroy_salts(self, which: str, *values: int) -> int:
        of_leaves = f"number IN (SELECT number FROM leaves WHERE {which})"
        n = self._rows.execute(f"DELETE FROM salts WHERE {of_leaves}", values).rowcount
        self._rows.execute(f"DELETE FROM spans WHERE {of_leaves}", values)  # they prove nothing any more
        if n:
            self._rows.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return n

    def _refuse_gaps(self, taken: int, there: set[int], new: list[int]) -> None:
        """Raise ValueError where a batch that is not in the tree is gone.   The newest one is never removed.

        there  damaged ones that were put aside, too"""
        if taken and max(there, default=0) < taken:
            raise ValueError(
                f"{self._batches}: batch {taken} is in the tree, and the newest one is {max(there, default=0)}: the "
                f"folder was set back; nothing taken; put it back, or let a new tree begin: move {TREE}/{FILE} away"
            )
        if not new:
            return
        gone = [number for number in range((taken or new[0] - 1) + 1, new[-1]) if number not in there]
        if gone:
            raise ValueError(
                f"{self._batches}: batches {gone[0]} to {gone[-1]} are gone before they were in the tree; "
                f"nothing taken; put them back, or let a new tree begin: move {TREE}/{FILE} away"
            )

    def _take(self, numbers: list[int]) -> None:
        """Batches in one transaction."""
        self._rows.execute("BEGIN IMMEDIATE")
        try:
            size = self.size
            for number in numbers:
                for day, rows in by_day(read_batch(self._batches, number).enforcement):
                    salt = secrets.token_bytes(SALT_OCTETS)
                    spans = spans_of(leaves_of(salt, lines_of(rows)))
                    leaf = Leaf(size, number, day, len(rows.counts) // 4, root_of(spans), salt)
                    self._put(leaf, salt, spans)
                    size += 1
                    self._keep_whole(size)
            self._rows.execute("DELETE FROM taken")
            self._rows.execute("INSERT INTO taken VALUES (?)", (numbers[-1],))
        except BaseException:
            self._rows.execute("ROLLBACK")
            raise
        self._rows.execute("COMMIT")

    def _put(self, leaf: Leaf, salt: bytes, spans: bytes) -> None:
        self._rows.execute("INSERT INTO leaves VALUES (?, ?, ?, ?, ?)", leaf[:-1])
        self._rows.execute("INSERT INTO salts VALUES (?, ?)", (leaf.number, salt))
        if leaf.n > SPAN:
            self._rows.execute("INSERT INTO spans VALUES (?, ?)", (leaf.number, spans))

    def _keep_whole(self, size: int) -> None:
        """Keep the roots of the subtrees that are whole with the last leaf."""
        of = WHOLE
        while size % of == 0:
            below = of // WHOLE
            hashes = self._hashes if below == 1 else partial(self._roots, below)
            root = root_of_leaves(hashes, (size - of) // below, size // below)
            self._rows.execute("INSERT INTO subtrees VALUES (?, ?, ?)", (of, size // of - 1, root))
            of *= WHOLE

    def _roots(self, size: int, first: int, until: int) -> Iterator[bytes]:
        """Of the whole subtrees of that size of first ≤ number < until."""
        chosen = "SELECT root FROM subtrees WHERE size = ? AND number >= ? AND number < ? ORDER BY number"
        return (bytes(root) for (root,) in self._rows.execute(chosen, (size, first, until)))

    def _signed(self, which: str, *values: int) -> SignedCheckpoint | None:
        found = self._rows.execute(f"SELECT size, note, vkey FROM checkpoints {which} LIMIT 1", values).fetchone()
        return None if found is None else SignedCheckpoint(*found)

    def _hashes(self, first: int, until: int) -> Iterator[bytes]:
        return (leaf.hash() for leaf in self.leaves(first, until))

    def _one(self, query: str, *values: int) -> int | bytes:
        found = self._rows.execute(query, values).fetchone()
        return found[0]  # type: ignore[no-any-return]


def day_text(day: int) -> str:
    """'2026-11-28'"""
    return (EPOCH + timedelta(days=day)).isoformat()


def _day(time_s: float) -> int:
    return (datetime.fromtimestamp(time_s, UTC).date() - EPOCH).days
