"""What is told of cards that say the same twice, or of which one wins."""

from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import given
from oracle.calendar import FULL, card_lists, held_at

from parental.calendar.card import Card, Kind
from parental.calendar.conflicts import Sort, conflicts_of
from parental.calendar.day_sets import Calendar, DaySet, Range

MONDAY = date(2026, 8, 3)
SOFT = frozenset({"social"})
SLEEP = Card(Kind.SLEEP, 21 * 60 + 30, 9 * 60, id=1)
EVERY_DAY = tuple(range(7))


def told(*cards: Card) -> list[tuple[Sort, int, int]]:
    found = conflicts_of(cards, MONDAY)
    return [(each.sort, each.first.card.id, each.second.card.id) for each in found if each.first and each.second]


def test_hours_inside_others_change_nothing() -> None:
    homework = Card(Kind.HOMEWORK, 22 * 60, 60, frozenset({1, 3}), allowed=SOFT, id=2)
    (found,) = conflicts_of((SLEEP, homework), MONDAY)

    assert (found.sort, found.day_set, found.weekdays) == (Sort.INSIDE, DaySet.SCHOOL, (1, 3))
    assert found.first is not None
    assert found.first.card is homework


def test_hours_of_the_morning_lie_inside_the_night_before() -> None:
    assert told(SLEEP, Card(Kind.PRAYER, 5 * 60, 30, id=2)) == [(Sort.INSIDE, 2, 1)]


def test_of_a_full_and_a_soft_time_that_share_hours_the_full_one_wins() -> None:
    assert told(SLEEP, Card(Kind.HOMEWORK, 20 * 60, 120, allowed=SOFT, id=2)) == [(Sort.WINS, 2, 1)]


@pytest.mark.parametrize(
    "other",
    [
        Card(Kind.PRAYER, 20 * 60, 120, id=2),  # both full: their union is what was meant
        Card(Kind.PRAYER, 12 * 60, 30, id=2),
        Card(Kind.PRAYER, 22 * 60, 30, day_sets=frozenset({DaySet.RAMADAN}), id=2),
        Card(Kind.PRAYER, 22 * 60, 30, is_on=False, id=2),
    ],
    ids=["union", "apart", "other days", "off"],
)
def test_what_is_not_odd_is_not_told(other: Card) -> None:
    assert told(SLEEP, other) == []


def test_a_full_time_in_a_soft_one_means_something() -> None:
    homework = Card(Kind.HOMEWORK, 16 * 60, 120, allowed=SOFT, id=1)

    assert told(homework, Card(Kind.PRAYER, 17 * 60, 10, id=2)) == []


def test_the_same_hours_twice_are_told_once() -> None:
    assert told(SLEEP, Card(Kind.PRAYER, 21 * 60 + 30, 9 * 60, id=2)) == [(Sort.SAME, 1, 2)]


@pytest.mark.parametrize(("start", "minutes"), [(16 * 60, 120), (16 * 60 + 30, 30), (17 * 60, 120)])
def test_two_soft_times_that_leave_different_things_open_are_told_to_leave_open_what_both_do(
    start: int, minutes: int
) -> None:
    homework = Card(Kind.HOMEWORK, 16 * 60, 120, allowed=SOFT, id=1)

    assert told(homework, Card(Kind.OTHER, start, minutes, label="x", allowed=frozenset({"video"}), id=2)) == [
        (Sort.BOTH, 1, 2)
    ]


def test_times_that_close_every_minute_only_together_are_told_never_to_open() -> None:
    day, night = Card(Kind.SCHOOL, 6 * 60, 14 * 60, id=1), Card(Kind.SLEEP, 19 * 60, 12 * 60, id=2)

    assert Sort.NEVER_OPEN in {each.sort for each in conflicts_of((day, night), MONDAY)}


@given(cards=card_lists)
def test_of_any_cards_it_is_told_that_nothing_opens_only_where_nothing_does(cards: tuple[Card, ...]) -> None:
    never = {each.day_set for each in conflicts_of(cards, MONDAY) if each.sort is Sort.NEVER_OPEN}

    for day_set in never:
        ranges = () if day_set is DaySet.SCHOOL else (Range(day_set, date(2026, 7, 1), None),)
        calendar = Calendar(frozenset(range(7)), ranges)
        walls = (datetime.combine(MONDAY, time()) + timedelta(minutes=30 * n) for n in range(48 * 7))
        assert all(held_at(cards, calendar, wall) == FULL for wall in walls)


def test_days_on_which_nothing_ever_opens_are_told() -> None:
    found = conflicts_of((Card(Kind.SLEEP, 0, 1440, id=1),), MONDAY)

    assert [(each.sort, each.weekdays) for each in found] == [(Sort.NEVER_OPEN, EVERY_DAY)]
