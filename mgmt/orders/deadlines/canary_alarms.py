"""Alarms of orders that were rolled back from their canary: each once, to everyone who gets alarms.

Invariants: an alarm, its event and its messages are one transaction; of two gateways with one database one gives it.
Cost: one query a look, while nothing is due.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, select, update

from mgmt.ledger.event import CONTROL
from mgmt.orders.base.dates import moment_of
from mgmt.orders.base.events import note_order
from mgmt.orders.deadlines.alarms import text_of
from mgmt.orders.deadlines.clock import Alarm
from mgmt.orders.deadlines.notices import Contact, put_notices
from mgmt.orders.phases.canary_rules import Outcome
from parental.store.schema.canaries import order_canaries
from parental.store.schema.orders import orders

BY = "canary"
_ABOUT: tuple[Any, ...] = (
    *(orders.c[name] for name in ("id", "ground", "ref", "received_ms")),
    order_canaries.c.id.label("canary"),
    order_canaries.c.ended_s,
)


def give_rollbacks(conn: Connection, contacts: Sequence[Contact], at: datetime, desk: str | None = None) -> list[int]:
    """Give the alarm of each rollback that has given none; the numbers of the orders.   conn  may write"""
    is_new = (order_canaries.c.outcome == Outcome.ROLLED_BACK, order_canaries.c.alarmed_ms.is_(None))
    chosen = select(*_ABOUT).join(order_canaries, order_canaries.c.order == orders.c.id).where(*is_new)
    found = conn.execute(chosen.order_by(order_canaries.c.id)).all()
    for row in found:
        given = update(order_canaries).where(order_canaries.c.id == row.canary)
        conn.execute(given.values(alarmed_ms=int(at.timestamp() * 1000)))
        received, ended = moment_of(row.received_ms // 1000) or at, datetime.fromtimestamp(row.ended_s, UTC)
        text = text_of(row, Alarm.ROLLED_BACK, received, ended, BY, desk)
        n = put_notices(conn, row.id, Alarm.ROLLED_BACK, contacts, text, at)
        note_order(conn, row.id, "rollback alarm", at, CONTROL, messages=n)
    return [row.id for row in found]


def is_of_rollback(notice: Row[Any]) -> bool:
    """Whether a message is of a rollback, which no confirmation makes idle."""
    return bool(notice.kind == Alarm.ROLLED_BACK.value)
