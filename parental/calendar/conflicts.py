"""Conflicts: cards that say the same thing twice, or of which one wins; reported, never refused, as the union always
holds.

Invariants: no clock and no database; what is reported is true of every day that is named; of a card by the sun the
hours are those of the first.
"""

import enum
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from itertools import combinations
from typing import NamedTuple

from parental.calendar.card import Card
from parental.calendar.day_sets import Calendar, DaySet, Range
from parental.calendar.resolution import WEEK_DAYS, CardSpan, closings_on, passed_on, pieces_of
from parental.policy.schedule import DAY_MINUTES


class Sort(enum.StrEnum):
    """What is odd."""

    SAME = "same"  # both have the same hours
    INSIDE = "inside"  # the first lies inside the second, which closes as much or more
    WINS = "wins"  # they share some hours, in which the second closes more
    BOTH = "both"  # they share some hours, in which less is open than either would leave
    NEVER_OPEN = "never_open"  # on days of this kind nothing ever opens
    PASSED = "passed"  # the first closes nothing, as the sun has passed its end; there is no second


class Conflict(NamedTuple):
    """A conflict on days of one kind.   first, second  with their hours, minutes of the day on which they begin"""

    sort: Sort
    day_set: DaySet
    weekdays: tuple[int, ...]
    first: CardSpan | None = None
    second: CardSpan | None = None


def conflicts_of(cards: tuple[Card, ...], today: date, city: str | None = None) -> list[Conflict]:
    """Everything that is odd, kind of days by kind, each once.   today, city  for the hours of packs and of the sun"""
    used = {each for card in cards for each in card.day_sets}
    return [conflict for day_set in DaySet if day_set in used for conflict in _of_set(cards, day_set, today, city)]


def _of_set(cards: tuple[Card, ...], day_set: DaySet, today: date, city: str | None) -> Iterator[Conflict]:
    days = [today + timedelta(days=n) for n in range(WEEK_DAYS)]
    calendar = _only(day_set, today, city)
    found: dict[tuple[Sort, CardSpan | Card, CardSpan | Card | None], Conflict] = {}
    for day in days:
        for sort, first, second in (*_passed(cards, calendar, day), *_pairs(cards, calendar, day)):
            key = (sort, _one_of(first), None if second is None else _one_of(second))
            said = found.get(key) or Conflict(sort, day_set, (), first, second)
            found[key] = said._replace(weekdays=tuple(sorted((*said.weekdays, day.weekday()))))
    yield from found.values()
    pieces = pieces_of(cards, calendar, today)
    if [(p.start, p.end, p.allowed) for p in pieces] == [(0, WEEK_DAYS * DAY_MINUTES, None)]:
        yield Conflict(Sort.NEVER_OPEN, day_set, tuple(range(7)))


def _one_of(closing: CardSpan) -> CardSpan | Card:
    """What is reported once.   By the sun a card has other hours on every day."""
    return closing.card if closing.card.begins or closing.card.ends else closing


def _only(day_set: DaySet, today: date, city: str | None) -> Calendar:
    """Dates of which every one is of this kind."""
    around = Range(day_set, today - timedelta(days=2), today + timedelta(days=30)) if day_set != DaySet.SCHOOL else None
    return Calendar(frozenset(range(7)), () if around is None else (around,), city=city)


def _passed(cards: Iterable[Card], calendar: Calendar, day: date) -> Iterator[tuple[Sort, CardSpan, None]]:
    """Closed times of a date that are invalid."""
    for closing in passed_on(cards, calendar, day):
        yield Sort.PASSED, closing, None


def _pairs(cards: Iterable[Card], calendar: Calendar, day: date) -> Iterator[tuple[Sort, CardSpan, CardSpan]]:
    """What is odd between closed times that begin on a date, or of which one begins on it and runs into the next."""
    cards = tuple(cards)
    today, tomorrow = closings_on(cards, calendar, day), closings_on(cards, calendar, day + timedelta(days=1))
    for one, other in combinations(today, 2):
        yield from _odd(one, other, 0)
    for one in today:
        for other in tomorrow:
            if one.card.id != other.card.id:
                yield from _odd(one, other, DAY_MINUTES)


def _odd(one: CardSpan, other: CardSpan, later: int) -> Iterator[tuple[Sort, CardSpan, CardSpan]]:
    """later  minutes that the other's day begins after the one's"""
    start, end = other.start + later, other.end + later
    if one.end <= start or end <= one.start:
        return
    if (one.start, one.end) == (start, end) and one.card.allowed == other.card.allowed:
        yield Sort.SAME, one, other
    elif one.start <= start and end <= one.end and _closes_as_much(one.card, other.card):
        yield Sort.INSIDE, other, one
    elif start <= one.start and one.end <= end and _closes_as_much(other.card, one.card):
        yield Sort.INSIDE, one, other
    elif not _closes_as_much(one.card, other.card) and not _closes_as_much(other.card, one.card):
        yield Sort.BOTH, one, other
    elif not (one.start <= start and end <= one.end) and not (start <= one.start and one.end <= end):
        if _closes_as_much(one.card, other.card) and not _closes_as_much(other.card, one.card):
            yield Sort.WINS, other, one
        elif _closes_as_much(other.card, one.card) and not _closes_as_much(one.card, other.card):
            yield Sort.WINS, one, other


def _closes_as_much(card: Card, than: Card) -> bool:
    return card.allowed is None or (than.allowed is not None and card.allowed <= than.allowed)
