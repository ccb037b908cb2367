"""Weeks at midnight, announced dates and a clock that goes back, as control tends them."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine

from fastpath.images.verdict import Reason
from filterd.control.base.midnight import LONGEST_SLEEP_S, Midnight
from parental.calendar import exceptions, plans, screen_time, weeks
from parental.calendar.card import Card, Kind
from parental.calendar.day_sets import Calendar, DaySet, Range
from parental.people.household import By
from parental.policy import profiles
from parental.policy import subscribers as store
from parental.policy.profile import Profile, lock_reason
from parental.policy.subscriber import Subscriber, parse_prefix
from parental.store.database import open_database, reading, writing
from parental.store.engines import Where

KARACHI = ZoneInfo("Asia/Karachi")
SLEEP = Card(Kind.SLEEP, 21 * 60, 9 * 60)
LATE = Card(Kind.SLEEP, 23 * 60, 7 * 60, day_sets=frozenset({DaySet.HOLIDAYS}))


def at(hour: int, minute: int = 0, day: int = 3) -> datetime:
    return datetime(2026, 8, day, hour, minute, tzinfo=KARACHI)


class Clocks:
    """A wall clock that can be set, and one that cannot."""

    def __init__(self, now: datetime) -> None:
        self.now, self.ticked_s = now, 1000.0

    def forward(self, length: timedelta, *, by_the_wall: timedelta | None = None) -> datetime:
        self.ticked_s += length.total_seconds()
        self.now += length if by_the_wall is None else by_the_wall
        return self.now


class Box:
    """Control's database, its clocks, and how often it has published."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.clocks, self.published = engine, Clocks(at(12)), 0
        self.midnight = self.started()

    def started(self) -> Midnight:
        return Midnight(self.engine, self.publish, lambda: self.clocks.ticked_s)

    async def publish(self) -> None:
        self.published += 1

    def profile(self, number: int = 7) -> Profile:
        with reading(self.engine) as conn:
            return profiles.get_profile(conn, number)

    def is_closed(self, when: datetime) -> bool:
        return lock_reason(self.profile(), when) != Reason.DEFAULT


@pytest.fixture
def box(database: Where) -> Iterator[Box]:
    """Line 7 sleeps from 21:00, on holidays from 23:00."""
    engine = open_database(database)
    with writing(engine) as conn:
        store.put_subscriber(conn, Subscriber(7, "Home", (parse_prefix("192.0.2.7"),)))
        for card in (SLEEP, LATE):
            plans.put_card(conn, 7, card)
    yield Box(engine)
    engine.dispose()


async def test_at_its_start_control_makes_the_weeks_that_it_has_missed(box: Box) -> None:
    await box.midnight.tend(at(12))

    assert (box.published, box.is_closed(at(21))) == (1, True)


async def test_nothing_is_published_where_nothing_has_changed(box: Box) -> None:
    await box.midnight.tend(at(12))
    for hour in (13, 23):
        await box.midnight.tend(at(hour))
    await box.midnight.tend(at(0, 0, 4))
    await box.started().tend(at(1, 0, 4))

    assert box.published == 1


async def test_a_holiday_a_week_away_comes_into_the_week_at_midnight(box: Box) -> None:
    holiday = Calendar(ranges=(Range(DaySet.HOLIDAYS, date(2026, 8, 10), date(2026, 8, 10)),))
    with writing(box.engine) as conn:
        plans.put_calendar(conn, 7, holiday, follows_announced=True)
    await box.midnight.tend(at(12))
    assert box.is_closed(at(22, 0, 10))  # Monday's week is this Monday's

    await box.midnight.tend(at(0, 0, 4))
    assert (box.published, box.is_closed(at(22, 0, 10)), box.is_closed(at(22, 0, 9))) == (2, False, False)


async def test_a_control_that_stays_down_leaves_the_last_week_in_force(box: Box) -> None:
    await box.midnight.tend(at(12))

    assert all(box.is_closed(at(23, 30) + timedelta(days=n)) for n in range(60))


async def test_dates_that_the_operator_announces_are_seen_within_the_minute(box: Box) -> None:
    await box.midnight.tend(at(12))
    with writing(box.engine) as conn:
        plans.announce(conn, [Range(DaySet.HOLIDAYS, date(2026, 8, 3), date(2026, 8, 3))])

    assert await box.midnight.tend(at(12, 1)) <= LONGEST_SLEEP_S
    assert (box.published, box.is_closed(at(22))) == (2, False)


async def test_a_clock_set_back_gives_no_minutes(box: Box) -> None:
    with writing(box.engine) as conn:
        weeks.renew(conn, [7], at(12))
        screen_time.put_quota(conn, 7, 60, at(12))
        screen_time.start(conn, 7, at(12))
        exceptions.add(
            conn, 7, exceptions.until(profiles.get_profile(conn, 7), "open_until", at(13), at(12)), By("x", ""), at(12)
        )
    await box.midnight.tend(box.clocks.now)
    published = box.published

    await box.midnight.tend(box.clocks.forward(timedelta(minutes=1), by_the_wall=timedelta(hours=-1)))

    assert box.published == published + 1
    assert [box.is_closed(each) for each in (at(11), at(11, 58), at(12))] == [False, False, True]


async def test_a_clock_that_is_set_forward_or_slewed_moves_nothing(box: Box) -> None:
    with writing(box.engine) as conn:
        screen_time.put_quota(conn, 7, 60, at(12))
        screen_time.start(conn, 7, at(12))
    await box.midnight.tend(box.clocks.now)
    before, published = box.profile().closures, box.published

    await box.midnight.tend(box.clocks.forward(timedelta(minutes=1), by_the_wall=timedelta(seconds=59)))
    await box.midnight.tend(box.clocks.forward(timedelta(minutes=1), by_the_wall=timedelta(minutes=20)))

    assert (box.profile().closures, box.published) == (before, published)


async def test_dates_go_on_by_the_time_before_where_the_clock_was_set_back(box: Box) -> None:
    holiday = Calendar(ranges=(Range(DaySet.HOLIDAYS, date(2026, 8, 10), date(2026, 8, 10)),))
    with writing(box.engine) as conn:
        plans.put_calendar(conn, 7, holiday, follows_announced=True)
    await box.midnight.tend(at(0, 0, 4))
    assert (box.published, box.is_closed(at(22, 0, 10))) == (1, False)

    box.midnight.behind_s = 86_400
    await box.midnight.tend(at(0, 5, 3))

    assert (box.published, box.is_closed(at(22, 0, 10))) == (1, False)
