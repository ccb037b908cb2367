"""For how long orders may take, as the settings say it.

A deadline has a date: it holds for what is received from that day on, so that a change makes no order of before late.
Invariants: nothing here opens a database, since every process reads the configuration.
Source: docs/desk/orders.md.  The lengths are design choices; what a regulator demands, its letter or an agreement says.
"""

from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import NamedTuple

ROUTINE, EMERGENCY = KINDS = ("routine", "emergency")


class Deadline(NamedTuple):
    """For how long an order may take.

    issuer, kind  of which orders, kind of KINDS; None: of all;   since  for those received from that day on"""

    within: timedelta
    issuer: str | None = None
    kind: str | None = None
    since: date | None = None


# The alarms of a clock, by urgency, as messages and settings name them, and the first that each role of the desk gets.
ALARMS = ("50", "75", "90", "overdue")
LEAST_OF_ROLES = {"compliance": "50", "approver": "75", "engineer": "90"}
DEADLINES = (Deadline(timedelta(hours=48), kind=ROUTINE), Deadline(timedelta(hours=12), kind=EMERGENCY))
LATEST_DEADLINE = timedelta(days=366)  # orders are due in hours or days: what is later is a slip of the pen


REVIEW_DAYS = 180


class Rules(NamedTuple):
    """What the settings say.

    zone         in which a day begins;   review_days  after its receipt an order that says no day is to be looked at
    again; 0: never"""

    deadlines: tuple[Deadline, ...] = DEADLINES
    zone: tzinfo = UTC
    review_days: int = REVIEW_DAYS


NO_REVIEW = Rules(review_days=0)


def deadline_for(rules: Rules, issuer: str, *, is_emergency: bool, received: datetime) -> Deadline | None:
    """The deadline of the settings: of an issuer before that of all, of a kind before both, then the newest."""
    day, kind = received.astimezone(rules.zone).date(), EMERGENCY if is_emergency else ROUTINE
    fits = (
        each
        for each in rules.deadlines
        if each.issuer in (None, issuer) and each.kind in (None, kind) and (each.since or day) <= day
    )
    order = ((each.issuer is not None, each.kind is not None, each.since or date.min, each) for each in fits)
    found = max(order, key=lambda ranked: ranked[:3], default=None)
    return None if found is None else found[3]
