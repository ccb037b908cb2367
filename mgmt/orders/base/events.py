"""Events of orders, in the ledger.

Invariants: an event names no entry; no matter what a row holds, nothing is raised: control notes what strangers wrote.
"""

import contextlib
from datetime import datetime

from sqlalchemy import Connection, select
from sqlalchemy.exc import OperationalError

from mgmt.ledger.event import ORDERS, Actor, Event, Value
from mgmt.ledger.store import append
from mgmt.staff.approvals.store import event_value
from parental.store.schema.orders import orders


def note_order(conn: Connection, order: int, action: str, at: datetime, by: Actor, **said: Value) -> None:
    """Write an event of an order."""
    append(conn, Event(ORDERS, action, by, about_order(conn, order), said), at)


def about_order(conn: Connection, order: int) -> dict[str, Value]:
    """What an event says of the order that it was done to."""
    about: dict[str, Value] = {"order": event_value(order)}
    with contextlib.suppress(OperationalError):  # SQLite: a text that is no UTF-8
        found = conn.execute(select(orders).where(orders.c.id == order)).one_or_none()
        if found is not None:
            about |= {"issuer": event_value(found.issuer), "ref": event_value(found.ref)}
    return about
