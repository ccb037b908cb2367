"""Whether a change of hours opens anything, so that the PIN is asked.

A day is judged as one of each mix of kinds (school day, holiday, Ramadan, exams), for a first card of a kind takes
those days away from the others.  A school's own hours, and suhoor and iftar, vary with the date: such a card
counts only while it stays as it is.

Invariants: no clock and no database; what closes more, or the same, is never called loosening where one day shows it;
in doubt it is called so.
"""

from collections.abc import Iterable, Iterator
from datetime import date
from itertools import combinations, pairwise

from parental.calendar.card import Card
from parental.calendar.day_sets import ASKED, Calendar, DaySet
from parental.calendar.resolution import Piece, closings_on
from parental.policy.schedule import Interval

WEEKDAYS = range(7)
_OPEN = object()


def cards_loosen(cards: Iterable[Card], week: Iterable[Interval], after: Iterable[Card]) -> bool:
    """Whether `after` closes less than before.   week  the hours that held where there were no cards"""
    cards, week, after = tuple(cards), tuple(week), tuple(after)
    return any(
        _day_loosens(cards, week, after, kinds, weekday) for kinds in _mixes() for weekday in WEEKDAYS
    )  # fmt: skip


def dates_loosen(cards: Iterable[Card], before: Calendar, after: Calendar, days: Iterable[date]) -> bool:
    """Whether other dates close less on any of these days.   Cost: 0.1 ms a day"""
    cards = tuple(cards)
    return any(_opens(_pieces(cards, before, day), _pieces(cards, after, day)) for day in days)


def differ_by_kind(cards: Iterable[Card]) -> bool:
    """Whether it matters of which kinds a date is."""
    cards = tuple(cards)
    used = {each for card in cards for each in card.day_sets}
    return len({tuple(each in card.day_sets for card in cards) for each in (*used, DaySet.SCHOOL)}) > 1


def _day_loosens(
    cards: tuple[Card, ...],
    week: tuple[Interval, ...],
    after: tuple[Card, ...],
    kinds: tuple[DaySet, ...],
    weekday: int,
) -> bool:
    was, becomes = _on(cards, kinds, weekday), _on(after, kinds, weekday)
    if not set(filter(_varies, was)) <= set(filter(_varies, becomes)):
        return True
    before = _own(was) if cards else [_of_week(each) for each in week if each.weekday == weekday]
    return _opens(before, _own(becomes))


def _mixes() -> Iterator[tuple[DaySet, ...]]:
    """Every mix of kinds that a date can be of, in the order in which they are asked for cards."""
    special = tuple(each for each in ASKED if each is not DaySet.SCHOOL)
    for n in range(len(special) + 1):
        for mix in combinations(special, n):
            yield (*mix, DaySet.SCHOOL)


def _on(cards: tuple[Card, ...], kinds: tuple[DaySet, ...], weekday: int) -> list[Card]:
    """The cards that hold on such a day, as parental.calendar.resolution.set_of() chooses."""
    used = {each for card in cards for each in card.day_sets}
    held = next((each for each in kinds if each in used), DaySet.SCHOOL)
    return [card for card in cards if card.is_on and held in card.day_sets and weekday in card.days]


def _varies(card: Card) -> bool:
    return bool(card.pack or card.begins or card.ends)


def _own(cards: Iterable[Card]) -> list[Piece]:
    """The hours of cards that are the same on every date."""
    own = (card for card in cards if not _varies(card))
    return [Piece(card.start_minute, card.start_minute + card.minutes, card.allowed) for card in own]


def _of_week(each: Interval) -> Piece:
    return Piece(each.start_minute, each.start_minute + each.minutes, each.allowed)


def _pieces(cards: tuple[Card, ...], calendar: Calendar, day: date) -> list[Piece]:
    return [Piece(start, end, card.allowed) for card, start, end in closings_on(cards, calendar, day)]


def _opens(before: list[Piece], after: list[Piece]) -> bool:
    edges = sorted({edge for piece in (*before, *after) for edge in (piece.start, piece.end)})
    return any(_is_more_open(_held(after, *span), _held(before, *span)) for span in pairwise(edges))


def _held(pieces: list[Piece], start: int, end: int) -> object:
    """What all pieces over these minutes leave open; None: nothing; _OPEN: there is no piece."""
    over = [piece.allowed for piece in pieces if piece.start <= start and end <= piece.end]
    if not over:
        return _OPEN
    soft = [each for each in over if each is not None]
    return frozenset.intersection(*soft) if len(soft) == len(over) else None


def _is_more_open(one: object, other: object) -> bool:
    if other is _OPEN or one is None:
        return False
    if one is _OPEN or other is None:
        return True
    assert isinstance(one, frozenset)
    assert isinstance(other, frozenset)
    return not one <= other
