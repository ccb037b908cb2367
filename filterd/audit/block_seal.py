"""Signs the tree of block records, as filterd.audit.seal signs the ledger: control has the key, the archive the tree.

Invariants: what was signed is never signed otherwise: the last checkpoint lies in a file of control's, and a tree that
does not prove that it continues it is refused, not signed, no matter what the archive says.
"""

from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine

from filterd.audit.archive_messages import KeepCheckpoint, TreeHead
from filterd.audit.last_checkpoint import LastCheckpoint
from filterd.audit.seal import LedgerDamage, begin_anew
from filterd.box.keys import key_at
from mgmt.ledger.checkpoint import KEY_OCTETS, Signer
from mgmt.ledger.event import CONTROL, SETTINGS, Event
from mgmt.ledger.store import append
from mgmt.ledger.tree import is_consistent
from mgmt.ledger.verifier import Checkpoint, open_note
from parental.store.database import writing

KEY, LAST = "blocks.key", "blocks.checkpoint"
ROOT_OCTETS = 32  # SHA-256


def put_key(engine: Engine, vkey: str) -> None:
    """Have the ledger say which key signs, before it does.   Raises DatabaseFault"""
    with writing(engine) as conn:
        append(conn, Event(SETTINGS, "block records key put", CONTROL, said={"key": vkey}), datetime.now(UTC))


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

    @property
    def signed(self) -> int:
        """How many leaves are signed.   Raises OSError, ValueError"""
        return self._signed().size

    def seal(self, head: TreeHead) -> KeepCheckpoint | None:
        """Sign what is not signed yet; what the archive is to keep, None: it has it.   head  asked with `signed`

        Raises LedgerDamage, OSError, ValueError.   Cost: a millisecond"""
        signed = self._signed()
        if signed.size and not (
            head.size >= signed.size and is_consistent(signed.size, head.size, (signed.root, head.root), head.path)
        ):
            raise LedgerDamage(self._lost(signed.size, head.size))
        if head.size > signed.size:
            if len(head.root) != ROOT_OCTETS:  # what it made of this could not be read again
                raise LedgerDamage("block records: the archive says no root of 32 octets; not signed; look at its log")
            self._last.write(self._signer.sign(head.size, head.root))
        elif head.has_checkpoint or not signed.size:
            return None
        return KeepCheckpoint(head.size, self._last.read() or "", self.vkey)

    # ------------------------------------------------------------------------------------------------------------------

    def _signed(self) -> Checkpoint:
        note, last = self._last.read(), self._last.path
        if note is None:
            return Checkpoint("", 0, b"")
        try:
            return open_note(note, [self.vkey])
        except ValueError as reason:
            raise ValueError(
                f"block records: {last}: {reason}, that is by {last.with_name(KEY)}; not signed any more, and all else "
                f"goes on; put back what is of one another, or let a new key begin: {begin_anew(last, KEY)}"
            ) from reason

    def _lost(self, signed: int, has: int) -> str:
        found = f"{has} batches are left of {signed}" if has < signed else f"the first {signed} are other ones"
        return (
            f"block records: {found} that were signed; not signed any more, and all else goes on; keep the store as "
            f"evidence and put its copy back, or let a new key begin: {begin_anew(self._last.path, KEY)}"
        )
