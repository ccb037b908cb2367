"""Cards and dates as the database keeps them."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import Connection, select

from parental.calendar import plans
from parental.calendar.card import Card, Kind
from parental.calendar.day_sets import MAX_RANGES, Calendar, DaySet, Range
from parental.calendar.sun import Turn
from parental.store.errors import BadSchedule, NoPerson
from parental.store.schema.lines import profiles

MONDAY = date(2026, 8, 3)
SLEEP = Card(Kind.SLEEP, 21 * 60 + 30, 9 * 60)


def test_a_card_and_dates_come_back_as_they_were_given(household: Connection) -> None:
    card = Card(
        Kind.OTHER,
        900,
        60,
        frozenset({0, 6}),
        frozenset({DaySet.EXAMS, DaySet.SCHOOL}),
        "کرکٹ",
        False,
        frozenset({"video"}),
    )
    by_sun = Card(Kind.SLEEP, 1380, 360, day_sets=frozenset({DaySet.RAMADAN}), begins=Turn.IFTAR, ends=Turn.SUHOOR)
    kept, other = plans.put_card(household, 7, card), plans.put_card(household, 8, by_sun)
    calendar = Calendar(frozenset({0, 5}), (Range(DaySet.EXAMS, MONDAY, None),), shift_days=-1, city="quetta")
    plans.put_calendar(household, 7, calendar, follows_announced=False)

    assert plans.cards_of(household, [7, 8]) == {7: (kept,), 8: (other,)}
    assert kept == Card(**{name: getattr(card, name) for name in card.__slots__} | {"id": kept.id})
    assert (other.begins, other.ends) == (Turn.IFTAR, Turn.SUHOOR)
    assert plans.calendar_of(household, 7) == calendar
    assert (plans.follows_announced(household, 7), plans.follows_announced(household, 8)) == (False, True)


def test_the_operators_dates_are_replaced_whole_and_are_few(household: Connection) -> None:
    plans.announce(household, [Range(DaySet.RAMADAN, MONDAY, MONDAY)])
    plans.announce(household, [Range(DaySet.HOLIDAYS, MONDAY, MONDAY)] * 2)
    assert plans.announced_of(household) == (Range(DaySet.HOLIDAYS, MONDAY, MONDAY),)

    many = [Range(DaySet.HOLIDAYS, MONDAY + timedelta(days=n), None) for n in range(MAX_RANGES + 1)]
    with pytest.raises(BadSchedule, match="at most"):
        plans.announce(household, many)


def test_a_card_is_of_one_profile(household: Connection) -> None:
    card = plans.put_card(household, 7, SLEEP)

    with pytest.raises(NoPerson):
        plans.remove_card(household, 8, card.id)
    with pytest.raises(NoPerson):
        plans.put_card(household, 8, card)
    assert plans.put_card(household, 7, card) == card
    assert plans.cards_of(household, [7, 8]) == {7: (card,)}


def test_more_cards_than_a_day_or_a_profile_has_are_refused(household: Connection) -> None:
    for start in range(12):
        plans.put_card(household, 7, Card(Kind.PRAYER, start * 60, 10))
    with pytest.raises(BadSchedule, match="at most 12"):
        plans.put_card(household, 7, Card(Kind.PRAYER, 800, 10))


def revision_of(conn: Connection, profile: int) -> int:
    return int(conn.execute(select(profiles.c.revision).where(profiles.c.id == profile)).scalar_one())


def test_what_leaves_the_week_as_it_is_counts_as_a_change_of_the_profile_all_the_same(household: Connection) -> None:
    seen = [revision_of(household, 7)]

    card = plans.put_card(household, 7, replace(SLEEP, is_on=False))
    seen.append(revision_of(household, 7))
    plans.put_card(household, 7, replace(card, minutes=60))
    seen.append(revision_of(household, 7))
    plans.put_calendar(household, 7, Calendar(ranges=(Range(DaySet.EXAMS, date(2030, 8, 3), None),)), True)
    seen.append(revision_of(household, 7))
    plans.remove_card(household, 7, card.id)
    seen.append(revision_of(household, 7))

    assert seen == sorted(set(seen))


def test_a_pack_that_is_not_known_is_refused(household: Connection) -> None:
    with pytest.raises(BadSchedule, match="pack"):
        plans.put_card(household, 7, Card(Kind.SCHOOL, 480, 60, pack="pk-pb/night"))
