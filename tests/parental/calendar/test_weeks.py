"""Weeks in the database: made at a change and at midnight, and left alone where nothing is different."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection

from parental.calendar import plans, weeks
from parental.calendar.card import Card, Kind
from parental.calendar.day_sets import Calendar, DaySet, Range
from parental.policy import profiles
from parental.policy.schedule import Interval, Schedule
from parental.store.errors import BadProfile
from parental.store.revision import current_revision

MONDAY = date(2026, 8, 3)
NOW = datetime(2026, 8, 3, 12, tzinfo=ZoneInfo("Asia/Karachi"))
SLEEP = Card(Kind.SLEEP, 21 * 60 + 30, 9 * 60)
LATE = Card(Kind.SLEEP, 23 * 60, 7 * 60, day_sets=frozenset({DaySet.HOLIDAYS}))


def week(conn: Connection, number: int = 7) -> tuple[Interval, ...]:
    return profiles.get_profile(conn, number).schedule.intervals


def test_cards_make_the_week_of_their_profile_alone(household: Connection) -> None:
    plans.put_card(household, 7, SLEEP)

    assert weeks.renew(household, [7, 8], NOW) == [7]
    assert {(each.weekday, each.start_minute, each.minutes) for each in week(household)} == {
        (day, 1290, 540) for day in range(7)
    }
    assert week(household, 8) == ()


def test_a_week_that_is_the_same_is_not_written_again(household: Connection) -> None:
    plans.put_card(household, 7, SLEEP)
    weeks.renew(household, [7], NOW)
    before = current_revision(household)

    assert weeks.renew(household, [7], NOW + timedelta(hours=3)) == []
    assert current_revision(household) == before


def test_a_holiday_of_the_household_holds_from_the_moment_it_is_said(household: Connection) -> None:
    for card in (SLEEP, LATE):
        plans.put_card(household, 7, card)
    plans.put_calendar(household, 7, Calendar(ranges=(Range(DaySet.HOLIDAYS, MONDAY, MONDAY),)), follows_announced=True)
    weeks.renew_account(household, 7, NOW)

    assert Interval(0, 1380, 420) in week(household)
    assert Interval(1, 1290, 540) in week(household)


def test_announced_dates_are_those_of_every_household_that_follows_them(household: Connection) -> None:
    for number in (7, 8):
        plans.put_card(household, number, SLEEP)
        plans.put_card(household, number, LATE)
    plans.put_calendar(household, 8, Calendar(), follows_announced=False)
    plans.announce(household, [Range(DaySet.HOLIDAYS, MONDAY, MONDAY)])
    weeks.renew(household, [7, 8], NOW)

    assert Interval(0, 1380, 420) in week(household, 7)
    assert Interval(0, 1380, 420) not in week(household, 8)
    assert plans.calendar_of(household, 8).announced == ()


def test_another_week_is_not_written_over_cards(household: Connection) -> None:
    plans.put_card(household, 7, SLEEP)
    weeks.renew(household, [7], NOW)
    with pytest.raises(BadProfile, match="change its cards"):
        profiles.set_schedule(household, 7, Schedule((Interval(0, 0, 60),)))

    profiles.set_schedule(household, 7, Schedule(week(household), "Asia/Kathmandu"))  # another zone is no other week


def test_a_profile_whose_cards_are_gone_has_no_hours(household: Connection) -> None:
    card = plans.put_card(household, 7, SLEEP)
    weeks.renew(household, [7], NOW)
    plans.remove_card(household, 7, card.id)
    weeks.renew(household, [7], NOW)

    assert week(household) == ()


@pytest.mark.parametrize(
    ("zone", "at", "midnight"),
    [
        ("Asia/Karachi", datetime(2026, 8, 3, 12, tzinfo=UTC), datetime(2026, 8, 3, 19, tzinfo=UTC)),
        ("Asia/Kathmandu", datetime(2026, 8, 3, 18, 15, tzinfo=UTC), datetime(2026, 8, 4, 18, 15, tzinfo=UTC)),
        ("America/Sao_Paulo", datetime(2018, 11, 3, 12, tzinfo=UTC), datetime(2018, 11, 4, 3, tzinfo=UTC)),
        ("Pacific/Apia", datetime(2011, 12, 30, 5, tzinfo=UTC), datetime(2011, 12, 30, 10, tzinfo=UTC)),
    ],
    ids=["plain", "quarters", "no midnight", "a day that never was"],
)
def test_the_next_date_begins_also_where_a_clock_skips_midnight_or_a_day(
    zone: str, at: datetime, midnight: datetime
) -> None:
    found = weeks.next_midnight([zone], at)

    assert found is not None
    assert abs((found - midnight).total_seconds()) <= 1
    assert found.astimezone(ZoneInfo(zone)).date() > at.astimezone(ZoneInfo(zone)).date()


def test_there_is_no_midnight_without_cards(household: Connection) -> None:
    assert weeks.zones_of(household) == set()
    assert weeks.next_midnight(weeks.zones_of(household), NOW) is None

    plans.put_card(household, 7, SLEEP)
    assert weeks.zones_of(household) == {"Asia/Karachi"}
    assert list(weeks.iter_planned(household, {"Asia/Karachi"})) == [[7]]
    assert list(weeks.iter_planned(household, {"UTC"})) == []
