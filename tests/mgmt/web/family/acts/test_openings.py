from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta

import pytest

from mgmt.web.family.acts.openings import cards_loosen, dates_loosen, differ_by_kind
from parental.calendar.card import Card, Kind
from parental.calendar.day_sets import Calendar, DaySet, Range
from parental.calendar.sun import Turn
from parental.policy.schedule import Interval, parse_interval

EVERY = frozenset(DaySet)
SLEEP = Card(Kind.SLEEP, 21 * 60 + 30, 540, day_sets=EVERY, id=1)
HOMEWORK = Card(Kind.HOMEWORK, 17 * 60, 90, day_sets=EVERY, allowed=frozenset({"education"}), id=2)
SCHOOL = Card(Kind.SCHOOL, 8 * 60, 300, frozenset(range(5)), EVERY, pack="pk-pb/single-boys", id=3)


def opens(before: Iterable[Card], after: Iterable[Card], week: tuple[Interval, ...] = ()) -> bool:
    return cards_loosen(before, week, after)


@pytest.mark.parametrize(
    "after",
    [
        (SLEEP, HOMEWORK),
        (replace(SLEEP, start_minute=21 * 60, minutes=570),),
        (replace(SLEEP, minutes=600),),
        (SLEEP, SCHOOL),
        (replace(SLEEP, is_on=True),),
        (replace(SLEEP, id=9),),
    ],
)
def test_what_closes_as_much_or_more_is_no_loosening(after: tuple[Card, ...]) -> None:
    assert not opens([SLEEP], after)


@pytest.mark.parametrize(
    "after",
    [
        (),
        (replace(SLEEP, minutes=535),),
        (replace(SLEEP, start_minute=21 * 60 + 35, minutes=535),),
        (replace(SLEEP, is_on=False),),
        (replace(SLEEP, days=frozenset(range(6))),),
        (replace(SLEEP, day_sets=EVERY - {DaySet.RAMADAN}), replace(HOMEWORK, day_sets=frozenset({DaySet.RAMADAN}))),
        (replace(SLEEP, allowed=frozenset({"education"})),),
    ],
)
def test_what_closes_less_on_any_day_is_loosening(after: tuple[Card, ...]) -> None:
    assert opens([SLEEP], after)


def test_the_first_card_of_a_kind_of_days_takes_those_days_away_from_the_others() -> None:
    usual = replace(SLEEP, day_sets=frozenset({DaySet.SCHOOL}))
    late = Card(Kind.SLEEP, 23 * 60, 300, day_sets=frozenset({DaySet.RAMADAN}), id=4)

    assert opens([usual], [usual, late])
    assert not opens([usual, late], [usual, late, replace(late, id=5, start_minute=60)])


def test_a_soft_time_that_leaves_more_open_is_loosening_and_one_that_becomes_full_is_not() -> None:
    assert opens([HOMEWORK], [replace(HOMEWORK, allowed=frozenset({"education", "video"}))])
    assert not opens([HOMEWORK], [replace(HOMEWORK, allowed=None)])
    assert not opens([HOMEWORK], [replace(HOMEWORK, allowed=frozenset())])


def test_a_schools_hours_count_as_closed_only_while_the_same_card_stays() -> None:
    assert not opens([SCHOOL], [SCHOOL, SLEEP])
    assert opens([SCHOOL], [replace(SCHOOL, minutes=600)])
    assert opens([SCHOOL], [SLEEP])


def test_suhoor_and_iftar_count_as_closed_only_while_the_same_card_stays() -> None:
    sets = frozenset({DaySet.RAMADAN})
    iftar = Card(Kind.PRAYER, 18 * 60, 60, day_sets=sets, begins=Turn.IFTAR, id=4)
    over = Card(Kind.OTHER, 17 * 60, 180, day_sets=sets, label="over", id=5)

    assert not opens([iftar], [iftar, over])
    assert opens([iftar, over], [over])
    assert opens([iftar], [replace(iftar, minutes=90)])


def test_hours_that_were_set_without_cards_are_loosened_by_a_first_card_that_closes_less() -> None:
    week = tuple(parse_interval(day, "21:00", "07:00") for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun"))

    assert opens([], [SLEEP], week)
    assert not opens([], [replace(SLEEP, start_minute=21 * 60, minutes=600)], week)
    assert not opens([], [SLEEP])


def test_other_dates_loosen_where_a_day_of_them_closes_less() -> None:
    today = date(2026, 8, 3)
    days = [today + timedelta(days=n) for n in range(60)]
    cards = (SLEEP, replace(HOMEWORK, day_sets=EVERY - {DaySet.HOLIDAYS}))
    week_off = Calendar(ranges=(Range(DaySet.HOLIDAYS, today, today + timedelta(days=6)),))

    assert dates_loosen(cards, Calendar(), week_off, days)
    assert not dates_loosen(cards, week_off, Calendar(), days)
    assert not dates_loosen((SLEEP,), Calendar(), week_off, days)


@pytest.mark.parametrize(
    ("kinds", "differ"),
    [
        ([], False),
        ([{DaySet.SCHOOL}], False),
        ([EVERY, EVERY], False),
        ([{DaySet.SCHOOL, DaySet.HOLIDAYS}], False),
        ([{DaySet.RAMADAN}], True),
        ([{DaySet.SCHOOL}, {DaySet.RAMADAN}], True),
        ([EVERY, {DaySet.SCHOOL}], True),
    ],
)
def test_kinds_of_days_matter_where_two_of_them_have_other_cards(kinds: list[set[DaySet]], differ: bool) -> None:
    assert differ_by_kind(replace(SLEEP, day_sets=frozenset(each)) for each in kinds) == differ
