"""State: what holds for a profile now, why, until when; and the coming week as a family reads it.

The one function for API, portal and splash.  The lock itself is parental.policy.profile's; here are the names that a
family has given to its parts.

Invariants: no clock and no database; `is_closed` agrees with parental.policy.profile.lock_reason, and `until` is the
first second at which any of it is different.
"""

import enum
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from fastpath.images.verdict import Reason
from parental.calendar.card import Card
from parental.calendar.day_sets import Calendar, DaySet
from parental.calendar.exceptions import instant_of
from parental.calendar.resolution import WEEK_DAYS, closings_on, set_of
from parental.policy.profile import OPENS, UNTIL_RESUMED, Profile, allowed_at, lock_reason
from parental.policy.schedule import DAY_MINUTES, next_turn

AHEAD_DAYS = 8  # a week, and what the day before it left over


class Openness(enum.StrEnum):
    """How far a profile is open."""

    OPEN = "open"
    PARTLY = "partly"  # all but what a soft time leaves is closed
    CLOSED = "closed"


class State(NamedTuple):
    """What holds at an instant.

    why    "pause", "closed_until", "quota", "schedule"; of what is open: the kind of the grant that opens it, or ""
    card   of the schedule;   allowed  what stays open, where it is PARTLY
    until  when any of this changes; None: not within a week"""

    state: Openness
    why: str
    card: Card | None
    allowed: frozenset[str] | None
    until: datetime | None


class Hours(NamedTuple):
    """A closed time of a date.   card  None: of no card;   start, end  minutes; past 1440: of the next day"""

    card: Card | None
    start: int
    end: int
    allowed: frozenset[str] | None


class Day(NamedTuple):
    """A date of the preview."""

    day: date
    day_set: DaySet
    hours: tuple[Hours, ...]


def state_at(profile: Profile, cards: tuple[Card, ...], calendar: Calendar, at: datetime) -> State:
    """What holds at an instant (aware).   Cost: some ms"""
    reason, allowed = lock_reason(profile, at), allowed_at(profile, at)
    until = next_change(profile, at)
    if reason == Reason.DEFAULT and allowed is None:
        return State(Openness.OPEN, _opened_by(profile, at), None, None, until)
    state = Openness.PARTLY if reason == Reason.DEFAULT else Openness.CLOSED
    why = "schedule" if reason in (Reason.DEFAULT, Reason.SCHEDULE) else _closed_by(profile, at)
    card = _card_at(profile, cards, calendar, at, is_soft=state is Openness.PARTLY) if why == "schedule" else None
    return State(state, why, card, allowed, until)


def next_change(profile: Profile, after: datetime) -> datetime | None:
    """The first instant after `after` at which what is closed, or stays open, differs; None: not within a week."""

    def held(at: datetime) -> tuple[bool, frozenset[str] | None]:
        return lock_reason(profile, at) != Reason.DEFAULT, allowed_at(profile, at)

    before = held(after)
    return next((edge for edge in _edges(profile, after) if held(edge) != before), None)


def preview(profile: Profile, cards: tuple[Card, ...], calendar: Calendar, first: date) -> list[Day]:
    """Seven dates from `first`, each with what begins on it."""
    return [
        Day(day, set_of(cards, calendar, day), tuple(_hours_on(profile, cards, calendar, day)))
        for day in (first + timedelta(days=n) for n in range(WEEK_DAYS))
    ]


def _hours_on(profile: Profile, cards: tuple[Card, ...], calendar: Calendar, day: date) -> Iterable[Hours]:
    if cards:
        return (Hours(card, start, end, card.allowed) for card, start, end in closings_on(cards, calendar, day))
    intervals = (each for each in profile.schedule.intervals if each.weekday == day.weekday())
    return (Hours(None, each.start_minute, each.start_minute + each.minutes, each.allowed) for each in intervals)


def _closed_by(profile: Profile, at: datetime) -> str:
    """Of a pause or a closure: the one that a person sees as its cause."""
    at_s = at.timestamp()
    open_to = {lock for span in profile.grants if span.holds(at_s) for lock in OPENS[span.kind]}
    kinds = {span.kind for span in profile.closures if span.holds(at_s)} - open_to
    if at_s < profile.paused_until_s or "pause" in kinds:
        return "pause"
    return "closed_until" if "closed_until" in kinds else "quota"


def _opened_by(profile: Profile, at: datetime) -> str:
    """The grant without which it would not be open; of several the one that ends last."""
    held = [span for span in profile.grants if span.holds(at.timestamp())]
    return max(held, key=lambda span: span.until_s).kind if held else ""


def _card_at(
    profile: Profile, cards: tuple[Card, ...], calendar: Calendar, at: datetime, *, is_soft: bool
) -> Card | None:
    """The card that closes an instant, of those that do the one that ends last."""
    wall = at.astimezone(ZoneInfo(profile.schedule.zone))
    minute = wall.hour * 60 + wall.minute
    found = [
        (end + DAY_MINUTES * ago, card)
        for ago in (-1, 0)
        for card, start, end in closings_on(cards, calendar, wall.date() + timedelta(days=ago))
        if start <= minute - DAY_MINUTES * ago < end and (card.allowed is not None) == is_soft
    ]
    return max(found, key=lambda each: (each[0], -each[1].id))[1] if found else None


def _edges(profile: Profile, after: datetime) -> list[datetime]:
    """Every instant of the coming days at which something can change, in order."""
    zone = ZoneInfo(profile.schedule.zone)
    today, after_s = after.astimezone(zone).date(), after.timestamp()
    found = {profile.paused_until_s}
    for span in (*profile.closures, *profile.grants):
        found |= {span.from_s, span.until_s}
    for day in (today + timedelta(days=n) for n in range(-WEEK_DAYS, AHEAD_DAYS + 1)):
        for each in profile.schedule.intervals:
            if each.weekday == day.weekday():
                for minute in (each.start_minute, each.start_minute + each.minutes):
                    for last in (False, True):
                        found.add(int(instant_of(day, minute, zone, last=last).timestamp()))
    turn = next_turn(profile.schedule.zone, int(after_s))
    found |= {turn[0]} if turn is not None else set()
    return [datetime.fromtimestamp(s, after.tzinfo) for s in sorted(found) if after_s < s < UNTIL_RESUMED]
