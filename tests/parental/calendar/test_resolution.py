"""The week that the data plane gets, against an oracle that asks card by card at each minute."""

import random
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle.calendar import FULL, OPEN, ZONES, calendars_around, card_lists, held_at, wall_of

from parental.calendar.card import Card, Kind
from parental.calendar.day_sets import Calendar, DaySet, Range
from parental.calendar.resolution import pieces_of, set_of, week_of
from parental.policy.schedule import MAX_INTERVALS, WEEK_MINUTES, Interval, Schedule

MONDAY = date(2026, 8, 3)
SLEEP = Card(Kind.SLEEP, 21 * 60 + 30, 9 * 60, id=1)
DECADE = datetime(2020, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC)


def held_by(week: tuple[Interval, ...], zone: str, at: datetime) -> frozenset[str] | None:
    schedule = Schedule(week, zone)
    return FULL if schedule.is_closed(at) else schedule.allowed_at(at)


@given(cards=card_lists, data=st.data())
def test_seven_days_from_a_date_are_as_the_cards_say_minute_by_minute(
    cards: tuple[Card, ...], data: st.DataObject
) -> None:
    first = date(2026, 1, 1) + timedelta(days=data.draw(st.integers(0, 3000)))
    calendar = data.draw(calendars_around(first))
    week = week_of(cards, calendar, first)

    begin = datetime.combine(first, time())
    for minute in (*range(0, WEEK_MINUTES, 211), *data.draw(st.lists(st.integers(0, WEEK_MINUTES - 1), max_size=20))):
        wall = begin + timedelta(minutes=minute)
        assert held_by(week, "UTC", wall.replace(tzinfo=UTC)) == held_at(cards, calendar, wall), wall


@given(cards=card_lists, data=st.data(), zone=st.sampled_from(ZONES))
def test_any_minute_of_ten_years_in_five_zones_is_as_the_cards_say(
    cards: tuple[Card, ...], data: st.DataObject, zone: str
) -> None:
    minutes = int((DECADE[1] - DECADE[0]) / timedelta(minutes=1))
    at = DECADE[0] + timedelta(minutes=data.draw(st.integers(0, minutes)))
    wall = wall_of(at, zone)
    calendar = data.draw(calendars_around(wall.date()))

    assert held_by(week_of(cards, calendar, wall.date()), zone, at) == held_at(cards, calendar, wall)


@pytest.mark.long
@pytest.mark.parametrize("zone", ZONES)
def test_every_minute_of_ten_years_is_as_the_cards_say(zone: str) -> None:
    chance = random.Random(zone)
    cards = (
        SLEEP,
        Card(Kind.SLEEP, 23 * 60, 7 * 60, day_sets=frozenset({DaySet.HOLIDAYS}), id=2),
        Card(Kind.SCHOOL, 8 * 60, 5 * 60, frozenset(range(5)), frozenset({DaySet.SCHOOL, DaySet.EXAMS}), id=3),
        Card(Kind.HOMEWORK, 16 * 60, 120, frozenset({0, 2, 4}), allowed=frozenset({"social"}), id=4),
        Card(Kind.PRAYER, 3 * 60, 150, day_sets=frozenset({DaySet.RAMADAN}), id=5),
        Card(Kind.SLEEP, 1, 1440, frozenset({6}), frozenset({DaySet.EXAMS}), id=6),
    )
    starts = [date(year, chance.randint(1, 12), chance.randint(1, 28)) for year in range(2020, 2030) for _ in range(4)]
    kinds = (DaySet.HOLIDAYS, DaySet.RAMADAN, DaySet.EXAMS)
    ranges = [Range(chance.choice(kinds), each, each + timedelta(days=chance.randint(0, 30))) for each in starts]
    calendar = Calendar(ranges=tuple(ranges))

    at, day, minute = DECADE[0], None, timedelta(minutes=1)
    truth: list[frozenset[str] | None] = []
    week: list[frozenset[str] | None] = []
    first = 0
    while at < DECADE[1]:
        wall = wall_of(at, zone)
        if wall.date() != day:  # midnight: control makes the week again
            day = wall.date()
            begin = datetime.combine(day, time())
            truth = [held_at(cards, calendar, begin + n * minute) for n in range(1440)]
            week, first = by_minute(week_of(cards, calendar, day)), day.weekday() * 1440
        of_day = wall.hour * 60 + wall.minute
        assert week[first + of_day] == truth[of_day], at
        at += minute


def by_minute(week: tuple[Interval, ...]) -> list[frozenset[str] | None]:
    """A week, a minute an entry."""
    found: list[frozenset[str] | None] = [OPEN] * WEEK_MINUTES
    for each in week:
        for n in range(each.minutes):
            found[(each.weekday * 1440 + each.start_minute + n) % WEEK_MINUTES] = (
                FULL if each.allowed is None else each.allowed
            )
    return found


@given(cards=card_lists, more=card_lists, data=st.data())
def test_no_card_opens_what_others_close_on_days_that_they_name_however_they_overlap(
    cards: tuple[Card, ...], more: tuple[Card, ...], data: st.DataObject
) -> None:
    named = {each for card in cards for each in card.day_sets}
    calendar = data.draw(calendars_around(MONDAY))
    added = tuple(replace(each, id=100 + each.id) for each in more if each.day_sets <= named)

    before, after = (by_minute(week_of(each, calendar, MONDAY)) for each in (cards, (*cards, *added)))

    for minute, (was, now) in enumerate(zip(before, after, strict=True)):
        assert was is OPEN or now == FULL or (was != FULL and now is not OPEN and now <= was), minute


def test_of_days_of_several_kinds_without_an_end_the_first_kind_holds_and_closes_for_ever() -> None:
    order = (DaySet.EXAMS, DaySet.RAMADAN, DaySet.HOLIDAYS)
    cards = tuple(replace(SLEEP, day_sets=frozenset({kind}), id=n) for n, kind in enumerate(order, 1))
    endless = Calendar(ranges=tuple(Range(kind, date(2026, 1, 1), None) for kind in order))

    for year in (2026, 2040, 9000):
        day = date(year, 8, 3)
        assert set_of(cards, endless, day) is order[0]
        assert len(week_of(cards, endless, day)) == 7


@given(cards=card_lists, data=st.data())
def test_a_week_that_nobody_makes_again_repeats_each_weekday(cards: tuple[Card, ...], data: st.DataObject) -> None:
    calendar = data.draw(calendars_around(MONDAY))
    week = week_of(cards, calendar, MONDAY)

    at = datetime(2026, 8, 3, tzinfo=UTC) + timedelta(minutes=data.draw(st.integers(0, WEEK_MINUTES - 1)))
    assert held_by(week, "UTC", at) == held_by(week, "UTC", at + timedelta(days=70))


@given(cards=st.lists(card_lists, max_size=5), data=st.data())
def test_a_week_has_no_minute_twice_and_is_never_too_long_for_a_profile(
    cards: list[tuple[Card, ...]], data: st.DataObject
) -> None:
    every = tuple(card for each in cards for card in each)
    week = week_of(every, data.draw(calendars_around(MONDAY)), MONDAY)

    covered = [
        (each.weekday * 1440 + each.start_minute + n) % WEEK_MINUTES for each in week for n in range(each.minutes)
    ]
    assert len(covered) == len(set(covered))
    assert len(week) <= MAX_INTERVALS


@given(cards=card_lists, data=st.data(), days=st.integers(0, 40))
def test_a_week_that_has_not_changed_is_the_same_on_every_day(
    cards: tuple[Card, ...], data: st.DataObject, days: int
) -> None:
    calendar = Calendar(data.draw(st.frozensets(st.integers(0, 6))))

    assert week_of(cards, calendar, MONDAY) == week_of(cards, calendar, MONDAY + timedelta(days=days))


def test_a_bedtime_of_yesterday_holds_until_its_end_on_a_day_of_another_kind() -> None:
    first_fast = Range(DaySet.RAMADAN, MONDAY, None)
    ramadan = Card(Kind.SLEEP, 0, 180, day_sets=frozenset({DaySet.RAMADAN}), id=2)

    pieces = pieces_of((SLEEP, ramadan), Calendar(frozenset(range(7)), (first_fast,)), MONDAY, days=1)

    assert [(each.start, each.end) for each in pieces] == [(0, 390)]


def test_a_kind_of_days_without_cards_is_as_if_the_date_were_not_of_it() -> None:
    holiday = Calendar(ranges=(Range(DaySet.RAMADAN, MONDAY, MONDAY),))

    assert set_of((SLEEP,), holiday, MONDAY) is DaySet.SCHOOL
    assert week_of((SLEEP,), holiday, MONDAY) == week_of((SLEEP,), Calendar(), MONDAY)


def test_a_card_that_is_off_still_makes_its_kind_of_days_one_of_its_own() -> None:
    off = Card(Kind.SLEEP, 60, 60, day_sets=frozenset({DaySet.HOLIDAYS}), is_on=False, id=2)
    holiday = Calendar(ranges=(Range(DaySet.HOLIDAYS, MONDAY, MONDAY),))

    assert [(each.start, each.end) for each in pieces_of((SLEEP,), holiday, MONDAY, days=1)] == [(0, 390), (1290, 1440)]
    assert pieces_of((SLEEP, off), holiday, MONDAY, days=1) == []  # Sunday is of the same kind


def test_school_hours_of_a_pack_follow_the_season_the_weekday_and_ramadan() -> None:
    school = Card(
        Kind.SCHOOL,
        8 * 60,
        60,
        frozenset(range(5)),
        frozenset({DaySet.SCHOOL, DaySet.RAMADAN}),
        pack="pk-pb/single-boys",
    )
    ramadan = Calendar(ranges=(Range(DaySet.RAMADAN, date(2026, 2, 19), date(2026, 3, 20)),))

    def of(day: date) -> list[tuple[int, int]]:
        return [(each.start, each.end) for each in pieces_of((school,), ramadan, day, days=1)]

    assert of(date(2026, 1, 12)) == [(525, 885)]  # a Monday in winter: 8:45 to 14:45
    assert of(date(2026, 1, 16)) == [(525, 750)]  # a Friday: to 12:30
    assert of(date(2026, 2, 23)) == [(510, 780)]  # Ramadan: 8:30 to 13:00
    assert of(date(2026, 2, 27)) == [(510, 750)]
    assert of(date(2026, 6, 1)) == [(480, 540)]  # no season is known: the card's own hours
    assert of(date(2026, 1, 17)) == []  # Saturday
