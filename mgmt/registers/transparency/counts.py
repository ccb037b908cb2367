"""Orders of a span of time by issuer and category, and how soon reports were answered.

    orders received (pushed, or named by a list) → (issuer, category) → small counts protected → rows

Invariants: an order is in one row at most; a category is printed only where ten orders share it, since it is a text
of an issuer's own; of CSAM it is "csam", and no text; a median is of ten or more.
Cost: three queries for 500 orders.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, func, select

from mgmt.orders.base.model import SERVED, EntryStatus
from mgmt.orders.base.sealed import is_sealed
from mgmt.orders.deadlines.alarms import IS_PUSHED
from mgmt.orders.deadlines.statistics import ENFORCED, seconds_to, took
from mgmt.orders.phases.states import steps_of
from mgmt.registers.records.statistics.cells import NONE
from mgmt.registers.records.statistics.disclosure import LEAST, Values, groups_of
from mgmt.registers.transparency.statement import OrderGroup
from mgmt.staff.issuers import folded
from parental.store.schema.orders import entries, letters, orders
from parental.store.schema.reports import wrong_blocks

CSAM = "csam"
GIVEN_UP = (1, 0)  # for small counts: the category first, then the issuer
_ABOUT = tuple(orders.c[name] for name in ("id", "issuer", "ref", "ground", "received_ms"))
_BATCH = 500
_SERVED = frozenset(SERVED) - {EntryStatus.NOT_VISIBLE}  # what is open over HTTPS is not called in force


class _Order(NamedTuple):
    values: Values
    enforced_s: float | None
    entries: Counter[str]  # by status


def directed(conn: Connection, since: datetime, until: datetime, hidden: Sequence[str]) -> list[OrderGroup]:
    """Rows of orders received from `since` on and before `until`.   hidden  issuers whose orders are in none"""
    found: dict[Values, list[_Order]] = {}
    for each in _orders(conn, since, until, hidden):
        found.setdefault(each.values, []).append(each)
    groups = groups_of({values: len(some) for values, some in found.items()}, GIVEN_UP)
    rows = [_row(group.row.values, [each for cell in group.cells for each in found[cell]]) for group in groups]
    return sorted(rows, key=lambda row: (row.issuer or "", row.category or "", row.orders))


def answered_ms(conn: Connection, since: datetime, until: datetime) -> int | None:
    """The median time from a report of a wrong block to its answer; None of fewer than LEAST answers."""
    of = wrong_blocks.c
    in_span = (of.reported_s >= int(since.timestamp()), of.reported_s < int(until.timestamp()))
    answers = conn.execute(select(of.answered_s - of.reported_s).where(*in_span, of.answered_s.is_not(None)))
    return _median_ms([max(0, seconds) for seconds in answers.scalars()])


# ----------------------------------------------------------------------------------------------------------------------


def _orders(conn: Connection, since: datetime, until: datetime, hidden: Sequence[str]) -> Iterator[_Order]:
    since_ms, until_ms = (int(at.timestamp() * 1000) for at in (since, until))
    columns = (*_ABOUT, IS_PUSHED.label("is_pushed"))
    chosen = select(*columns).where(orders.c.received_ms >= since_ms, orders.c.received_ms < until_ms)
    left_out, after = {folded(name) for name in hidden}, 0  # regardless of its spelling: it may not be shown
    while rows := conn.execute(chosen.where(orders.c.id > after).order_by(orders.c.id).limit(_BATCH)).all():
        after = rows[-1].id
        numbers = [row.id for row in rows]
        steps, statuses = steps_of(conn, numbers), _statuses(conn, numbers)
        for row in rows:
            if folded(row.issuer) in left_out:
                continue
            enforced_s = seconds_to(row, steps.get(row.id, ()), ENFORCED)
            yield _Order((row.issuer, _category(row)), enforced_s, statuses.get((row.id, row.is_pushed), Counter()))


def _statuses(conn: Connection, numbers: Sequence[int]) -> dict[tuple[int, bool], Counter[str]]:
    """(order, whether it was pushed) → entries by status: of its own, or as the lists that name it count them."""
    found: dict[tuple[int, bool], Counter[str]] = {}
    for table, n, is_pushed in ((entries, func.count(), True), (letters, func.sum(letters.c.n), False)):
        of = table.c
        counted = select(of.order, of.status, n).where(of.order.in_(numbers)).group_by(of.order, of.status)
        for order, status, count in conn.execute(counted):
            found.setdefault((order, is_pushed), Counter())[status] += int(count)
    return found


def _category(order: Row[Any]) -> str:
    return CSAM if is_sealed(order) else order.ground or NONE


def _row(values: tuple[str | None, ...], some: Sequence[_Order]) -> OrderGroup:
    statuses: Counter[str] = sum((each.entries for each in some), Counter())
    issuer, category = values
    return OrderGroup(
        issuer=issuer,
        category=category,
        orders=len(some),
        entries=statuses.total(),
        in_force=sum(statuses[status] for status in _SERVED),
        protected=statuses[EntryStatus.REFUSED_PROTECTED],
        held=statuses[EntryStatus.PENDING_REVIEW],
        released=statuses[EntryStatus.WITHDRAWN] + statuses[EntryStatus.EXPIRED],
        median_ms=_median_ms([each.enforced_s for each in some if each.enforced_s is not None]),
    )


def _median_ms(seconds: Sequence[float]) -> int | None:
    median_s = took(seconds).median_s if len(seconds) >= LEAST else None
    return None if median_s is None else round(median_s * 1000)
