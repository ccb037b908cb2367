"""The part of the schema about orders: by when they are to be confirmed, and who is alarmed before that."""

from dataclasses import dataclass
from datetime import date, timedelta

from filterd.config import kinds
from filterd.config.kinds import Seconds
from filterd.config.spec import WEB, one, parts
from mgmt.deadlines.rules import DEADLINES, KINDS

MAX_DEADLINES = 200  # issuers and kinds, with their history
SHORTEST_S, LONGEST_S = 60, 366 * 86400


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderDeadline:
    """For how long an order may take, where its letter says nothing."""

    within: Seconds = one(kinds.duration(SHORTEST_S, LONGEST_S))
    """From its receipt to its confirmation."""
    issuer: str | None = one(kinds.text, default=None)
    """Whose orders.   Left out: those of every issuer that has no deadline of its own."""
    kind: str | None = one(kinds.one_of(*KINDS), default=None)
    """Which of them.   Left out: both."""
    since: date | None = one(kinds.day, default=None)
    """For orders received from this day on, which may be in the future; the newest that has come counts."""


def _seconds(length: timedelta) -> Seconds:
    return Seconds(int(length.total_seconds()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What becomes of orders that wait; see docs/orders.md."""

    deadlines: tuple[OrderDeadline, ...] = parts(
        OrderDeadline,
        MAX_DEADLINES,
        WEB,
        default=tuple(OrderDeadline(within=_seconds(each.within), kind=each.kind) for each in DEADLINES),
    )
    """Written, the list replaces the default as a whole: 48 h, and 12 h for emergencies."""
