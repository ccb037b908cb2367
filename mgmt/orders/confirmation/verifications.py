"""Verifications in the database: what the traffic said of an order, each time that it was asked.

A verified order has the state `verified`; one that was, and is found wanting, is as it was before
(mgmt.orders.phases.states).
Invariants: a verification is of the entries as one revision of the orders has them; it is an event of the ledger, in
the same transaction, with counts and the digest of the report, and no entry.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, and_, func, insert, or_, select

from mgmt.ledger.event import Actor, Value
from mgmt.orders.base.events import note_order
from mgmt.orders.base.live import BY_ITS_HOST
from mgmt.orders.base.model import SERVED, EntryStatus
from mgmt.orders.phases.canary_store import tried_at
from mgmt.orders.phases.states import NEXT, State, step, steps_of
from parental.store.schema.confirmations import verifications
from parental.store.schema.orders import entries

VERIFIED = "verified"
VERIFIER = "verifier"  # who takes the step


class Verification(NamedTuple):
    """One look at the traffic.

    revision  of the entries that it was about;   state  see filterd.commands.verifier.verdicts;   report  JSON
    counts    outcome → so many questions about entries"""

    order: int
    at: datetime
    took_ms: int
    revision: int
    state: str
    report: str
    counts: dict[str, int]


def put_verification(conn: Connection, said: Verification, by: Actor) -> int:
    """Keep one; its number."""
    sha256 = hashlib.sha256(said.report.encode()).digest()
    stored = conn.execute(
        insert(verifications).values(
            order=said.order,
            at_ms=int(said.at.timestamp() * 1000),
            took_ms=said.took_ms,
            revision=said.revision,
            state=said.state,
            sha256=sha256,
            report=said.report,
        )
    )
    assert stored.inserted_primary_key is not None
    _take_step(conn, said)
    told: dict[str, Value] = {"state": said.state, "report_sha256": sha256.hex(), **said.counts}
    note_order(conn, said.order, "verified" if said.state == VERIFIED else "not verified", said.at, by, **told)
    return int(stored.inserted_primary_key[0])


def _take_step(conn: Connection, said: Verification) -> None:
    """From what was asked, unless the entries have changed meanwhile."""
    taken = steps_of(conn, [said.order]).get(said.order, [])
    if not taken or revision_of(conn, said.order) != said.revision:
        return
    was_verified = taken[-1].state in (State.VERIFIED, State.CONFIRMED)
    may_be = not was_verified and State.VERIFIED in NEXT[taken[-1].state]  # on trial on one gateway: not yet
    if said.state == VERIFIED and may_be:
        step(conn, said.order, State.VERIFIED, said.at, VERIFIER)
    elif said.state != VERIFIED and was_verified:
        before = [each.state for each in taken if each.state in (State.ENFORCED, State.PARTIALLY_ENFORCED)]
        step(conn, said.order, before[-1], said.at, VERIFIER)


def last_verification(conn: Connection, order: int) -> Row[Any] | None:
    """The newest of an order."""
    chosen = select(verifications).where(verifications.c.order == order)
    return conn.execute(chosen.order_by(verifications.c.id.desc()).limit(1)).one_or_none()


def revision_of(conn: Connection, order: int) -> int:
    """When the entries of an order have changed last."""
    chosen = select(func.coalesce(func.max(entries.c.revision), 0)).where(entries.c.order == order)
    return int(conn.execute(chosen).scalar_one())


def due(conn: Connection, before: datetime, limit: int, canary: str | None = None) -> list[int]:
    """Orders in force whose entries have changed since they were verified, or that were found wanting before a time.

    canary  as in_force()"""
    newest = (
        select(verifications.c.order, func.max(verifications.c.id).label("id")).group_by(verifications.c.order)
    ).subquery()
    last = select(verifications).join(newest, newest.c.id == verifications.c.id).subquery()
    changed = (
        select(entries.c.order, func.max(entries.c.revision).label("revision"))
        .where(entries.c.order.in_(select(entries.c.order).where(_is_served(canary))))
        .group_by(entries.c.order)
    ).subquery()
    wanting = (last.c.state != VERIFIED) & (last.c.at_ms < int(before.timestamp() * 1000))
    chosen = (
        select(changed.c.order)
        .outerjoin(last, last.c.order == changed.c.order)
        .where(last.c.id.is_(None) | (last.c.revision < changed.c.revision) | wanting)
        .order_by(changed.c.order)
        .limit(limit)
    )
    return list(conn.execute(chosen).scalars())


def in_force(conn: Connection, order: int, canary: str | None = None) -> Sequence[Row[Any]]:
    """The entries of an order that traffic must meet, by number; is_by_host: by the whole host of its URL.

    canary  the name of this gateway, where orders are tried on it: those, too"""
    chosen = select(entries, BY_ITS_HOST.label("is_by_host")).where(entries.c.order == order, _is_served(canary))
    return conn.execute(chosen.order_by(entries.c.number)).all()


def _is_served(canary: str | None) -> ColumnElement[bool]:
    is_in_force = entries.c.status.in_(SERVED)
    if canary is None:
        return is_in_force
    return or_(is_in_force, and_(entries.c.status == EntryStatus.PENDING, entries.c.canary.in_(tried_at(canary))))
