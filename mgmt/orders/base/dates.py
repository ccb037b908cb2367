"""The dates of an order: from when on it is to be looked at again, and until when it holds.

    letter ─→ local days ─→ moments of the row ─ past its review: listed, alarmed (mgmt.orders.deadlines.reviews)
                                               └ past its last day: control marks it, and its entries lapse

A last day holds to its end, a day of review begins with it, both by the operator's zone.  Only control marks an order
as expired, by the clock that no one can set (mgmt.ledger.trusted_clock): a step of the wall clock opens nothing.
Invariants: nothing expires of which nothing is left; no matter what a row holds, nothing is raised.
Source: docs/desk/orders.md.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, exists, or_, select, update

from mgmt.contract.fields import unfit
from mgmt.ledger.event import CONTROL
from mgmt.orders.base.events import note_order
from mgmt.orders.base.live import MAY_COME
from mgmt.orders.base.model import IN_FORCE, Order
from parental.store.revision import ORDERS, raise_revision
from parental.store.schema.orders import entries, orders
from parental.store.schema.sealed_orders import sealed_messages

LATEST = timedelta(days=3653)  # ten years: what is later is a slip of the pen
EXPIRED_AS_ORDERED = "its last day, as it was ordered, is over"
DAY = timedelta(days=1)
_LAST_S = int(datetime(2200, 1, 1, tzinfo=UTC).timestamp())


def check_dates(order: Order, now: datetime, zone: tzinfo) -> None:
    """Refuse dates that are no instruction.   Raises BadRequest"""
    today = now.astimezone(zone).date()
    for field, day in (("/review", order.review), ("/expires", order.expires)):
        if day is None:
            continue
        if day < today or (field == "/review" and day == today):
            raise unfit(field, f"{day} is past: today is {today}", "write a day to come, or none")
        if day - today > LATEST:
            raise unfit(field, f"{day} is more than ten years ahead", "look at the year, or write none")
    if order.review is not None and order.expires is not None and order.review > order.expires:
        raise unfit(
            "/review", f"{order.review} is after its last day, {order.expires}", "write an earlier day, or none"
        )


def moments_of(order: Order, at: datetime, zone: tzinfo, review_days: int) -> tuple[int | None, int | None]:
    """(review, end) in unix seconds.   at  of its receipt;   review_days  where it says none; 0: never"""
    end_s = None if order.expires is None else _begin_s(order.expires + DAY, zone)
    if order.review is not None:
        return _begin_s(order.review, zone), end_s
    if not review_days:
        return None, end_s
    review_s = _begin_s(at.astimezone(zone).date() + timedelta(days=review_days), zone)
    return (None if end_s is not None and end_s <= review_s else review_s), end_s


def day_of(moment_s: int | None, zone: tzinfo, *, is_end: bool = False) -> str | None:
    """A moment of a row as its local day, 2026-12-20; of an end the last day.   None: it has none that is a time"""
    moment = moment_of(moment_s)
    return None if moment is None else str((moment - timedelta(seconds=is_end)).astimezone(zone).date())


def moment_of(moment_s: object) -> datetime | None:
    """A moment of a row; None: it has none, or one that no order of ours has."""
    if isinstance(moment_s, int) and 0 < moment_s < _LAST_S:
        return datetime.fromtimestamp(moment_s, UTC)
    return None


def is_for_review(at: datetime) -> ColumnElement[bool]:
    """Whether an order is in force and past its review."""
    in_force = exists().where(entries.c.order == orders.c.id, entries.c.status.in_(IN_FORCE))
    is_sealed = exists().where(sealed_messages.c.order == orders.c.id)  # it has no rows of entries
    is_served = and_(is_sealed, orders.c.receipt.is_not(None), orders.c.withdrawn_ms.is_(None))
    return and_(orders.c.review_s <= int(at.timestamp()), orders.c.replaced_by.is_(None), or_(in_force, is_served))


def lapse_due(conn: Connection, at: datetime) -> list[int]:
    """Mark the orders whose last day is over, and have control look at their entries; their numbers.

    What an order that was corrected still holds, it holds for its correction, whose own last day ends it.
    conn  of control;   at  by the trusted clock"""
    is_left = exists().where(entries.c.order == orders.c.id, MAY_COME, entries.c.withdrawn_ms.is_(None))
    is_over = and_(orders.c.expires_s <= int(at.timestamp()), orders.c.expired_ms.is_(None))
    chosen = select(orders.c.id).where(is_over, is_left, orders.c.replaced_by.is_(None))
    lapsed = list(conn.execute(chosen.order_by(orders.c.id)).scalars())
    for number in lapsed:
        conn.execute(update(orders).where(orders.c.id == number).values(expired_ms=int(at.timestamp() * 1000)))
        conn.execute(update(entries).where(entries.c.order == number).values(revision=raise_revision(conn, ORDERS)))
        note_order(conn, number, "expired as ordered", at, CONTROL)
    return lapsed


def for_review(conn: Connection, at: datetime) -> Sequence[Row[Any]]:
    """Orders that are past their review, by number, without the octets that they came in."""
    about = (orders.c[name] for name in ("id", "ground", "ref", "received_ms", "review_s"))
    return conn.execute(select(*about).where(is_for_review(at)).order_by(orders.c.id)).all()


def _begin_s(day: date, zone: tzinfo) -> int:
    return int(datetime.combine(day, time(), zone).timestamp())
