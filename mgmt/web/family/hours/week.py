"""A family's week as a picture: a bar for each day, from midnight to midnight, and the same in words.

Invariants: no colour alone says what is closed: what is closed is tall, what is closed in part is half as tall; what
begins on one day and ends on the next is drawn on both, and said once, where it begins.
"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import NamedTuple

from markupsafe import Markup

from mgmt.text.language import Language
from mgmt.web.family.times import card_words, hours_words
from parental.calendar.card import Card
from parental.calendar.day_sets import Calendar, DaySet
from parental.calendar.state import Day, Hours, preview
from parental.policy.profile import Profile
from parental.policy.schedule import DAY_MINUTES


class Bar(NamedTuple):
    """A closed time on a day.   start, minutes  from its midnight;   is_soft  some sites stay open"""

    start: int
    minutes: int
    is_soft: bool


class Row(NamedTuple):
    """A day.   kind  of days; None: a usual one;   words  what begins on it"""

    name: Markup
    kind: Markup | None
    bars: tuple[Bar, ...]
    words: tuple[Markup, ...]


def week_of(profile: Profile, cards: tuple[Card, ...], calendar: Calendar, today: date, t: Language) -> list[Row]:
    """Seven days from today.   Cost: some ms"""
    yesterday = preview(profile, cards, calendar, today - timedelta(days=1))[:1]
    days = yesterday + preview(profile, cards, calendar, today)
    return [_row(before, day, t) for before, day in pairwise(days)]


def _row(before: Day, day: Day, t: Language) -> Row:
    kind = None if day.day_set is DaySet.SCHOOL else t.say(f"time.days.{day.day_set}")
    words = tuple(_words(each, t) for each in day.hours)
    return Row(t.weekday(day.day.weekday()), kind, tuple(_bars(before.hours, day.hours)), words)


def _bars(before: Sequence[Hours], hours: Sequence[Hours]) -> Iterator[Bar]:
    """Soft ones first: what is closed as a whole is drawn over them."""
    spans = [(each.start - DAY_MINUTES, each.end - DAY_MINUTES, each.allowed) for each in before]
    spans += [(each.start, each.end, each.allowed) for each in hours]
    for start, end, allowed in sorted(spans, key=lambda span: span[2] is None):
        first, last = max(0, start), min(end, DAY_MINUTES)
        if first < last:
            yield Bar(first, last - first, allowed is not None)


def _words(hours: Hours, t: Language) -> Markup:
    said = hours_words(hours.start, hours.end, t)
    return said if hours.card is None else Markup("{} {}").format(card_words(hours.card, t), said)
