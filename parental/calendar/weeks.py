"""Weeks: the one week that a profile has in the database, made of its cards and its household's dates.

Made again at each change of them, in its transaction, and by control at each midnight of the profile's zone.  A profile
without cards has the week that was set directly, and none is made.

Invariants: a week that is the same is not written again, so that the profile does not count as changed; the day is that
of the profile's own zone.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Select, select

from parental.calendar.plans import announced_of, calendars_of, cards_of
from parental.calendar.resolution import week_of
from parental.policy.held import BATCH
from parental.policy.profiles import load_profiles, put_week
from parental.policy.schedule import Interval
from parental.store.schema.calendar import cards
from parental.store.schema.lines import profiles


def renew(conn: Connection, numbers: Sequence[int], at: datetime) -> list[int]:
    """Make the weeks of at most BATCH profiles; those that have changed.   at  now (aware)"""
    found = due(conn, numbers, at)
    for number, week in found.items():
        put_week(conn, number, week)
    return list(found)


def due(conn: Connection, numbers: Sequence[int], at: datetime) -> dict[int, tuple[Interval, ...]]:
    """The weeks that at most BATCH profiles should have, and have not.

    Cost: some queries, and 0.2 ms for each that has cards"""
    planned = cards_of(conn, numbers)
    if not planned:
        return {}
    found = conn.execute(select(profiles.c.id, profiles.c.account).where(profiles.c.id.in_(list(planned)))).all()
    account_of = {row.id: row.account for row in found}
    calendars = calendars_of(conn, sorted(set(account_of.values())), announced_of(conn))
    weeks: dict[int, tuple[Interval, ...]] = {}
    for number, profile in load_profiles(conn, list(planned)).items():
        today = at.astimezone(ZoneInfo(profile.schedule.zone)).date()
        week = week_of(planned[number], calendars[account_of[number]], today)
        if week != profile.schedule.intervals:
            weeks[number] = week
    return weeks


def renew_account(conn: Connection, account: int, at: datetime) -> list[int]:
    """The same for every profile of an account."""
    return renew_each(conn, conn.execute(_planned().where(profiles.c.account == account)).scalars(), at)


def renew_each(conn: Connection, numbers: Iterable[int], at: datetime) -> list[int]:
    """The same for any number of profiles."""
    numbers = list(numbers)
    return [each for n in range(0, len(numbers), BATCH) for each in renew(conn, numbers[n : n + BATCH], at)]


def iter_planned(conn: Connection, zones: Iterable[str]) -> Iterator[list[int]]:
    """The profiles that have cards and one of these zones, at most BATCH at a time, by rising number."""
    after, chosen = 0, _planned().where(profiles.c.zone.in_(list(zones))).order_by(profiles.c.id).limit(BATCH)
    while numbers := list(conn.execute(chosen.where(profiles.c.id > after)).scalars()):
        yield numbers
        after = numbers[-1]


def zones_of(conn: Connection) -> set[str]:
    """The zones of profiles that have cards."""
    with_cards = profiles.c.id.in_(select(cards.c.profile))
    return set(conn.execute(select(profiles.c.zone).where(with_cards).distinct()).scalars())


def next_midnight(zones: Iterable[str], at: datetime) -> datetime | None:
    """When a date begins next in one of the zones, in UTC; None: none exist."""
    return min((_midnight(ZoneInfo(zone), at) for zone in zones), default=None)


def _midnight(zone: ZoneInfo, at: datetime) -> datetime:
    """The first second after `at` of another date, also where a zone turns its clocks at midnight, or skips a day."""
    today, low, high = at.astimezone(zone).date(), at.astimezone(UTC), at.astimezone(UTC) + timedelta(hours=26)
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(zone).date() == today:
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0) if high.replace(microsecond=0) > low else high


def _planned() -> Select[Any]:
    return select(profiles.c.id).where(profiles.c.id.in_(select(cards.c.profile)))
