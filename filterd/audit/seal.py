"""Signs the ledger: control alone has the key, and believes no row.

    events appended by any role → text and leaf compared → tree → checkpoint kept in a file of control's → database

Invariants: what was signed is never signed otherwise: the last checkpoint lies in a file that only control can write,
and a database that does not begin with that tree is refused, not signed; so is an event whose leaf is not its text's.
"""

import logging
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection, Engine, select

from filterd.audit.last_checkpoint import LastCheckpoint
from filterd.box.keys import key_at
from mgmt.ledger import store
from mgmt.ledger.checkpoint import KEY_OCTETS, Signer
from mgmt.ledger.event import CONTROL, ORDERS, SETTINGS, leaf_of
from mgmt.ledger.tree import frontier_of
from mgmt.ledger.verifier import Checkpoint, Frontier, open_note
from parental.store.database import reading, writing
from parental.store.schema.ledger import events

KEY, LAST = "ledger.key", "ledger.checkpoint"
AT_ONCE = (ORDERS, SETTINGS)  # an order's state is signed as it comes, and what is done to the ledger itself
LONGEST_MS = 60_000  # what else is signed once a minute

log = logging.getLogger("filterd.audit.seal")


class LedgerDamage(ValueError):
    """The database does not hold what was signed; nothing is signed until someone has looked at it."""


def begin_anew(last: Path, key: str) -> str:
    """How a new key begins. The key goes first: without its last checkpoint, it would sign a second history."""
    return f"stop control, move {last.with_name(key)} and {last} away, start it"


class _UnsignedEvents(NamedTuple):
    """Events that are not signed: how many there are in all, whether one is urgent, and the time of the first."""

    size: int
    is_urgent: bool
    first_ms: int


class Seal:
    """The tree as it was signed last, and the key."""

    def __init__(self, engine: Engine, folder: Path, node: str) -> None:
        """folder: of the keys;   node: this box.   Raises ValueError, OSError"""
        self._engine, self._last = engine, LastCheckpoint(folder / LAST)
        self._node, self._key = node, folder / KEY
        self._seed = key_at(self._key, KEY_OCTETS)
        with reading(engine) as conn:
            self._signer = self._named(conn)
        self._tree: Frontier | None = None

    @property
    def signer(self) -> Signer:
        """The key, for what else control signs."""
        return self._signer

    @property
    def vkey(self) -> str:
        """What verifies it."""
        return self._signer.vkey

    def seal(self, at: datetime) -> bool:
        """Sign what is due; whether there was anything.   Raises LedgerDamage, OSError.

        Cost: two queries where nothing is due; at the first call one read of all leaves."""
        if self._tree is None:
            self._begin(at)
        with reading(self._engine) as conn:
            waiting = self._waiting(conn)
        if waiting is None or not (waiting.is_urgent or at.timestamp() * 1000 - waiting.first_ms >= LONGEST_MS):
            return False
        self.seal_all(at)
        return True

    def seal_all(self, at: datetime) -> None:
        """Sign every event that is there now."""
        tree = self._begin(at) if self._tree is None else self._tree
        with reading(self._engine) as conn:
            grown = self._grown(conn, tree)
        note = self._signer.sign(grown.size, grown.root())
        self._last.write(note)
        with writing(self._engine) as conn:
            store.put_checkpoint(conn, grown.size, note, at)
        self._tree = grown

    # ------------------------------------------------------------------------------------------------------------------

    def _begin(self, at: datetime) -> Frontier:
        """Find the signed tree again in the database.   Raises LedgerDamage

        The key is read again: anyone who fixes a damaged ledger may let another one begin while control runs."""
        self._seed = key_at(self._key, KEY_OCTETS)
        with writing(self._engine) as conn:
            self._signer = self._named(conn)
            store.put_key(conn, self._signer.vkey, at, CONTROL)
        with reading(self._engine) as conn:
            note = self._last.read()
            size, root = (0, None) if note is None else self._opened(note)[1:]
            has = store.size(conn)
            tree = frontier_of(partial(store.iter_leaves, conn), min(size, has))
            if root is not None and (tree.size, tree.root()) != (size, root):
                raise LedgerDamage(self._lost(size, has))
            kept = note is None or store.signed_at(conn, size) is not None
        if note is not None and not kept:  # the last run ended between the file and the database
            with writing(self._engine) as conn:
                store.put_checkpoint(conn, size, note, at)
        self._tree = tree
        return tree

    def _named(self, conn: Connection) -> Signer:
        """A ledger has one name, its first key's: a box that is renamed, and each gateway that shares it, keep it."""
        known = store.known_keys(conn)
        return Signer(self._seed, known[0].partition("+")[0] if known else f"{self._node}/filterd-ledger")

    def _opened(self, note: str) -> Checkpoint:
        """A checkpoint of this key, of whichever ledger.   Raises LedgerDamage"""
        last = self._last.path
        try:
            return open_note(note, [Signer(self._seed, note.partition("\n")[0]).vkey])
        except ValueError as reason:
            raise LedgerDamage(
                f"ledger: {last}: {reason}, that is by {self._key}; not signed any more, and all else goes "
                f"on; put the key back that has signed it, or let a new key begin: {begin_anew(last, KEY)}"
            ) from reason

    def _lost(self, signed: int, has: int) -> str:
        found = f"{has} events are left of {signed}" if has < signed else f"the first {signed} events are other ones"
        return (
            f"ledger: {found} that were signed; not signed any more, and all else goes on; export it as evidence, then "
            f"put the database back, or let a new key begin: {begin_anew(self._last.path, KEY)}"
        )

    def _waiting(self, conn: Connection) -> _UnsignedEvents | None:
        assert self._tree is not None
        signed = self._tree.size
        unsigned = select(events.c.number, events.c.kind, events.c.time_ms).where(events.c.number >= signed)
        first = conn.execute(unsigned.order_by(events.c.number).limit(1)).first()
        if first is None:
            return None
        urgent = conn.execute(unsigned.where(events.c.kind.in_(AT_ONCE)).limit(1)).first()
        return _UnsignedEvents(store.size(conn), urgent is not None, first.time_ms)

    def _grown(self, conn: Connection, tree: Frontier) -> Frontier:
        """The tree with the events that have come since.   Raises LedgerDamage"""
        grown, until = tree.copy(), store.size(conn)
        while grown.size < until:
            for row in store.read_events(conn, grown.size, until):
                is_redacted = row.text is None and row.by_number is not None
                if row.number != grown.size or not (
                    is_redacted or (row.text and row.salt and leaf_of(row.salt, row.text.encode()) == row.leaf)
                ):
                    raise LedgerDamage(
                        f"ledger: event {grown.size} is not what its leaf was made of; neither it nor what follows is "
                        f"signed; find out who wrote it, then take its text out: filterd audit redact {grown.size}"
                    )
                grown.add(row.leaf)
        return grown
