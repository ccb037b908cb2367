"""Events of orders, in the ledger.

Invariants: an event names no entry; no matter what a row holds, nothing is raised: control notes what strangers wrote.
"""

import contextlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select
from sqlalchemy.exc import OperationalError

from mgmt.contract.fields import MAX_TEXT_CHARACTERS
from mgmt.ledger.event import MAX_WHOLE, ORDERS, SETTINGS, Actor, Event, Value
from mgmt.ledger.store import append
from mgmt.orders.held_settings import names_in
from parental.schema.orders import orders


def note_order(conn: Connection, order: int, action: str, at: datetime, by: Actor, **said: Value) -> None:
    """Write an event of an order."""
    note_agreed(conn, order, action, at, (by, None), said)


def note_agreed(
    conn: Connection, order: int, action: str, at: datetime, by: tuple[Actor, Actor | None], said: Mapping[str, Value]
) -> None:
    """The same of what two agree to.   by  who did it, and who agreed with it"""
    about: dict[str, Value] = {"order": told(order)}
    with contextlib.suppress(OperationalError):  # SQLite: a text that is no UTF-8
        found = conn.execute(select(orders).where(orders.c.id == order)).one_or_none()
        if found is not None:
            about |= {"issuer": told(found.issuer), "ref": told(found.ref)}
    append(conn, Event(ORDERS, action, by[0], about, said, by[1]), at)


def note_approval(
    conn: Connection,
    approval: Row[Any],
    action: str,
    at: datetime,
    by: tuple[Actor, Actor | None],
    said: Mapping[str, Value],
) -> None:
    """The same of an approval, whether it is of an order, of a list, of a legal hold or of settings."""
    if approval.order is not None:
        note_agreed(conn, approval.order, action, at, by, said)
        return
    about: dict[str, Value] = {"list": told(approval.list)} if approval.hold is None else {"hold": told(approval.hold)}
    if approval.settings is not None:
        about = {"settings": told(names_in(approval))}
    append(conn, Event(SETTINGS, action, by[0], about, said, by[1]), at)


def told(value: object) -> Value:
    """What an event says of a value in a row, of any type that SQLite has kept there."""
    if isinstance(value, int) and abs(value) <= MAX_WHOLE:
        return value
    return (value if isinstance(value, str) else repr(value))[:MAX_TEXT_CHARACTERS]
