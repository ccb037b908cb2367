"""Signs the tree of block records, as filterd.audit.seal signs the ledger.

Invariants: what was signed is never signed otherwise: the last checkpoint lies in a file apart from the store, and a
store whose tree does not begin with it is refused, not signed.
"""

from pathlib import Path

from filterd.audit.block_tree import BlockTree
from filterd.audit.last_checkpoint import LastCheckpoint
from filterd.audit.seal import LedgerDamaged
from filterd.keys import key_at
from mgmt.ledger.checkpoint import KEY_OCTETS, Signer
from mgmt.ledger.verifier import open_note

KEY, LAST = "blocks.key", "blocks.checkpoint"


class BlockSeal:
    """The key of a node's tree, and what it has signed last."""

    def __init__(self, keys: Path, node: str) -> None:
        """keys: the folder;   node: this box.   Raises ValueError, OSError"""
        self._last = LastCheckpoint(keys / LAST)
        signed = self._last.read()
        # A box that is renamed goes on with the name of its tree.
        name = f"{node}/filterd-blocks" if signed is None else signed.partition("\n")[0]
        self._signer = Signer(key_at(keys / KEY, KEY_OCTETS), name)

    @property
    def vkey(self) -> str:
        """What verifies it."""
        return self._signer.vkey

    def seal(self, tree: BlockTree) -> str | None:
        """Sign what is not signed yet, once it is on the disk; None: nothing is.

        Raises LedgerDamaged, OSError, sqlite3.Error.   Cost: some milliseconds"""
        size = tree.size
        note = self._last.read()
        signed, root = (0, None) if note is None else open_note(note, [self.vkey])[1:]
        if root is not None and (signed > size or (signed and tree.root(0, signed) != root)):
            found = f"{size} batches are left of {signed}" if signed > size else f"the first {signed} are other ones"
            raise LedgerDamaged(
                f"block records: {found} that were signed; not signed any more, and all else goes on; keep the store "
                f"as evidence and put its copy back, or let a new key begin: move {self._last.path} and "
                f"{self._last.path.with_name(KEY)} away"
            )
        if note is not None and tree.checkpoint_from(signed) is None:  # the last life ended between file and store
            tree.put_checkpoint(signed, note)
        if size == signed:
            return None
        note = self._signer.sign(size, tree.root(0, size))
        self._last.write(note)
        tree.put_checkpoint(size, note)
        return note
