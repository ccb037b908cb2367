"""Alarms of orders, in the database: which are due, and that each is given once.

Only control writes them.  Of several that are due at one look, as after a night without control, all count as given
and the most urgent one is sent.
Invariants: an alarm, its event of the ledger and its messages are one transaction; two gateways with one database give
an alarm once; what is sent names no entry, no reference and no issuer, and of CSAM no ground.
Cost: three queries a look, while nothing is due.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Row, exists, func, select

from mgmt.ledger.event import CONTROL
from mgmt.orders.base.deadline_rules import Rules
from mgmt.orders.base.events import note_order
from mgmt.orders.base.sealed import is_sealed
from mgmt.orders.deadlines.clock import Alarm, Clock, alarms_between, clock_of
from mgmt.orders.deadlines.notices import Contact, put_notices
from mgmt.orders.phases.states import State, steps_of
from parental.store.database import upsert
from parental.store.schema.deadlines import order_alarms
from parental.store.schema.orders import order_steps, orders

BEFORE = "before"  # a kind: the order is older than the alarms
_LAST = (Alarm.OVERDUE.value, BEFORE)
_BATCH = 500
IS_PUSHED = func.length(orders.c.original) > 0  # a letter that only a list names has none
# What a clock needs of an order, without the octets that it came in, which may be many.
OF_CLOCK = (
    *(orders.c[name] for name in ("id", "issuer", "ref", "ground", "is_emergency", "deadline_s", "received_ms")),
    IS_PUSHED.label("original"),
)
_EVER = datetime.min.replace(tzinfo=UTC)


class AlarmMessage(msgspec.Struct, frozen=True):
    """What is sent of an alarm.   ground  None: it is not for a letter;   link  None: the desk has no address"""

    order: int
    ground: str | None
    alarm: str
    received: str
    due: str
    due_by: str
    link: str | None


class OrderAlarm(NamedTuple):
    """An alarm that was given just now."""

    order: int
    alarm: Alarm


def give_due(
    conn: Connection, rules: Rules, contacts: Sequence[Contact], at: datetime, desk: str | None = None
) -> list[OrderAlarm]:
    """Give the alarms that are due at a moment.   conn  may write;   desk  where browsers reach it"""
    given = []
    for order, clock in _running(conn, rules):
        due = [alarm for alarm, _ in alarms_between(clock, _EVER, at)]
        new = [alarm for alarm in due if is_new(conn, order.id, alarm, at)]
        if not new:
            continue
        alarm = new[-1]
        given.append(OrderAlarm(order.id, alarm))
        n = put_notices(conn, order.id, alarm, contacts, _text(order, clock, alarm, desk), at)
        said = {"alarm": alarm.value, "due": _iso(clock.due), "messages": n}
        note_order(conn, order.id, "deadline alarm", at, CONTROL, **said)
    return given


def clocks_of(conn: Connection, numbers: Sequence[int], rules: Rules) -> dict[int, Clock]:
    """Order → its clock; orders without a deadline are left out.   numbers  at most a page of them"""
    steps = steps_of(conn, numbers)
    found = ((row.id, clock_of(row, steps.get(row.id, ()), rules)) for row in _rows(conn, numbers))
    return {order: clock for order, clock in found if clock is not None}


def _running(conn: Connection, rules: Rules) -> Iterator[tuple[Row[Any], Clock]]:
    """Orders that may give an alarm yet, by number: not confirmed, and not overdue already."""
    of_order = order_alarms.c.order == orders.c.id
    confirmed = exists().where(order_steps.c.order == orders.c.id, order_steps.c.state == State.CONFIRMED.value)
    open_ = select(orders.c.id).where(
        IS_PUSHED,
        orders.c.withdrawal_receipt.is_(None),
        ~exists().where(of_order, order_alarms.c.kind.in_(_LAST)),
        ~confirmed,
    )
    numbers = list(conn.execute(open_.order_by(orders.c.id)).scalars())
    for first in range(0, len(numbers), _BATCH):
        some = numbers[first : first + _BATCH]
        steps = steps_of(conn, some)
        for row in _rows(conn, some):
            clock = clock_of(row, steps.get(row.id, ()), rules)
            if clock is not None:
                yield row, clock


def _rows(conn: Connection, numbers: Sequence[int]) -> Sequence[Row[Any]]:
    return conn.execute(select(*OF_CLOCK).where(orders.c.id.in_(numbers)).order_by(orders.c.id)).all()


def is_new(conn: Connection, order: int, alarm: Alarm, at: datetime) -> bool:
    """Whether no one has given this alarm before us; from now on someone has."""
    row = {"order": order, "kind": alarm.value, "at_ms": int(at.timestamp() * 1000)}
    given = upsert(conn, order_alarms).values(row).on_conflict_do_nothing()
    return conn.execute(given.returning(order_alarms.c.order)).first() is not None


def _text(order: Row[Any], clock: Clock, alarm: Alarm, desk: str | None) -> str:
    return text_of(order, alarm, clock.begun, clock.due, clock.by, desk)


def text_of(order: Row[Any], alarm: Alarm, received: datetime, due: datetime, by: str, desk: str | None) -> str:
    """What is sent of an alarm."""
    ground = None if is_sealed(order) else order.ground
    link = None if desk is None else f"{desk}/desk/orders/{order.id}"
    return msgspec.json.encode(
        AlarmMessage(order.id, ground, alarm.value, _iso(received), _iso(due), by, link)
    ).decode()


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")
