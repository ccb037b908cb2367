"""Block records in the one order that they have: leaf by leaf, and in a leaf as it holds them.  For who sends them on.

A record is named by its leaf and its place in it, and what auditors prove of it has the same two numbers
(filterd.audit.archive.block_bundle).
Invariants: who goes on from where an answer ended misses none and gets none twice, whether batches have become files
since or not; a subscriber's pseudonym is in no answer; records that are destroyed by age are counted, once.
Cost: a leaf is read and held against its root each time; 10 µs a record.
"""

from contextlib import closing
from pathlib import Path

import msgspec

from filterd.audit.archive.block_bundle import Records
from filterd.audit.archive.block_tree import BlockTree, Leaf
from filterd.audit.archive_messages import NextRecords, RecordsFrom, ToldRecord

MOST = 500  # records of one answer
MOST_OCTETS = 150_000  # of their lines: even six times as many are below a line of filterd.process.json_socket
LEAVES_AHEAD = 10_000  # in which the records that wait are counted
NOW = -1


class _Line(msgspec.Struct):
    """A line of filterd.audit.record_lines, without its subscriber."""

    time: str
    channel: str
    action: str
    list: str
    rule: str
    order: int
    category: str
    reason: str
    generation: int
    count: int
    province: str


def next_records(folder: Path, tree: BlockTree, asked: RecordsFrom) -> NextRecords:
    """The records from one on.   folder  of the store;   tree  has all of its batches

    Raises OSError; ValueError where the store is not what was taken, or has fewer leaves than were asked for before."""
    size = tree.size
    if asked.number == NOW:
        return NextRecords(records=[], number=size, index=0, gone=0, waiting=0)
    if not 0 <= asked.number <= size or asked.index < 0:
        raise ValueError(
            f"{folder}: record {asked.index} of leaf {asked.number} was asked for, and its tree has {size} leaves: it "
            "was set back, or began again; no record given; see docs/audit/siem.md, after a restore"
        )
    page, ahead = _Page(asked), asked.number + LEAVES_AHEAD
    with closing(Records(folder, tree)) as records:
        for leaf in tree.leaves(asked.number, ahead):
            page.pass_over(leaf) if leaf.salt is None else page.add(leaf, records.lines(leaf))
            if page.is_full or page.number == leaf.number:
                break
    waiting = tree.count(asked.number, ahead) - asked.index - page.gone
    return NextRecords(
        records=page.found, number=page.number, index=page.index, gone=page.gone, waiting=max(0, waiting)
    )


# ----------------------------------------------------------------------------------------------------------------------


class _Page:
    """Records of one answer.   number, index  of the one behind them"""

    def __init__(self, asked: RecordsFrom) -> None:
        self.number, self.index, self.gone = asked.number, asked.index, 0
        self.found: list[ToldRecord] = []
        self._most, self._n_octets = max(1, min(asked.most, MOST)), 0

    @property
    def is_full(self) -> bool:
        return len(self.found) >= self._most or self._n_octets >= MOST_OCTETS

    def pass_over(self, leaf: Leaf) -> None:
        """Go behind a leaf whose records are destroyed."""
        self.gone += max(0, leaf.n - self.index)
        self.number, self.index = leaf.number + 1, 0

    def add(self, leaf: Leaf, lines: bytes) -> None:
        """Take what there is room for."""
        for line in lines.splitlines()[self.index :]:
            if self.is_full:
                return
            said = msgspec.json.decode(line, type=_Line)
            self.found.append(ToldRecord(number=leaf.number, index=self.index, **msgspec.structs.asdict(said)))
            self._n_octets += len(line)
            self.index += 1
        self.number, self.index = leaf.number + 1, 0
