from datetime import date, timedelta

import pytest
from sqlalchemy import Connection
from support.mgmt.desk import NOW

from mgmt.web.family.acts.calendars import put_dates, restore, with_range, without_range
from mgmt.web.family.acts.hour_edits import NeedsPin
from mgmt.web.family.session import Session
from parental.calendar import plans
from parental.calendar.card import Card, Kind
from parental.calendar.day_sets import Calendar, DaySet, Range
from parental.store.errors import BadSchedule

ZONE = "Asia/Karachi"
RAMADAN = Range(DaySet.RAMADAN, date(2027, 2, 8), date(2027, 3, 9))


def test_dates_of_a_year_ahead_are_judged_and_those_of_no_card_open_nothing(conn: Connection, session: Session) -> None:
    more = with_range(Calendar(), RAMADAN)
    put_dates(conn, session, more, True, NOW, ZONE, is_proven=False)
    put_dates(conn, session, without_range(more, RAMADAN), True, NOW, ZONE, is_proven=False)

    plans.put_card(conn, 7, Card(Kind.SLEEP, 1260, 600, day_sets=frozenset({DaySet.SCHOOL})))
    plans.put_card(conn, 7, Card(Kind.SLEEP, 1380, 300, day_sets=frozenset({DaySet.RAMADAN})))
    with pytest.raises(NeedsPin):
        put_dates(conn, session, more, True, NOW, ZONE, is_proven=False)


@pytest.mark.parametrize(
    ("follows", "calendar"),
    [(False, Calendar()), (True, Calendar(shift_days=1)), (False, Calendar(shift_days=-1))],
)
def test_how_the_operator_s_dates_are_followed_takes_the_pin_also_while_none_are_announced(
    conn: Connection, session: Session, follows: bool, calendar: Calendar
) -> None:
    put_dates(conn, session, Calendar(), True, NOW, ZONE, is_proven=True)
    plans.put_card(conn, 7, Card(Kind.SLEEP, 1290, 540, day_sets=frozenset({DaySet.SCHOOL})))
    plans.put_card(conn, 7, Card(Kind.SLEEP, 1200, 630, day_sets=frozenset({DaySet.RAMADAN})))

    with pytest.raises(NeedsPin):
        put_dates(conn, session, calendar, follows, NOW, ZONE, is_proven=False)


def test_it_takes_no_pin_where_no_card_is_of_a_kind_of_day(conn: Connection, session: Session) -> None:
    put_dates(conn, session, Calendar(), True, NOW, ZONE, is_proven=True)
    plans.put_card(conn, 7, Card(Kind.SLEEP, 1290, 540, day_sets=frozenset(DaySet)))

    put_dates(conn, session, Calendar(shift_days=1), False, NOW, ZONE, is_proven=False)


def test_dates_are_of_years_that_a_clock_of_ours_shows() -> None:
    for day in (date(1999, 12, 31), date(2201, 1, 1), date.min, date.max):
        with pytest.raises(BadSchedule, match="2000 to 2200"):
            with_range(Calendar(), Range(DaySet.HOLIDAYS, day, day))
    with pytest.raises(BadSchedule, match="2000 to 2200"):
        with_range(Calendar(), Range(DaySet.HOLIDAYS, date(2200, 12, 30), date(2201, 1, 2)))
    for day in (date(2000, 1, 1), date(2200, 12, 31)):
        assert with_range(Calendar(), Range(DaySet.HOLIDAYS, day, None)).ranges


@pytest.mark.parametrize("day", [date.min, date.max])
@pytest.mark.parametrize("shift_days", [-1, 1])
def test_dates_of_another_age_that_are_stored_all_the_same_can_be_removed(
    conn: Connection, session: Session, day: date, shift_days: int
) -> None:
    plans.put_card(conn, 7, Card(Kind.SLEEP, 1290, 540, day_sets=frozenset({DaySet.SCHOOL})))
    stored = Calendar(ranges=(Range(DaySet.RAMADAN, day, day),), shift_days=shift_days)
    plans.put_calendar(conn, 7, stored, follows_announced=True)

    put_dates(conn, session, without_range(stored, stored.ranges[0]), True, NOW, ZONE, is_proven=False)

    assert plans.calendar_of(conn, 7).ranges == ()


@pytest.mark.parametrize("in_days", [402, 3000])
def test_dates_of_any_year_are_judged(conn: Connection, session: Session, in_days: int) -> None:
    plans.put_card(conn, 7, Card(Kind.SLEEP, 1290, 540, day_sets=frozenset({DaySet.SCHOOL})))
    plans.put_card(conn, 7, Card(Kind.SLEEP, 1380, 300, day_sets=frozenset({DaySet.HOLIDAYS})))
    first = NOW.date() + timedelta(days=in_days)

    with pytest.raises(NeedsPin):
        far = with_range(Calendar(), Range(DaySet.HOLIDAYS, first, first + timedelta(days=6)))
        put_dates(conn, session, far, True, NOW, ZONE, is_proven=False)


def test_dates_are_taken_back_as_a_whole(conn: Connection, session: Session) -> None:
    before = with_range(Calendar(frozenset(range(6)), shift_days=1), RAMADAN)
    put_dates(conn, session, before, False, NOW, ZONE, is_proven=True)

    *_, (profile, undo) = put_dates(conn, session, Calendar(), True, NOW, ZONE, is_proven=True)
    restore(conn, profile, undo["calendar"], NOW)

    assert plans.calendar_of(conn, 7) == before and not plans.follows_announced(conn, 7)
