"""The ledger as an auditor takes it away: a range of events between two checkpoints, or one event with its proof.

The format is described where it is read: mgmt.ledger.verifier.
Invariants: a bundle begins and ends at a checkpoint, so that every event in it is signed; it is made page by page, and
needs no more memory than one.
"""

from functools import partial
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Row, func, select

from mgmt.ledger import store
from mgmt.ledger.tree import consistency_proof, frontier_of, inclusion_proof, root_of
from mgmt.ledger.verifier import PROOF, RANGE
from parental.store.schema.ledger import redactions


class NoCheckpoint(LookupError):
    """No checkpoint covers it yet; one comes within a minute."""


class Plan(NamedTuple):
    """What a bundle will hold: events of first ≤ number < until, both sizes of checkpoints, or 0."""

    first: int
    until: int
    head: bytes


def plan_range(conn: Connection, since_ms: int, until_ms: int) -> Plan:
    """Events of since ≤ time < until, and as many around them as it takes to begin and end at a checkpoint.

    Raises NoCheckpoint.   Cost: one read of all leaves before the range."""
    first = store.signed_up_to(conn, store.first_since(conn, since_ms))
    wanted = store.first_since(conn, until_ms)
    until = store.signed_from(conn, wanted) or store.signed_up_to(conn, wanted)
    while (by := _last_redaction(conn, first, until)) >= until:  # which must be in the bundle, too
        later = store.signed_from(conn, by + 1)
        if later is None:
            raise NoCheckpoint(f"event {by} is not signed yet; nothing exported; try again in a minute")
        until = later
    until = max(first, until)
    frontier = frontier_of(partial(store.iter_leaves, conn), first)
    said = {"first": first, "frontier": [each.hex() for each in frontier.hashes], "until": until}
    head = _line({"bundle": RANGE, "keys": store.known_keys(conn), **said})
    if first:
        head += _line({"checkpoint": store.signed_at(conn, first)})
    return Plan(first, until, head)


def page_of(conn: Connection, plan: Plan, at: int) -> tuple[bytes, int]:
    """The lines of the next events from `at` on, with their checkpoints, and where the page after begins."""
    rows = store.read_events(conn, at, plan.until)
    after = rows[-1].number + 1 if rows else plan.until
    signed = store.checkpoints_between(conn, at, after)
    lines = []
    for row in rows:
        lines.append(event_line(row, plan.until))
        if row.number + 1 in signed:
            lines.append(_line({"checkpoint": signed[row.number + 1]}))
    return b"".join(lines), after


def proof_of(conn: Connection, number: int) -> bytes:
    """One event with the path to the newest checkpoint.   Raises NoCheckpoint, LookupError: there is no such event.

    Cost: one read of all leaves."""
    size = store.signed_up_to(conn, store.size(conn))
    rows = store.read_events(conn, number, number + 1)
    if not rows:
        raise LookupError(f"event {number}: does not exist; the ledger has {store.size(conn)}")
    if number >= size:
        raise NoCheckpoint(f"event {number} is not signed yet; nothing exported; try again in a minute")
    path = [each.hex() for each in inclusion_proof(partial(root_of, partial(store.iter_leaves, conn)), number, size)]
    head = {"bundle": PROOF, "keys": store.known_keys(conn), "number": number, "path": path, "size": size}
    return _line(head) + event_line(rows[0]) + _line({"checkpoint": store.signed_at(conn, size)})


def consistency_of(conn: Connection, earlier: int) -> dict[str, Any]:
    """The newest checkpoint, and the proof that it continues the tree of `earlier` events.

    Raises NoCheckpoint where that many are not signed yet.   Cost: one read of all leaves."""
    size = store.signed_up_to(conn, store.size(conn))
    if not 1 <= earlier <= size:
        raise NoCheckpoint(f"{earlier} events are not signed; {size} are; nothing to prove")
    path = consistency_proof(partial(root_of, partial(store.iter_leaves, conn)), earlier, size)
    return {
        "checkpoint": store.signed_at(conn, size),
        "earlier": earlier,
        "path": [each.hex() for each in path],
        "size": size,
    }


def event_line(row: Row[Any], until: int | None = None) -> bytes:
    """One event of store.read_events().   until: what redacted it must be before

    Raises NoCheckpoint for one that was redacted after the bundle was planned."""
    if row.text is not None:
        return b'{"event":%b,"leaf":"%b","salt":"%b"}\n' % (
            row.text.encode(),
            row.leaf.hex().encode(),
            row.salt.hex().encode(),
        )
    if until is not None and row.by_number >= until:
        raise NoCheckpoint(f"event {row.number} was redacted meanwhile; the export is cut off; try again in a minute")
    return _line({"leaf": row.leaf.hex(), "number": row.number, "redacted_by": row.by_number})


def _last_redaction(conn: Connection, first: int, until: int) -> int:
    """The last event that redacts one of a range; -1: none does."""
    chosen = select(func.max(redactions.c.by_number)).where(redactions.c.number >= first, redactions.c.number < until)
    found = conn.execute(chosen).scalar_one()
    return -1 if found is None else int(found)


def _line(said: dict[str, Any]) -> bytes:
    return msgspec.json.encode(said, order="sorted") + b"\n"
