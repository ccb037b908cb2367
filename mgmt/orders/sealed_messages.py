"""Orders that may stand nowhere in clear, as they come: encrypted for the reader of sealed lists.

    issuer ─ encrypts ─→ message ─ stored as it is ─→ its reader ─ counts ─→ Reading ─→ two persons agree (approvals)

Such an order has a number, an issuer, a reference, a clock and counts, as any other.  It has no rows of entries.
Invariants: no one here has the key; the order's digest is that of the message, so that what two persons agree to is
what is put in force; a message is never changed, and is read once.
Source: docs/desk/sealed-lists.md.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Row, exists, insert, select

from mgmt.ledger.event import CONTROL, Value
from mgmt.orders.base.events import note_order
from mgmt.orders.base.model import Order
from mgmt.orders.base.sealed import CHILD_ABUSE
from mgmt.orders.phases.states import State, come_to
from parental.store.schema.orders import orders
from parental.store.schema.sealed_orders import sealed_messages, sealed_readings

FORMATS: Final = ("plain", "csv", "hosts", "native", "cncpo", "xlsx")  # that the reader of sealed lists reads


class Message(NamedTuple):
    """What came.   octets  OpenPGP;   format  of FORMATS: of what is encrypted"""

    octets: bytes
    format: str


class Reading(NamedTuple):
    """What the reader has found.   fault  why it could not be read; None: it could"""

    n_rules: int
    n_skipped: int
    fault: str | None = None


class StoredMessage(NamedTuple):
    """A stored one.   order  its row of orders"""

    order: Row[Any]
    message: Message


def sealed_order(issuer: str, ref: str, ground: str, deadline: datetime | None, message: Message) -> Order:
    """The order that a message makes: its ground says what it is, and its digest is of the message, too."""
    said = hashlib.sha256(message.octets).hexdigest(), message.format
    to_the_second = None if deadline is None else deadline.replace(microsecond=0)  # as it is stored
    return Order(issuer, ref, f"{CHILD_ABUSE}: {ground}", "subtree", to_the_second, False, (said,))


def put_message(conn: Connection, order: int, message: Message) -> None:
    """Store the message of an order that has just been stored."""
    conn.execute(insert(sealed_messages).values(order=order, format=message.format, octets=message.octets))


def is_message(conn: Connection, order: int) -> bool:
    """Whether an order came encrypted."""
    chosen = select(sealed_messages.c.order).where(sealed_messages.c.order == order)
    return conn.execute(chosen).first() is not None


def messages(conn: Connection, *, unread: bool = False) -> Sequence[StoredMessage]:
    """Those that have not been taken back, the oldest first.   unread  only what its reader has not counted yet"""
    chosen = select(orders, sealed_messages.c.format, sealed_messages.c.octets).join(sealed_messages)
    if unread:
        chosen = chosen.where(~exists().where(sealed_readings.c.order == orders.c.id))
    found = conn.execute(chosen.where(orders.c.withdrawn_ms.is_(None)).order_by(orders.c.id)).all()
    return [StoredMessage(row, Message(row.octets, row.format)) for row in found]


def is_as_stored(sealed: StoredMessage) -> bool:
    """Whether the message is the one that the order's digest is of.   No matter what the rows hold, nothing is
    raised."""
    order = sealed.order
    try:
        said = hashlib.sha256(sealed.message.octets).hexdigest(), sealed.message.format
        deadline = None if order.deadline_s is None else datetime.fromtimestamp(order.deadline_s).astimezone()
        again = Order(order.issuer, order.ref, order.ground, order.scope, deadline, bool(order.is_emergency), (said,))
        return bool(again.sha256 == order.sha256)
    except (TypeError, ValueError, OverflowError, OSError):
        return False


def readings(conn: Connection) -> dict[int, Reading]:
    """What was found in each message, by the number of its order."""
    chosen = select(sealed_readings)
    return {row.order: Reading(row.n_rules, row.n_skipped, row.fault) for row in conn.execute(chosen)}


def reading_of(conn: Connection, order: int) -> Reading | None:
    """The same of one order; None: it was not read yet, or did not come encrypted."""
    row = conn.execute(select(sealed_readings).where(sealed_readings.c.order == order)).one_or_none()
    return None if row is None else Reading(row.n_rules, row.n_skipped, row.fault)


def keep_reading(conn: Connection, order: int, reading: Reading, at: datetime) -> None:
    """Write down what the reader has found, in the ledger and the order's steps, too."""
    row = {"order": order, **reading._asdict(), "read_ms": int(at.timestamp() * 1000)}
    conn.execute(insert(sealed_readings).values(row))
    said: dict[str, Value] = {"rules": reading.n_rules, "lines without a rule": reading.n_skipped}
    if reading.fault is not None:
        said = {"reason": reading.fault}
    note_order(conn, order, "read" if reading.fault is None else "not readable", at, CONTROL, **said)
    come_to(conn, order, State.HELD_BY_RAIL if reading.fault is None else State.REJECTED, at)
