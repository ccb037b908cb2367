from datetime import date, timedelta

import pytest

from parental.calendar.day_sets import MAX_DAYS, MAX_RANGES, Calendar, DaySet, Range
from parental.store.errors import BadSchedule

MONDAY = date(2026, 8, 3)
SATURDAY = date(2026, 8, 8)


def test_every_date_is_a_school_day_and_what_comes_before_that() -> None:
    calendar = Calendar(ranges=(Range(DaySet.EXAMS, MONDAY, MONDAY),), announced=(Range(DaySet.RAMADAN, MONDAY, None),))

    assert calendar.sets_of(MONDAY) == (DaySet.EXAMS, DaySet.RAMADAN, DaySet.SCHOOL)
    assert calendar.sets_of(SATURDAY) == (DaySet.RAMADAN, DaySet.HOLIDAYS, DaySet.SCHOOL)
    assert calendar.sets_of(MONDAY - timedelta(days=7)) == (DaySet.SCHOOL,)


def test_both_ends_of_a_range_are_in_it() -> None:
    held = Range(DaySet.EXAMS, MONDAY, SATURDAY)

    assert [held.holds(MONDAY + timedelta(days=n)) for n in (-1, 0, 5, 6)] == [False, True, True, False]


@pytest.mark.parametrize(("shift", "first"), [(-1, 2), (0, 3), (1, 4)])
def test_ramadan_begins_with_the_moon_a_day_before_or_after_what_was_announced(shift: int, first: int) -> None:
    calendar = Calendar(announced=(Range(DaySet.RAMADAN, MONDAY, MONDAY + timedelta(days=29)),), shift_days=shift)

    starts = [day for day in range(1, 8) if DaySet.RAMADAN in calendar.sets_of(date(2026, 8, day))]

    assert starts[0] == first


def test_a_holiday_does_not_move_with_the_moon() -> None:
    calendar = Calendar(announced=(Range(DaySet.HOLIDAYS, MONDAY, MONDAY),), shift_days=1)

    assert DaySet.HOLIDAYS in calendar.sets_of(MONDAY)
    assert DaySet.HOLIDAYS not in calendar.sets_of(MONDAY + timedelta(days=1))


def test_what_is_no_range_or_calendar_is_refused() -> None:
    with pytest.raises(BadSchedule, match="what is left"):
        Range(DaySet.SCHOOL, MONDAY, MONDAY)
    with pytest.raises(BadSchedule, match="after its start"):
        Range(DaySet.EXAMS, MONDAY, MONDAY - timedelta(days=1))
    with pytest.raises(BadSchedule, match="within 400 days"):
        Range(DaySet.EXAMS, MONDAY, MONDAY + timedelta(days=MAX_DAYS))
    with pytest.raises(BadSchedule, match="-1, 0 or 1"):
        Calendar(shift_days=2)
    with pytest.raises(BadSchedule, match="mon to sun"):
        Calendar(frozenset({9}))
    with pytest.raises(BadSchedule, match="at most 60"):
        Calendar(ranges=(Range(DaySet.EXAMS, MONDAY, MONDAY),) * (MAX_RANGES + 1))
