"""Who wins, as semantics §3 and §7 have it, tier by tier in plain words; shares no code with decide()."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

OPENED_BY = {  # a pause is opened by none
    "plus": {"schedule", "quota"},
    "tonight_off": {"schedule"},
    "ticket": {"schedule", "quota"},
    "open_until": {"schedule", "quota", "closed_until"},
}


class Hours(NamedTuple):
    day: int  # 0 is Monday
    start_minute: int
    minutes: int
    left_open: frozenset[str] | None  # None: a full lock


class Span(NamedTuple):
    from_s: int
    until_s: int
    kind: str


@dataclass(frozen=True)
class Wishes:
    """What a family has chosen.   closes  categories and services"""

    closes: frozenset[str] = frozenset()
    hours: tuple[Hours, ...] = ()
    zone: str = "UTC"
    spans: tuple[Span, ...] = ()
    allowed: frozenset[str] = frozenset()
    denied: frozenset[str] = frozenset()


class Verdict(NamedTuple):
    is_open: bool
    tier: str
    reason: str


def decide(name: str, listed: dict[str, set[str]], wishes: Wishes, at: datetime) -> Verdict:
    """listed  by tier: "csam", "order", "help" and "security" with any mark, "service" and "category" with the names of
    those that hold the name"""
    if listed["csam"]:
        return Verdict(False, "csam", "csam")
    if listed["order"]:
        return Verdict(False, "order", "order")
    if listed["help"]:
        return Verdict(True, "help", "help")
    locks, left_open = _locks(wishes, at)
    grants = {span.kind for span in wishes.spans if span.kind in OPENED_BY and _holds(span, at)}
    opened = {lock for grant in grants for lock in OPENED_BY[grant]}
    if {"pause", "closed_until"} & (locks - opened):
        return Verdict(False, "lock", "pause")
    if "quota" in locks - opened:
        return Verdict(False, "lock", "quota")
    if "schedule" in locks - opened:
        if left_open is None:
            return Verdict(False, "lock", "schedule")
        if not left_open & (listed["service"] | listed["category"]):
            return Verdict(False, "lock", "soft_lock")
    is_allowed = _is_at_or_below(name, wishes.allowed)
    if not is_allowed:
        if _is_at_or_below(name, wishes.denied):
            return Verdict(False, "denied", "household")
        if listed["service"] & wishes.closes:
            return Verdict(False, "service", "category")
        if listed["category"] & wishes.closes:
            return Verdict(False, "category", "category")
    if listed["security"]:
        return Verdict(False, "security", "security")
    if is_allowed:
        return Verdict(True, "allowed", "default")
    return Verdict(True, "grant" if locks & opened else "default", "default")


def _locks(wishes: Wishes, at: datetime) -> tuple[set[str], frozenset[str] | None]:
    """The locks at an instant, and what the week's hours leave open then; None: nothing."""
    locks = {span.kind for span in wishes.spans if span.kind not in OPENED_BY and _holds(span, at)}
    local = at.astimezone(ZoneInfo(wishes.zone))
    minute = local.weekday() * 1440 + local.hour * 60 + local.minute
    now = [each for each in wishes.hours if (minute - each.day * 1440 - each.start_minute) % 10080 < each.minutes]
    if not now:
        return locks, None
    open_in_each = [each.left_open for each in now]
    left_open = (
        None if None in open_in_each else frozenset.intersection(*[each for each in open_in_each if each is not None])
    )
    return locks | {"schedule"}, left_open


def _holds(span: Span, at: datetime) -> bool:
    return span.from_s <= at.timestamp() < span.until_s


def _is_at_or_below(name: str, of: Iterable[str]) -> bool:
    return any(name == each or name.endswith("." + each) for each in of)
