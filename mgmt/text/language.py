"""A language as pages use it: its messages, and how it writes times, dates, spans and lists.

Invariants: every value is escaped; a number, a time and a date stand in a <bdi> that no line breaks; digits are Western
ones, as CLDR has them for Urdu; times are of a clock of twelve hours with the time of day in words (رات 9:00).
Source: Unicode CLDR through Babel; the texts of mgmt.text.catalogue.
"""

import functools
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta

from babel import Locale
from babel.dates import format_date, format_time
from babel.units import format_unit
from markupsafe import Markup, escape

from mgmt.text.accept import LANGUAGES
from mgmt.text.catalogue import catalogue
from mgmt.text.direction import escape_message, isolate, isolate_message, ltr
from mgmt.text.slots import SLOTS

PART = Markup('<span lang="{}" dir="{}">{}</span>')  # of another language
KEPT = Markup("<bdi>{}</bdi>")
DAY = timedelta(days=1)
CLEAR = timedelta(hours=18)  # in which a time of tomorrow is not taken for one of today: 6:30 am, said in the evening


class Language:
    """code  of SLOTS;   direction  'ltr' or 'rtl'"""

    def __init__(self, code: str) -> None:
        self.code = code
        self._slot = SLOTS[code]
        self._locale = Locale.parse(self._slot.locale)
        self.direction = self._locale.text_direction
        texts = {name: text for name, text in catalogue(code).texts.items() if text}
        prepare = isolate_message if self.direction == "rtl" else escape_message
        own = {name: prepare(text) for name, text in texts.items()}
        instead = {} if self._slot.instead is None else _parts_of(self._slot.instead)
        self._messages: Mapping[str, Markup] = instead | own

    def say(self, message: str, **values: object) -> Markup:
        """A message with its values; what is no Markup is escaped, and isolated where it runs the other way.

        Raises KeyError for a message or a value that is missing: a bug."""
        text = self._messages[message]
        if not values and "{" not in text:
            return text
        return text.format(**{name: self.plain(value) for name, value in values.items()})

    @property
    def messages(self) -> Mapping[str, Markup]:
        """By their names, with their places."""
        return self._messages

    def has(self, message: str) -> bool:
        return message in self._messages

    def plain(self, value: object) -> Markup:
        """Someone's own words as part of a text."""
        if isinstance(value, Markup):
            return value
        return isolate(str(value)) if self.direction == "rtl" else escape(str(value))

    def pick(self, english: str, urdu: str | None) -> Markup:
        """Of words that the configuration has in two languages, these; English ones where there are no others."""
        return self.plain(urdu if "ur" in (self.code, self._slot.instead) and urdu else english)

    def listed(self, items: Sequence[Markup]) -> Markup:
        """'a, b or c'"""
        if len(items) < 2:
            return Markup("").join(items)
        between, last = self._messages["list.between"], self._messages["list.last"]
        return between.join(items[:-1]) + last + items[-1]

    def clock(self, at: time | datetime, *, seconds: bool = False) -> Markup:
        """'9:00 pm', رات 9:00   at  local time"""
        return self._kept(format_time(at, self._slot.clock[seconds], locale=self._locale))

    def date(self, day: date) -> Markup:
        """'Tuesday, 4 August 2026'"""
        return self._kept(format_date(day, "full", locale=self._locale))

    def weekday(self, monday_is_0: int) -> Markup:
        return self._kept(self._locale.days["stand-alone"]["wide"][monday_is_0])

    def moment(self, now: datetime, at: datetime) -> Markup:
        """A time; with its weekday where it is of another date and not clearly ahead, with its date from a week on.

        Both local."""
        if at.date() == now.date() or timedelta() < at - now < CLEAR:
            return self.clock(at)
        day = self.weekday(at.weekday()) if abs(at - now) < 7 * DAY else self.date(at.date())
        return Markup("{} {}").format(day, self.clock(at))

    def span(self, length: timedelta) -> Markup:
        """'9 hours 30 minutes'; rounded up to the minute, from a day on to the hour."""
        minutes = max(-int(-length.total_seconds() // 60), 0)
        hours, rest = divmod(minutes, 60)
        days, of_day = divmod(hours, 24)
        parts = [(days, "day"), (of_day, "hour"), (0 if days else rest, "minute")]
        said = [(n, unit) for n, unit in parts if n] or [(0, "minute")]
        units = (format_unit(n, f"duration-{unit}", "long", locale=self._locale) for n, unit in said)
        return Markup(" ").join(map(self._kept, units))

    def _kept(self, text: str) -> Markup:
        return ltr(text) if self.direction == "ltr" else KEPT.format(isolate(text))


@functools.cache
def language(code: str) -> Language:
    """One of SLOTS."""
    return Language(code)


def languages(first: str, among: Sequence[str] = LANGUAGES) -> tuple[Language, ...]:
    """All of them, one first."""
    return tuple(map(language, (first, *(code for code in among if code != first))))


def _parts_of(code: str) -> dict[str, Markup]:
    """The messages of a language as parts of pages in another."""
    t = language(code)
    return {name: Markup(PART.format(code, t.direction, text)) for name, text in t.messages.items()}
