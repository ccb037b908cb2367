"""Cards that begin or end with suhoor or iftar, as they are resolved."""

from dataclasses import replace
from datetime import date, timedelta
from itertools import product

import pytest

from parental.calendar.card import Card, Kind
from parental.calendar.conflicts import Sort, conflicts_of
from parental.calendar.day_sets import Calendar, DaySet, Range
from parental.calendar.resolution import closings_on, week_of
from parental.calendar.sun import Turn, minute_of
from parental.store.errors import BadSchedule

FIRST = date(2026, 2, 19)
LAST = FIRST + timedelta(days=29)
ANNOUNCED = (Range(DaySet.RAMADAN, FIRST, LAST),)
RAMADAN = frozenset({DaySet.RAMADAN})
IFTAR, SUHOOR = Turn.IFTAR, Turn.SUHOOR
DINNER = Card(Kind.PRAYER, 1080, 120, day_sets=RAMADAN, begins=IFTAR, id=1)  # 6 pm to 8 pm without a city
SLEEP = Card(Kind.SLEEP, 1380, 360, day_sets=RAMADAN, ends=SUHOOR, id=2)  # 11 pm to 5 am


def calendar(city: str | None = "karachi", shift_days: int = 0) -> Calendar:
    return Calendar(announced=ANNOUNCED, shift_days=shift_days, city=city)


def hours(card: Card, day: date, of: Calendar) -> list[tuple[int, int]]:
    return [(each.start, each.end) for each in closings_on([card], of, day)]


def sun(turn: Turn, day: date, city: str = "karachi") -> int:
    found = minute_of(turn, city, day)
    assert found is not None
    return found


def test_from_iftar_is_from_sunset_of_each_day_in_the_city_of_the_household() -> None:
    for day in (FIRST, LAST):
        assert hours(DINNER, day, calendar()) == [(sun(IFTAR, day), 1200)]
        assert hours(DINNER, day, calendar("lahore")) == [(sun(IFTAR, day, "lahore"), 1200)]
    assert sun(IFTAR, FIRST) != sun(IFTAR, LAST)


def test_until_suhoor_is_until_dawn_of_the_next_day() -> None:
    next_day = FIRST + timedelta(days=1)

    assert hours(SLEEP, FIRST, calendar()) == [(1380, 1440 + sun(SUHOOR, next_day))]


def test_from_suhoor_until_iftar_is_the_day_of_the_fast() -> None:
    fast = Card(Kind.OTHER, 300, 780, label="Fast", day_sets=RAMADAN, begins=SUHOOR, ends=IFTAR, id=3)

    assert hours(fast, FIRST, calendar()) == [(sun(SUHOOR, FIRST), sun(IFTAR, FIRST))]


def test_without_a_city_and_in_one_that_is_not_known_the_card_has_its_own_hours() -> None:
    for city in (None, "atlantis"):
        assert hours(DINNER, FIRST, calendar(city)) == [(1080, 1200)]


def test_a_card_whose_own_end_comes_before_iftar_closes_nothing_on_that_day() -> None:
    early = Card(Kind.PRAYER, 1080, 20, day_sets=RAMADAN, begins=IFTAR, id=1)  # until 6:20 pm

    assert hours(early, FIRST, calendar()) == []
    assert hours(early, FIRST, calendar("lahore")) == [(sun(IFTAR, FIRST, "lahore"), 1100)]


@pytest.mark.parametrize(("begins", "ends"), list(product((None, IFTAR, SUHOOR), repeat=2)))
@pytest.mark.parametrize("start", range(0, 1440, 240))
def test_no_card_is_longer_than_a_day_whatever_the_sun_does(begins: Turn | None, ends: Turn | None, start: int) -> None:
    long = Card(Kind.SLEEP, start, 1440, day_sets=RAMADAN, begins=begins, ends=ends, id=2)

    assert all(0 < end - start <= 1440 for day in (FIRST, LAST) for start, end in hours(long, day, calendar()))


@pytest.mark.parametrize(("own_start", "minutes"), [(960, 60), (1290, 540), (0, 1440)])
def test_from_iftar_to_suhoor_is_the_night_and_the_other_way_round_the_day_whatever_hours_stand_behind(
    own_start: int, minutes: int
) -> None:
    night = Card(Kind.SLEEP, own_start, minutes, day_sets=RAMADAN, begins=IFTAR, ends=SUHOOR, id=5)
    fast = replace(night, begins=SUHOOR, ends=IFTAR)

    assert hours(night, FIRST, calendar()) == [(sun(IFTAR, FIRST), 1440 + sun(SUHOOR, FIRST + timedelta(days=1)))]
    assert hours(fast, FIRST, calendar()) == [(sun(SUHOOR, FIRST), sun(IFTAR, FIRST))]


def test_with_one_time_of_the_sun_the_end_is_the_first_one_after_the_beginning() -> None:
    afternoon = Card(Kind.SLEEP, 960, 60, day_sets=RAMADAN, ends=SUHOOR, id=6)  # 4 pm
    morning = Card(Kind.SLEEP, 1290, 540, day_sets=RAMADAN, begins=SUHOOR, id=6)  # to 6:30 am

    assert hours(afternoon, FIRST, calendar()) == [(960, 1440 + sun(SUHOOR, FIRST + timedelta(days=1)))]
    assert hours(morning, FIRST, calendar()) == [(sun(SUHOOR, FIRST), 390)]


def test_a_card_that_closes_nothing_as_the_sun_has_passed_its_end_is_told() -> None:
    early = Card(Kind.PRAYER, 1080, 20, day_sets=RAMADAN, begins=IFTAR, id=1)

    (told,) = conflicts_of((early,), FIRST, "karachi")
    assert (told.sort, told.weekdays, told.second) == (Sort.PASSED, tuple(range(7)), None)
    assert conflicts_of((early,), FIRST, "lahore") == []


@pytest.mark.parametrize("shift_days", [-1, 0, 1])
def test_the_sighted_moon_moves_the_days_and_the_sun_stays_that_of_the_date(shift_days: int) -> None:
    first, last = (day + timedelta(days=shift_days) for day in (FIRST, LAST))

    for day in (first - timedelta(days=1), last + timedelta(days=1)):
        assert hours(DINNER, day, calendar(shift_days=shift_days)) == []
    for day in (first, last):
        assert hours(DINNER, day, calendar(shift_days=shift_days)) == [(sun(IFTAR, day), 1200)]


def test_the_week_of_the_data_plane_has_the_minutes_of_each_of_its_days() -> None:
    week = week_of([DINNER], calendar(), FIRST)

    days = [FIRST + timedelta(days=n) for n in range(7)]
    assert {(each.weekday, each.start_minute, each.start_minute + each.minutes) for each in week} == {
        (day.weekday(), sun(IFTAR, day), 1200) for day in days
    }


def test_a_conflict_is_told_by_the_hours_of_the_sun() -> None:
    late = Card(Kind.HOMEWORK, 1090, 20, day_sets=RAMADAN, id=4)  # 6:10 pm to 6:30 pm

    assert [each.sort for each in conflicts_of((DINNER, late), FIRST)] == ["inside"]
    assert [each.sort for each in conflicts_of((DINNER, late), FIRST, "lahore")] == ["inside"]
    [told] = conflicts_of((DINNER, late), FIRST, "lahore")
    assert told.second is not None and told.second.start == sun(IFTAR, FIRST, "lahore")
    assert conflicts_of((DINNER, late), LAST, "karachi") == []


@pytest.mark.parametrize(
    "odd",
    [{"day_sets": frozenset({DaySet.RAMADAN, DaySet.SCHOOL})}, {"kind": Kind.SCHOOL, "pack": "pk-pb/single-boys"}],
)
def test_suhoor_and_iftar_are_of_cards_of_ramadan_alone(odd: dict[str, object]) -> None:
    said = {"kind": Kind.SLEEP, "start_minute": 1380, "minutes": 360, "day_sets": RAMADAN, "ends": SUHOOR} | odd

    with pytest.raises(BadSchedule, match="Ramadan alone"):
        Card(**said)  # type: ignore[arg-type]
