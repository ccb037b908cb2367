"""Control answers an issuer: once the traffic has confirmed its order, and each time that this is not so any more.

    verified ─→ statement, signature, step, event
    withdrawn, widened, found open … since ─→ another statement, which supersedes the one before

Invariants: an order is confirmed by the verification of its entries as they are, once; the newest answer counts, and
one that is not of the entries as they are is not given (superseded()); control alone signs.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, exists, func, insert, or_, select, true, union

from mgmt.ledger.checkpoint import Signer
from mgmt.ledger.event import CONTROL, time_text
from mgmt.ledger.signed_statement import digest_of
from mgmt.orders.base.events import note_order
from mgmt.orders.base.live import OPEN_CANARIES, orders_revision
from mgmt.orders.base.model import EntryStatus
from mgmt.orders.base.sealed import is_sealed
from mgmt.orders.confirmation.signed import note_of
from mgmt.orders.confirmation.statement import statement_of
from mgmt.orders.confirmation.verifications import VERIFIED, last_verification, revision_of
from mgmt.orders.phases.states import State, last_state, step, steps_of
from parental.store.schema.canaries import order_canaries
from parental.store.schema.confirmations import confirmations, verifications
from parental.store.schema.orders import entries, orders


class Due(NamedTuple):
    """A verification that is to be answered.   revision  of the entries that it was about"""

    id: int
    order: int
    revision: int


class Mark(NamedTuple):
    """Up to where changed() has looked: the revision of the orders, and the last verification."""

    revision: int
    verification: int


def due(conn: Connection, limit: int) -> Sequence[Due]:
    """The newest verification of each verified order that has had no answer.

    One of an order that is in another state by now never has one: here it would keep the others from theirs."""
    newest = select(func.max(verifications.c.id)).group_by(verifications.c.order)
    chosen = (
        select(verifications.c.id, verifications.c.order, verifications.c.revision)
        .outerjoin(confirmations, confirmations.c.verification == verifications.c.id)
        .where(verifications.c.id.in_(newest), verifications.c.state == VERIFIED, confirmations.c.id.is_(None))
        .where(last_state(verifications.c.order) == State.VERIFIED.value)
        .where(verifications.c.order.not_in(OPEN_CANARIES.with_only_columns(order_canaries.c.order)))
        .order_by(verifications.c.id)
    )
    return [Due(*row) for row in conn.execute(chosen.limit(limit))]


def confirm(conn: Connection, found: Due, signer: Signer, at: datetime) -> bool:
    """Answer one of due(); whether it still is due: nothing of the order has changed meanwhile."""
    if not _is_due(conn, found.order, found.revision):
        return False
    sha256 = _put(conn, found.order, found.id, found.revision, signer, at, is_confirmed=True)
    step(conn, found.order, State.CONFIRMED, at, CONTROL.name)
    note_order(conn, found.order, "confirmation signed", at, CONTROL, verification=found.id, sha256=sha256)
    return True


def mark_of(conn: Connection) -> Mark:
    """Where the orders and their verifications are."""
    last = conn.execute(select(func.coalesce(func.max(verifications.c.id), 0))).scalar_one()
    return Mark(orders_revision(conn), int(last))


def changed(conn: Connection, order: int | None = None, since: Mark | None = None) -> list[int]:
    """Orders whose newest answer is not so any more, and those that were withdrawn without one.

    order  of it alone;   since  of those alone of which something is newer
    Cost: with neither it reads the entries of all of them"""
    meant = _newer(since) if order is None else [order]

    def is_meant(column: ColumnElement[int]) -> ColumnElement[bool]:
        return true() if meant is None else column.in_(meant)

    newest = select(func.max(confirmations.c.id)).where(is_meant(confirmations.c.order))
    last = select(func.max(verifications.c.id)).where(is_meant(verifications.c.order))
    newest, last = newest.group_by(confirmations.c.order), last.group_by(verifications.c.order)
    its, of, was = confirmations.alias("its"), verifications.alias("of"), verifications.alias("was")
    is_changed = exists().where(entries.c.order == its.c.order, entries.c.revision > its.c.revision)
    is_wanting = and_(of.c.state != VERIFIED, of.c.id > was.c.id, was.c.state == VERIFIED)
    both = its.outerjoin(was, was.c.id == its.c.verification)
    both = both.outerjoin(of, and_(of.c.order == its.c.order, of.c.id.in_(last)))
    answered = select(its.c.order).select_from(both).where(its.c.id.in_(newest), or_(is_changed, is_wanting))
    about: list[Any] = [orders.c.id, orders.c.ground, orders.c.ref]
    unanswered = select(*about).where(
        *(orders.c.withdrawn_ms.is_not(None), orders.c.id.not_in(select(confirmations.c.order))),
        *(exists().where(entries.c.order == orders.c.id), is_meant(orders.c.id)),
    )
    taken_back = (row.id for row in conn.execute(unanswered) if not is_sealed(row))
    return sorted({*conn.execute(answered).scalars(), *taken_back})


def restate(conn: Connection, order: int, signer: Signer, at: datetime) -> bool:
    """Sign what is so of one of changed(), unless it was answered meanwhile; whether nothing is left to be signed.

    Not before every worker serves what has changed; what the traffic has verified since is confirm()'s to answer."""
    if not changed(conn, order):
        return True
    found = last_verification(conn, order)
    if found is not None and found.state == VERIFIED and _is_due(conn, order, found.revision):
        return False
    row = conn.execute(select(orders).where(orders.c.id == order)).one()
    is_pending = exists().where(entries.c.order == order, entries.c.status == EntryStatus.PENDING)
    is_asked_back = row.withdrawn_ms is not None and row.withdrawal_receipt is None
    if is_asked_back or conn.execute(select(is_pending)).scalar_one():
        return False
    verification = None if found is None else found.id
    sha256 = _put(conn, order, verification, revision_of(conn, order), signer, at, is_confirmed=False)
    note_order(conn, order, "statement signed", at, CONTROL, sha256=sha256)
    return True


def superseded(conn: Connection, order: int, sha256: str | None) -> str | None:
    """Why the answer that is asked for is not given, and what counts; None: it is the newest, and still so.

    sha256  of the statement; None: the newest"""
    last = last_confirmation(conn, order)
    if last is None:
        return None
    if sha256 is not None and sha256 != digest_of(last.text):
        its = select(confirmations).where(confirmations.c.order == order).order_by(confirmations.c.id)
        asked = next((each for each in conn.execute(its) if digest_of(each.text) == sha256), None)
        if asked is None:
            return f"order {order}: no statement has this digest; nothing given; leave it out for the newest"
        return (
            f"order {order}: the statement of {time_text(asked.at_ms)} was superseded by {digest_of(last.text)} of "
            f"{time_text(last.at_ms)}; nothing given; take that one"
        )
    if not changed(conn, order):
        return None
    return (
        f"order {order}: has changed since its statement of {time_text(last.at_ms)}; nothing given; another one is "
        f"signed within seconds, once every worker serves the change"
    )


def _is_due(conn: Connection, order: int, revision: int) -> bool:
    """Whether an order awaits its confirmation, and a verification at a revision is of its entries as they are."""
    taken = steps_of(conn, [order]).get(order, [])
    return revision_of(conn, order) == revision and bool(taken) and taken[-1].state is State.VERIFIED


def _newer(since: Mark | None) -> Select[Any] | None:
    """Orders of which something is newer than a mark; None: all are."""
    if since is None:
        return None
    touched = select(entries.c.order).where(entries.c.revision > since.revision)
    asked = select(verifications.c.order).where(verifications.c.id > since.verification)
    return select(union(touched, asked).cte("newer").c.order)


def _put(
    conn: Connection,
    order: int,
    verification: int | None,
    revision: int,
    signer: Signer,
    at: datetime,
    *,
    is_confirmed: bool,
) -> str:
    """Write a statement and its signature down; its digest."""
    at_ms = int(at.timestamp() * 1000)
    text = statement_of(conn, order, verification, at_ms, is_confirmed=is_confirmed)
    row = {"order": order, "verification": verification, "revision": revision, "at_ms": at_ms, "text": text}
    conn.execute(insert(confirmations).values(row | {"note": note_of(signer, order, text)}))
    return digest_of(text)


def last_confirmation(conn: Connection, order: int) -> Row[Any] | None:
    """The newest answer about an order."""
    chosen = select(confirmations).where(confirmations.c.order == order)
    return conn.execute(chosen.order_by(confirmations.c.id.desc()).limit(1)).one_or_none()
