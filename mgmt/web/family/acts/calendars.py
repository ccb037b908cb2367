"""A household's dates, changed from its page: which days have school, its holidays, Ramadan and exams.

Invariants: one transaction, with its line in the household's record; what opens anything of a child's or the home's
within AHEAD_DAYS, or on the dates that are changed, is refused without the PIN; so is another choice of what the
operator announces, where it can matter: what will be announced is not known yet; it is taken back as a whole; no date
that is added is outside of EARLIEST to LATEST.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select

from mgmt.registers.households import note_choice
from mgmt.web.family.acts.hour_edits import NeedsPin
from mgmt.web.family.acts.openings import dates_loosen, differ_by_kind
from mgmt.web.family.session import Session
from parental.calendar import plans, weeks
from parental.calendar.day_sets import MAX_DAYS, Calendar, DaySet, Range, own_first
from parental.store.errors import BadSchedule
from parental.store.schema.lines import profiles

AHEAD_DAYS = MAX_DAYS  # no range is longer
EARLIEST, LATEST = date(2000, 1, 1), date(2200, 12, 31)  # of what a family writes, and of what is judged
Undo = Mapping[str, Any]


def put_dates(
    conn: Connection, session: Session, calendar: Calendar, follows: bool, now: datetime, zone: str, *, is_proven: bool
) -> list[tuple[int, Undo]]:
    """Replace a household's dates; the profiles that it can concern, the last with how it is undone.

    follows  the operator's dates;   is_proven  the PIN was right.   Raises NeedsPin, BadSchedule"""
    account = session.account
    before, followed = plans.calendar_of(conn, account), plans.follows_announced(conn, account)
    plans.put_calendar(conn, account, calendar, follows)
    chooses = follows != followed or calendar.shift_days != before.shift_days
    if not is_proven and _opens(conn, account, before, now.astimezone(ZoneInfo(zone)).date(), chooses=chooses):
        raise NeedsPin  # the transaction ends with it
    weeks.renew_account(conn, account, now)
    note_choice(conn, account, session.actor, "dates changed", {}, now)
    undo = {"calendar": {"follows": followed, **_said(before)}}
    numbers = _profiles(conn, account)
    return [(each, undo if each == numbers[-1] else {}) for each in numbers]  # all are looked at before any is changed


def restore(conn: Connection, profile: int, said: Undo, now: datetime) -> None:
    """Give a household the dates that it had.   profile  any of its own"""
    account = conn.execute(select(profiles.c.account).where(profiles.c.id == profile)).scalar_one()
    ranges = tuple(_range(*each) for each in said["ranges"])
    held = plans.calendar_of(conn, account)
    days, city = frozenset(said["school_days"]), said.get("city", held.city)  # one kept by a release before has none
    calendar = replace(held, school_days=days, ranges=ranges, shift_days=said["shift_days"], city=city)
    plans.put_calendar(conn, account, calendar, said["follows"])
    weeks.renew_account(conn, account, now)


def with_range(calendar: Calendar, more: Range) -> Calendar:
    """The same dates and some more.   Raises BadSchedule"""
    if not EARLIEST <= more.first <= (more.last or more.first) <= LATEST:
        raise BadSchedule(f"dates: from {more.first}; not accepted; write dates of {EARLIEST.year} to {LATEST.year}")
    return replace(calendar, ranges=own_first((*calendar.ranges, more)))


def without_range(calendar: Calendar, less: Range) -> Calendar:
    return replace(calendar, ranges=tuple(each for each in calendar.ranges if each != less))


def _opens(conn: Connection, account: int, before: Calendar, today: date, *, chooses: bool) -> bool:
    """Whether anything may be open that is closed now.   chooses  whether, or how, operator's dates are followed"""
    planned = plans.cards_of(conn, _profiles(conn, account))
    if chooses and any(differ_by_kind(cards) for cards in planned.values()):
        return True
    after = plans.calendar_of(conn, account)
    firsts = {today, *(each.first for each in set(before.ranges) ^ set(after.ranges))}
    days = sorted({day for first in firsts for day in _next(first)})
    has_moved = before.city != after.city
    changed = [
        day
        for day in days
        if before.sets_of(day) != after.sets_of(day) or (has_moved and DaySet.RAMADAN in after.sets_of(day))
    ]
    return any(dates_loosen(cards, before, after, changed) for cards in planned.values())


def _next(first: date) -> Iterator[date]:
    """The dates of the longest range from here, and the one before, whose closing can end on it.

    Without those that no family writes: behind a date that is stored all the same, the calendar itself may end."""
    ordinals = range(first.toordinal() - 1, first.toordinal() + AHEAD_DAYS)
    return (date.fromordinal(n) for n in ordinals if EARLIEST.toordinal() <= n <= LATEST.toordinal())


def _profiles(conn: Connection, account: int) -> list[int]:
    return list(
        conn.execute(select(profiles.c.id).where(profiles.c.account == account).order_by(profiles.c.id)).scalars()
    )


def _said(calendar: Calendar) -> dict[str, Any]:
    ranges = [
        [str(each.day_set), each.first.isoformat(), each.last and each.last.isoformat()] for each in calendar.ranges
    ]
    said = {"school_days": sorted(calendar.school_days), "ranges": ranges, "shift_days": calendar.shift_days}
    return {**said, "city": calendar.city}


def _range(day_set: str, first: str, last: str | None) -> Range:
    return Range(DaySet(day_set), date.fromisoformat(first), None if last is None else date.fromisoformat(last))
