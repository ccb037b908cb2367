"""Resolution: a household's cards and dates become the one week that the data plane holds.

    cards, dates, day ─→ closings of seven days from there ─→ intervals by weekday, each once, none covering another

Seven days are exact.  After them, where no one resolves again, the week repeats the last of each weekday: what is
closed stays closed.  Of the kinds that a date is of, the first that has cards holds; one without cards is as if the
date were not of it, so that a kind that no one has thought of opens nothing.

Invariants: no clock and no database; the union of the closings holds, full before soft, and of two soft ones what both
allow; a card that begins on the day before counts until it ends; by the sun a card ends the first time that its end
comes after its beginning, as it is read.
Source: semantics §7.
"""

import itertools
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import NamedTuple

from parental.calendar.card import Card
from parental.calendar.day_sets import Calendar, DaySet
from parental.calendar.packs import hours_of
from parental.calendar.sun import Turn, minute_of
from parental.policy.schedule import DAY_MINUTES, MAX_INTERVALS, WEEK_MINUTES, Interval

WEEK_DAYS = 7
PASSED = 120  # minutes between the earliest and the latest iftar, or suhoor, of a year, with room
Allowed = frozenset[str] | None


class CardSpan(NamedTuple):
    """A card on a date.   start, end  minutes from that date's 00:00 by the wall clock; the end can be past 1440"""

    card: Card
    start: int
    end: int


class Piece(NamedTuple):
    """Minutes in which one thing holds.   allowed  what stays open; None: nothing"""

    start: int
    end: int
    allowed: Allowed


def set_of(cards: Iterable[Card], calendar: Calendar, day: date) -> DaySet:
    """The kind of days that holds on a date: the first of its kinds that has cards."""
    used = {each for card in cards for each in card.day_sets}
    return next((each for each in calendar.sets_of(day) if each in used), DaySet.SCHOOL)


def closings_on(cards: Iterable[Card], calendar: Calendar, day: date) -> list[CardSpan]:
    """The closed times that begin on a date, by their starts."""
    found = (each for each in _all_on(cards, calendar, day) if each.start < each.end)
    return sorted(found, key=lambda each: (each.start, each.end, each.card.id))


def passed_on(cards: Iterable[Card], calendar: Calendar, day: date) -> list[CardSpan]:
    """Those of a date that close nothing on it, as the sun has passed their end."""
    return [each for each in _all_on(cards, calendar, day) if each.start >= each.end]


def pieces_of(cards: Iterable[Card], calendar: Calendar, first: date, days: int = WEEK_DAYS) -> list[Piece]:
    """What is closed in `days` days from 00:00 of `first`, in minutes of a wall clock that never turns.

    Sorted and apart; none goes past the end, and what the day before left over is in it."""
    cards = tuple(cards)
    spans: list[Piece] = []
    for at in range(-1, days):
        for card, start, end in closings_on(cards, calendar, first + timedelta(days=at)):
            begins, ends = max(0, start + at * DAY_MINUTES), min(end + at * DAY_MINUTES, days * DAY_MINUTES)
            if begins < ends:
                spans.append(Piece(begins, ends, card.allowed))
    return list(_merged(_split(spans)))


def week_of(cards: Iterable[Card], calendar: Calendar, today: date) -> tuple[Interval, ...]:
    """The week that holds from `today` on; at most MAX_INTERVALS, for which soft times become full where they must."""
    pieces = pieces_of(cards, calendar, today)
    if len(pieces) > MAX_INTERVALS:
        pieces = list(_merged(piece._replace(allowed=None) for piece in pieces))
    first = today.weekday() * DAY_MINUTES
    return tuple(sorted(_interval(piece) for piece in _around(pieces, first)))


def _all_on(cards: Iterable[Card], calendar: Calendar, day: date) -> Iterator[CardSpan]:
    """What is for a date.   A closing without minutes is one whose end the sun has passed."""
    cards = tuple(cards)
    held = set_of(cards, calendar, day)
    for card in cards:
        if card.is_on and held in card.day_sets and day.weekday() in card.days:
            yield CardSpan(card, *_hours(card, day, held, calendar.city))


def _hours(card: Card, day: date, held: DaySet, city: str | None) -> tuple[int, int]:
    """When a card begins and ends: by its pack or the sun, where they are known."""
    known = None if card.pack is None else hours_of(card.pack, day, held is DaySet.RAMADAN)
    start, end = known or (card.start_minute, card.start_minute + card.minutes)
    begins, ends = (_by_sun(turn, city, day) for turn in (card.begins, card.ends))
    if begins is None and ends is None:
        return start, end
    start, end = start if begins is None else begins, end % DAY_MINUTES if ends is None else ends
    if start < end:
        return start, end
    if None in (begins, ends) and start - end <= PASSED:
        return start, start  # from iftar to a time that iftar has passed is no whole day
    end = _by_sun(card.ends, city, day + timedelta(days=1)) or end
    return start, min(end, start) + DAY_MINUTES


def _by_sun(turn: Turn | None, city: str | None, day: date) -> int | None:
    return None if turn is None or city is None else minute_of(turn, city, day)


def _split(spans: list[Piece]) -> Iterator[Piece]:
    """The same minutes, cut at every edge, each with what all that cover it allow."""
    edges = sorted({edge for span in spans for edge in (span.start, span.end)})
    for start, end in itertools.pairwise(edges):
        over = [span.allowed for span in spans if span.start <= start and end <= span.end]
        if over:
            yield Piece(start, end, _both(over))


def _both(allowed: list[Allowed]) -> Allowed:
    """What several locks at once leave open."""
    soft = [each for each in allowed if each is not None]
    return frozenset.intersection(*soft) if len(soft) == len(allowed) else None


def _merged(pieces: Iterable[Piece]) -> Iterator[Piece]:
    last: Piece | None = None
    for piece in pieces:
        if last is not None and (last.end, last.allowed) == (piece.start, piece.allowed):
            last = last._replace(end=piece.end)
            continue
        if last is not None:
            yield last
        last = piece
    if last is not None:
        yield last


def _around(pieces: Iterable[Piece], first: int) -> list[Piece]:
    """The pieces of a week that begins at minute `first`, as of one that has no beginning: the same whichever day it is
    made on, so that a week that has not changed is not written again."""
    turned = (Piece((each.start + first) % WEEK_MINUTES, each.end - each.start, each.allowed) for each in pieces)
    of_week = []
    for start, minutes, allowed in turned:
        end = min(start + minutes, WEEK_MINUTES)
        of_week.append(Piece(start, end, allowed))
        if start + minutes > WEEK_MINUTES:
            of_week.append(Piece(0, start + minutes - WEEK_MINUTES, allowed))
    found = list(_merged(sorted(of_week, key=lambda piece: piece.start)))
    if len(found) > 1 and (found[0].start, found[-1].end, found[0].allowed) == (0, WEEK_MINUTES, found[-1].allowed):
        found[-1] = found[-1]._replace(end=WEEK_MINUTES + found[0].end)
        del found[0]
    return found


def _interval(piece: Piece) -> Interval:
    weekday, minute = divmod(piece.start, DAY_MINUTES)
    return Interval(weekday, minute, piece.end - piece.start, piece.allowed)
