"""Reviews of orders: that one is in force, and past the day on which someone was to look whether it is still needed.

Such an order is listed (`GET /v1/orders?review=due`) until a correction names another day, or it is withdrawn; it gives
one alarm, which goes the way of those of the clock.
Invariants: an alarm, its event and its messages are one transaction, and are there once; nothing is opened by a review.
Cost: one query a look, while nothing is due.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, exists, select

from mgmt.ledger.event import CONTROL
from mgmt.orders.base.dates import is_for_review, moment_of
from mgmt.orders.base.events import note_order
from mgmt.orders.deadlines.alarms import is_new, text_of
from mgmt.orders.deadlines.clock import Alarm
from mgmt.orders.deadlines.notices import Contact, put_notices
from parental.store.schema.deadlines import order_alarms
from parental.store.schema.orders import orders

BY = "review"
_ABOUT = tuple(orders.c[name] for name in ("id", "ground", "ref", "received_ms", "review_s"))


def give_reviews(conn: Connection, contacts: Sequence[Contact], at: datetime, desk: str | None = None) -> list[int]:
    """Give the alarm of each order that is past its review, once; their numbers.   conn  may write"""
    is_given = exists().where(order_alarms.c.order == orders.c.id, order_alarms.c.kind == Alarm.REVIEW.value)
    chosen = select(*_ABOUT).where(is_for_review(at), ~is_given).order_by(orders.c.id)
    found = [row for row in conn.execute(chosen).all() if is_new(conn, row.id, Alarm.REVIEW, at)]
    for row in found:
        received, due = (moment_of(each) or at for each in (_seconds(row.received_ms), row.review_s))
        text = text_of(row, Alarm.REVIEW, received, due, BY, desk)
        n = put_notices(conn, row.id, Alarm.REVIEW, contacts, text, at)
        note_order(conn, row.id, "review due", at, CONTROL, due=due.isoformat(timespec="seconds"), messages=n)
    return [row.id for row in found]


def is_of_review(notice: Row[Any]) -> bool:
    """Whether a message is of a review, which no confirmation makes idle."""
    return bool(notice.kind == Alarm.REVIEW.value)


def _seconds(ms: object) -> int | None:
    return ms // 1000 if isinstance(ms, int) else None
