"""How orders have gone, by issuer: how long they took, how many were late, how much of them the traffic was asked.

    received ─→ enforced (every worker) ─→ verified (by the traffic) ─→ confirmed

Of orders that were pushed and received in a span of time; letters that only lists name have no times of their own.
Invariants: a time is a step of the order, never a guess; an order that has not come so far is in no median; a share
of nothing is None, and not 1.
Cost: three queries for 500 orders, and the text of one confirmation at a time.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, func, select

from mgmt.orders.base.dates import is_for_review
from mgmt.orders.base.deadline_rules import Rules
from mgmt.orders.deadlines.alarms import IS_PUSHED, OF_CLOCK
from mgmt.orders.deadlines.clock import Clock, clock_of
from mgmt.orders.phases.states import State, Step, steps_of
from parental.store.schema.confirmations import confirmations
from parental.store.schema.orders import orders

_BATCH = 500
ENFORCED = (State.ENFORCED, State.PARTIALLY_ENFORCED)


class Durations(NamedTuple):
    """How long it took, in seconds.   n  orders that have come so far;   median_s, p95_s  None: none has"""

    n: int
    median_s: float | None
    p95_s: float | None


class Statistics(NamedTuple):
    """Of the orders of an issuer.

    overdue    that are late and not confirmed;   late  confirmed after they were due;   in_time  before
    questions  that confirmations have asked of the traffic, and blocked, of them, those that this box has blocked
    asked      entries of confirmed orders in force, and of them, those about which the traffic was asked
    corrected  that a later version has replaced;   expired  by their last day, as ordered
    past_review  in force, and to be looked at again
    in_shadow    not enforced: counted alone; its clock runs"""

    issuer: str
    orders: int
    enforced: Durations
    confirmed: Durations
    in_time: int
    late: int
    overdue: int
    ended: int
    in_force: int
    asked: int
    questions: int
    blocked: int
    corrected: int
    expired: int
    past_review: int
    in_shadow: int


class _Order(NamedTuple):
    issuer: str
    enforced_s: float | None
    confirmed_s: float | None
    clock: str | None  # its state
    coverage: tuple[int, int, int, int]
    ends: tuple[bool, bool, bool, bool]  # corrected, expired, past its review, in shadow


def statistics_of(
    conn: Connection, rules: Rules, since: datetime, until: datetime, at: datetime, issuer: str | None = None
) -> list[Statistics]:
    """Of orders received from `since` on and before `until`, by issuer.   at  now;   issuer  whose; None: of all"""
    found: dict[str, list[_Order]] = {}
    for each in _orders(conn, rules, since, until, at, issuer):
        found.setdefault(each.issuer, []).append(each)
    return [_statistics(name, found[name]) for name in sorted(found)]


def took(seconds: Sequence[float]) -> Durations:
    """Median and 95th percentile, by the nearest rank."""
    if not seconds:
        return Durations(0, None, None)
    ranked = sorted(seconds)
    median_s, p95_s = (ranked[-(-len(ranked) * percent // 100) - 1] for percent in (50, 95))
    return Durations(len(ranked), median_s, p95_s)


def seconds_to(row: Row[Any], steps: Sequence[Step], states: Sequence[State]) -> float | None:
    """Seconds from the receipt to the first step of these; None: it has not come so far.   row  with received_ms"""
    first = next((each.at_ms for each in steps if each.state in states), None)
    return None if first is None else max(0, first - row.received_ms) / 1000


def _statistics(name: str, found: Sequence[_Order]) -> Statistics:
    states = Counter(each.clock for each in found)
    in_force, asked, questions, blocked = (sum(each) for each in zip(*(each.coverage for each in found), strict=True))
    ends = zip(*(each.ends for each in found), strict=True)
    corrected, expired, past_review, in_shadow = (sum(each) for each in ends)
    return Statistics(
        issuer=name,
        orders=len(found),
        enforced=took([each.enforced_s for each in found if each.enforced_s is not None]),
        confirmed=took([each.confirmed_s for each in found if each.confirmed_s is not None]),
        in_time=states["in_time"],
        late=states["late"],
        overdue=states["overdue"],
        ended=states["ended"],
        in_force=in_force,
        asked=asked,
        questions=questions,
        blocked=blocked,
        corrected=corrected,
        expired=expired,
        past_review=past_review,
        in_shadow=in_shadow,
    )


def _orders(
    conn: Connection, rules: Rules, since: datetime, until: datetime, at: datetime, issuer: str | None
) -> Iterator[_Order]:
    columns = (*OF_CLOCK, orders.c.replaced_by, orders.c.expired_ms, is_for_review(at).label("is_for_review"))
    chosen = select(*columns).where(IS_PUSHED, orders.c.received_ms >= _ms(since), orders.c.received_ms < _ms(until))
    chosen = chosen if issuer is None else chosen.where(orders.c.issuer == issuer)
    after = 0
    while rows := conn.execute(chosen.where(orders.c.id > after).order_by(orders.c.id).limit(_BATCH)).all():
        after = rows[-1].id
        some = [row.id for row in rows]
        steps, coverages = steps_of(conn, some), _coverages(conn, some)
        for row in rows:
            yield _order(row, steps.get(row.id, ()), rules, at, coverages.get(row.id, (0, 0, 0, 0)))


def _order(row: Row[Any], steps: Sequence[Step], rules: Rules, at: datetime, coverage: Any) -> _Order:
    clock: Clock | None = clock_of(row, steps, rules)
    is_in_shadow = bool(steps) and steps[-1].state is State.SHADOW
    return _Order(
        row.issuer,
        seconds_to(row, steps, ENFORCED),
        seconds_to(row, steps, (State.CONFIRMED,)),
        None if clock is None else clock.state(at),
        coverage,
        (row.replaced_by is not None, row.expired_ms is not None, bool(row.is_for_review), is_in_shadow),
    )


def _coverages(conn: Connection, numbers: Sequence[int]) -> dict[int, tuple[int, int, int, int]]:
    """Of the newest confirmation of each order: entries in force, those asked about, questions, and blocked here."""
    newest = (
        select(func.max(confirmations.c.id)).where(confirmations.c.order.in_(numbers)).group_by(confirmations.c.order)
    )
    found = {}
    for order, text in conn.execute(
        select(confirmations.c.order, confirmations.c.text).where(confirmations.c.id.in_(newest))
    ):
        said = json.loads(text)["coverage"]
        found[order] = said["in_force"], said["asked"], said["questions"], said["here"]
    return found


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)
