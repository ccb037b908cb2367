"""The tree of the archive: takes batches, is signed by control, and gives auditors their proofs.

Invariants: one thread at a time changes the tree; who reads it for a bundle reads it by a connection of his own.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from datetime import date
from pathlib import Path

from filterd.audit.archive.block_bundle import bundle_of
from filterd.audit.archive.block_sequence import next_records
from filterd.audit.archive.block_tree import BlockTree, SignedCheckpoint
from filterd.audit.archive.held_files import HeldFiles
from filterd.audit.archive.record_proof import proof_of
from filterd.audit.archive_messages import (
    AskTree,
    KeepCheckpoint,
    Newest,
    NewestCheckpoint,
    NextRecords,
    ProofBundle,
    RecordProof,
    RecordsFrom,
    TreeHead,
    TreeSize,
)
from filterd.audit.block_export import PIECE_OCTETS
from mgmt.ledger.tree import consistency_proof
from mgmt.registers.records.holds.scope import Scope


class ArchiveProof:
    """The tree of a store.   Raises OSError, sqlite3.Error; ValueError where the store is not what was taken"""

    def __init__(self, folder: Path) -> None:
        """folder: of the store"""
        self._folder, self._tree = folder, BlockTree(folder)
        self._held = HeldFiles(folder, self._tree)

    def close(self) -> None:
        self._tree.close()

    def catch_up(self) -> None:
        """Have every batch in the tree."""
        self._tree.catch_up()

    def forget(self, before_s: float, after_s: float | None, held: Sequence[Scope]) -> int:
        """Destroy the records of days that are due, but for those that legal holds name; of how many days all."""
        return self._held.forget(before_s, after_s, held)

    def forget_put_aside(self, before_s: float) -> None:
        """Remove damaged batches that were put aside and are old."""
        self._tree.forget_put_aside(before_s)

    def head(self, asked: AskTree) -> TreeHead:
        """What control signs."""
        self._tree.catch_up()
        return self._tree.head(asked.signed)

    def keep(self, signed: KeepCheckpoint) -> TreeSize:
        """What control has signed."""
        self._tree.put_checkpoint(SignedCheckpoint(signed.size, signed.note, signed.vkey))
        return TreeSize(signed.size)

    def bundle(self, first: date, last: date) -> Iterator[bytes]:
        """The records of these days with their proof, in pieces."""
        with closing(BlockTree(self._folder)) as tree:
            yield from _pieces(bundle_of(self._folder, tree, first, last))

    def record(self, asked: RecordProof) -> ProofBundle:
        """One record with its proof."""
        with closing(BlockTree(self._folder)) as tree:
            try:
                return ProofBundle(proof_of(self._folder, tree, asked.number, asked.index), "")
            except LookupError as reason:
                return ProofBundle(b"", str(reason))

    def records_from(self, asked: RecordsFrom) -> NextRecords:
        """Records in their order, from one on.   Raises OSError, ValueError"""
        self._tree.catch_up()
        return next_records(self._folder, self._tree, asked)

    def newest(self, asked: NewestCheckpoint) -> Newest:
        """The newest checkpoint, with what shows that it continues an earlier tree."""
        with closing(BlockTree(self._folder)) as tree:
            signed, earlier = tree.last_checkpoint(), asked.earlier
            if signed is None:
                return Newest("", 0, [], "no block record is signed yet; nothing to show; try again in a minute")
            if earlier is None:
                return Newest(signed.note, signed.size, [], "")
            if not 1 <= earlier <= signed.size:
                return Newest("", 0, [], f"{earlier} batches are not signed; {signed.size} are; nothing to prove")
            return Newest(signed.note, signed.size, consistency_proof(tree.root, earlier, signed.size), "")


def _pieces(octets: Iterable[bytes]) -> Iterator[bytes]:
    """The same octets, PIECE_OCTETS at a time: a batch may be far smaller or larger."""
    waiting, n = list[bytes](), 0
    for each in octets:
        waiting.append(each)
        n += len(each)
        if n >= PIECE_OCTETS:
            whole = b"".join(waiting)
            end = n - n % PIECE_OCTETS
            yield from (whole[at : at + PIECE_OCTETS] for at in range(0, end, PIECE_OCTETS))
            waiting, n = [whole[end:]], n - end
    if n:
        yield b"".join(waiting)
