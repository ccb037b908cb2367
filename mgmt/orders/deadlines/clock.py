"""The clock of an order: by when its issuer wants it confirmed, and when someone has to know that it is not.

    received ─ 50 % ─ 75 % ─ 90 % ─ due      stops: confirmed, or nothing of the order can be in force any more

A deadline that the letter states counts; else that of the settings (mgmt.orders.base.deadline_rules).
Invariants: everything here is pure; times are aware; a clock that has stopped gives no alarm at or after that moment;
no matter what a row holds, nothing is raised: one that a web role has lied into it keeps no alarm from the other
orders.
Source: docs/desk/orders.md.
"""

import enum
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import Row

from mgmt.orders.base.deadline_rules import LATEST_DEADLINE, Rules, deadline_for
from mgmt.orders.base.sealed import is_sealed
from mgmt.orders.phases.states import State, Step

LETTER, SETTING = "letter", "setting"
# What ends an order without a confirmation; its issuer reads the reason in the state.
_MET = (State.CONFIRMED,)
# No traffic is asked about entries that stand nowhere in clear: such an order is met once every worker serves it.
_MET_SEALED = (State.CONFIRMED, State.ENFORCED, State.PARTIALLY_ENFORCED)
_ENDS = (State.WITHDRAWN, State.EXPIRED, State.REJECTED)


class Alarm(enum.StrEnum):
    """What someone has to know, from the least urgent on; see mgmt.orders.base.deadline_rules.ALARMS."""

    HALF = "50"
    REVIEW = "review"  # of an order in force, and not of its clock: see mgmt.orders.deadlines.reviews
    THREE_QUARTERS = "75"
    NEARLY = "90"
    OVERDUE = "overdue"
    ROLLED_BACK = "rolled_back"  # of an order on trial: see mgmt.orders.deadlines.canary_alarms


_END_MS = datetime(2200, 1, 1, tzinfo=UTC).timestamp() * 1000  # no order is received later: the row is not of ours
_LONGEST_S = LATEST_DEADLINE.total_seconds() + 1  # of a letter's, rounded: the API takes no longer one
_SHARES = ((Alarm.HALF, 50), (Alarm.THREE_QUARTERS, 75), (Alarm.NEARLY, 90), (Alarm.OVERDUE, 100))


class Clock(NamedTuple):
    """From when to when.

    by       LETTER or SETTING;   stopped  when it did; None: it runs
    is_met   whether it was stopped by a confirmation"""

    begun: datetime
    due: datetime
    by: str
    stopped: datetime | None = None
    is_met: bool = False

    def state(self, at: datetime) -> str:
        """running, overdue; confirmed in_time or late; ended: without a confirmation."""
        if self.stopped is None:
            return "running" if at < self.due else "overdue"
        if not self.is_met:
            return "ended"
        return "in_time" if self.stopped <= self.due else "late"


def clock_of(order: Row[Any], steps: Sequence[Step], rules: Rules) -> Clock | None:
    """The clock of a row of orders.   steps  of the order, the oldest first;   None: it has no deadline"""
    if not order.original:  # a letter that a list names: the list has its own freshness
        return None
    if not isinstance(order.received_ms, int) or not 0 <= order.received_ms < _END_MS:
        return None
    begun = _moment(order.received_ms)
    due, by = _due(order, begun, rules)
    if due is None:
        return None
    met = _MET_SEALED if is_sealed(order) else _MET
    confirmed = next((each for each in steps if each.state in met and each.at_ms >= order.received_ms), None)
    if confirmed is not None:
        return Clock(begun, due, by, _moment(confirmed.at_ms), True)
    ended = steps[-1] if steps and steps[-1].state in _ENDS else None
    return Clock(begun, due, by, None if ended is None else _moment(ended.at_ms))


def alarms_between(clock: Clock, after: datetime, until: datetime) -> Iterator[tuple[Alarm, datetime]]:
    """The alarms that are due after a moment and until another, with their times, the earliest first."""
    for alarm, share in _SHARES:
        at = clock.begun + (clock.due - clock.begun) * share / 100
        if after < at <= until and (clock.stopped is None or at < clock.stopped):
            yield alarm, at


def _due(order: Row[Any], begun: datetime, rules: Rules) -> tuple[datetime | None, str]:
    if isinstance(order.deadline_s, int) and abs(order.deadline_s - begun.timestamp()) <= _LONGEST_S:
        return datetime.fromtimestamp(order.deadline_s, UTC), LETTER
    found = deadline_for(rules, order.issuer, is_emergency=bool(order.is_emergency), received=begun)
    return None if found is None else begun + found.within, SETTING


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
