"""Schedule: weekly closed intervals of wall-clock time in one zone, of which some leave a few things open.

An interval is (weekday, start minute, length): it belongs to the day it begins on, may cross midnight and the end of
the week, and may touch or cover others; what counts is their union.  The minute begins at second 0.
An interval that has `allowed` is *soft*: it closes all but these categories and services.  Where a full one covers it,
the full one counts; where two soft ones meet, what both allow is open.

Invariants: no clock in here, every instant is a parameter and carries its zone; `next_change` agrees with `is_closed`
at every second, also where a zone turns its clocks.  Absent on purpose: names of intervals, dates, holidays.
Source: semantics §7.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from parental.store.errors import BadSchedule
from rules.base.category import NUMBERS

DAY_MINUTES = 1440
WEEK_MINUTES = 10080
DAY_S = 86400
EPOCH_MINUTE = 4320  # 1 January 1970 was a Thursday: three days into a week that begins on Monday
FAR_S = 400 * DAY_S  # how far ahead a turn of clocks is looked for: more than a year, so that none is missed
MAX_INTERVALS = 100  # fourteen a day: no one plans finer, and a row of the image stays small
DEFAULT_ZONE = "Asia/Karachi"
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_WORDS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

Ranges = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Interval:
    """Closed for `minutes` (1–10080) from minute `start_minute` (0–1439) of `weekday` (0 = Monday).

    allowed  categories and services (names of rules.base.category) that stay open; None: nothing does, a full lock"""

    weekday: int
    start_minute: int
    minutes: int
    allowed: frozenset[str] | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.weekday < 7:
            raise BadSchedule(f"weekday: {self.weekday} is not a day; not accepted; write 0 (Monday) to 6 (Sunday)")
        if not 0 <= self.start_minute < DAY_MINUTES:
            raise BadSchedule(f"start: minute {self.start_minute} is not within a day; not accepted; write 0 to 1439")
        if not 1 <= self.minutes <= WEEK_MINUTES:
            raise BadSchedule(f"length: {self.minutes} minutes; not accepted; write 1 to {WEEK_MINUTES}")
        for name in sorted((self.allowed or frozenset()) - NUMBERS.keys()):
            raise BadSchedule(f"allowed: {name[:40]!r} is not known; not accepted; write a category or a service")

    def __lt__(self, other: "Interval") -> bool:
        return self._rank < other._rank

    @property
    def _rank(self) -> tuple[int, int, int, bool, list[str]]:
        return self.weekday, self.start_minute, self.minutes, self.allowed is not None, sorted(self.allowed or ())


@dataclass(frozen=True, slots=True)
class Schedule:
    """Any number of closed intervals in one zone."""

    intervals: tuple[Interval, ...] = ()
    zone: str = DEFAULT_ZONE

    def __post_init__(self) -> None:
        if len({(each.weekday, each.start_minute, each.minutes) for each in self.intervals}) < len({*self.intervals}):
            raise BadSchedule("closed: the same hours are written twice; not accepted; write once what stays open then")
        try:
            ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
            raise BadSchedule(f"zone: {self.zone[:40]!r} is unknown; not accepted; write Asia/Karachi") from exc

    def is_closed(self, at: datetime) -> bool:
        """Whether the zone's wall clock is inside a full interval at the instant `at` (aware)."""
        at_s = _unix_s(at)
        return _holds(closed_minutes(self.intervals), at_s + utc_offset_s(self.zone, at_s))

    def allowed_at(self, at: datetime) -> frozenset[str] | None:
        """What the soft intervals at the instant `at` leave open; None: none exists, or a full one covers them."""
        at_s = _unix_s(at)
        return self._left_open(at_s + utc_offset_s(self.zone, at_s))

    def next_change(self, after: datetime) -> datetime | None:
        """The first instant after `after` at which `is_closed` changes, in UTC; None where it never does.

        Cost: a few dozen zone lookups."""
        ranges = closed_minutes(self.intervals)
        starts, ends = {start for start, _ in ranges}, {(start + minutes) % WEEK_MINUTES for start, minutes in ranges}
        return self._next(starts ^ ends, lambda local_s: _holds(ranges, local_s), after)

    def next_edge(self, after: datetime) -> datetime | None:
        """The first instant after `after` at which a full or a soft interval can begin or end, in UTC; None: there is
        none.   What is closed differs at none before it, and need not differ at it."""
        soft, full = soft_minutes(self.intervals), closed_minutes(self.intervals)
        edges = {minute % WEEK_MINUTES for minute in _borders(full) | _borders((start, n) for start, n, _ in soft)}
        return self._next(edges, lambda local_s: (_holds(full, local_s), self._left_open(local_s)), after)

    @property
    def has_soft(self) -> bool:
        """Whether any interval leaves something open."""
        return any(each.allowed is not None for each in self.intervals)

    def _left_open(self, local_s: int) -> frozenset[str] | None:
        minute = _minute_of_week(local_s)
        return next(
            (allowed for start, n, allowed in soft_minutes(self.intervals) if start <= minute < start + n), None
        )

    def _next(self, edges: set[int], held: Callable[[int], object], after: datetime) -> datetime | None:
        """The first of these minutes of the week after `after`, or a turn of the clocks at which `held` differs.

        held   what holds at a second of the wall clock"""
        if not edges:
            return None
        at_s = _unix_s(after)
        offset_s = utc_offset_s(self.zone, at_s)
        local_s = at_s + offset_s
        while True:
            turn = next_turn(self.zone, at_s)
            change_s = _next_edge(edges, at_s + offset_s) - offset_s
            if turn is None or change_s < turn[0]:
                return datetime.fromtimestamp(change_s, UTC)
            at_s, offset_s = turn
            if held(at_s + offset_s) != held(local_s):
                return datetime.fromtimestamp(at_s, UTC)


@lru_cache(maxsize=4096)
def closed_minutes(intervals: tuple[Interval, ...]) -> Ranges:
    """The union of the full ones as (start minute of the week, minutes), sorted, apart, none past the week's end."""
    pieces = sorted(itertools.chain.from_iterable(_pieces(each) for each in intervals if each.allowed is None))
    merged: list[tuple[int, int]] = []
    for start, end in pieces:
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return tuple((start, end - start) for start, end in merged)


@lru_cache(maxsize=4096)
def soft_minutes(intervals: tuple[Interval, ...]) -> tuple[tuple[int, int, frozenset[str]], ...]:
    """What is closed softly, as (start minute of the week, minutes, what stays open), sorted, apart, without what full
    ones cover."""
    soft = [
        (start, end, each.allowed) for each in intervals if each.allowed is not None for start, end in _pieces(each)
    ]
    full = closed_minutes(intervals)
    borders = sorted({minute for start, end, _ in soft for minute in (start, end)} | _borders(full))
    found = []
    for start, end in itertools.pairwise(borders):
        allowed = [names for begin, until, names in soft if begin <= start < until]
        if allowed and not any(begin <= start < begin + n for begin, n in full):
            found.append((start, end - start, frozenset.intersection(*allowed)))
    return tuple(found)


def _borders(ranges: Iterable[tuple[int, int]]) -> set[int]:
    return {minute for start, minutes in ranges for minute in (start, start + minutes)}


def utc_offset_s(zone: str, at_s: int) -> int:
    """Seconds that the zone's wall clock is ahead of UTC at the unix second `at_s`."""
    offset = datetime.fromtimestamp(at_s, ZoneInfo(zone)).utcoffset()
    assert offset is not None
    return int(offset.total_seconds())


def next_turn(zone: str, after_s: int) -> tuple[int, int] | None:
    """The next time the zone turns its clocks: (unix second, offset from then on); None: not within a year.

    Turns less than a day apart are seen as one; no zone of the last fifty years has had such."""
    found = _first_turn(zone, after_s // DAY_S * DAY_S)
    return _first_turn(zone, after_s) if found is not None and found[0] <= after_s else found


@lru_cache(maxsize=1024)
def _first_turn(zone: str, after_s: int) -> tuple[int, int] | None:
    before = utc_offset_s(zone, after_s)
    for low in range(after_s, after_s + FAR_S, DAY_S):
        high = low + DAY_S
        if utc_offset_s(zone, high) != before:
            while high - low > 1:
                middle = (low + high) // 2
                if utc_offset_s(zone, middle) == before:
                    low = middle
                else:
                    high = middle
            return high, utc_offset_s(zone, high)
    return None


def parse_minute(text: str) -> int:
    """'HH:MM' to a minute of the day; '24:00' is 1440.   Raises BadSchedule."""
    hour, colon, minute = text.partition(":")
    is_plain = text.isascii() and len(text) == 5 and colon and hour.isdigit() and minute.isdigit()
    if not is_plain or int(minute) > 59 or int(hour) * 60 + int(minute) > DAY_MINUTES:
        raise BadSchedule(f"time: {text[:20]!r} is not a time of day; not accepted; write HH:MM, 00:00 to 24:00")
    return int(hour) * 60 + int(minute)


def minute_text(minute: int) -> str:
    """A minute of the day (0–1440) as 'HH:MM'."""
    return f"{minute // 60:02d}:{minute % 60:02d}"


def parse_interval(day: str, closed_from: str, closed_to: str) -> Interval:
    """One interval as a person writes it: 'fri', '21:30', '06:30'; an end before the start is on the next day.

    Raises BadSchedule, also for an end that equals the start: that could mean nothing or a whole day."""
    if day not in DAYS:
        raise BadSchedule(f"day: {day[:20]!r} is not a day; not accepted; write one of {', '.join(DAYS)}")
    start, end = parse_minute(closed_from), parse_minute(closed_to)
    if start == DAY_MINUTES:
        raise BadSchedule("from: 24:00 is the end of a day; not accepted; write 00:00 of the next day")
    if start == end:
        raise BadSchedule(f"to: {closed_to} is the start, too; not accepted; write 00:00 to 24:00 for a whole day")
    return Interval(DAYS.index(day), start, (end - start) % DAY_MINUTES or DAY_MINUTES)


def end_text(interval: Interval) -> str:
    """The wall-clock time at which an interval ends."""
    return _end_text(interval.start_minute, interval.minutes)


def sentence(intervals: Iterable[Interval]) -> str:
    """The schedule in one sentence, with the one verb of the house: 'closed from … to …'."""
    days_of: dict[tuple[int, int, frozenset[str] | None], list[int]] = {}
    for each in sorted(set(intervals)):
        days_of.setdefault((each.start_minute, each.minutes, each.allowed), []).append(each.weekday)
    parts = [_part_of_sentence(start, n, days) + _but(allowed) for (start, n, allowed), days in days_of.items()]
    return "; ".join(parts) or "never closed"


def _but(allowed: frozenset[str] | None) -> str:
    return "" if allowed is None else " for all but " + (", ".join(sorted(allowed)) or "help")


def _part_of_sentence(start: int, minutes: int, days: list[int]) -> str:
    end = _end_text(start, minutes)
    n_midnights = (start + minutes - 1) // DAY_MINUTES
    later = "" if n_midnights < 2 else f" {n_midnights} days later"
    when = "every day" if len(days) == 7 else "on " + ", ".join(DAY_WORDS[day] for day in days)
    return f"closed from {minute_text(start)} to {end}{later} {when}"


def _end_text(start: int, minutes: int) -> str:
    return minute_text((start + minutes) % DAY_MINUTES or DAY_MINUTES)


def _pieces(interval: Interval) -> Iterator[tuple[int, int]]:
    """(start, end) minutes of the week; two where the interval crosses the week's end."""
    start = interval.weekday * DAY_MINUTES + interval.start_minute
    end = start + interval.minutes
    yield start, min(end, WEEK_MINUTES)
    if end > WEEK_MINUTES:
        yield 0, end - WEEK_MINUTES


def _unix_s(at: datetime) -> int:
    if at.tzinfo is None:
        raise BadSchedule(f"instant: {at.isoformat()} has no zone; not accepted; give it one")
    return int(at.timestamp() // 1)


def _holds(ranges: Ranges, local_s: int) -> bool:
    """Whether a second of the zone's wall clock (unix seconds plus offset) is closed."""
    minute = _minute_of_week(local_s)
    return any(start <= minute < start + minutes for start, minutes in ranges)


def _minute_of_week(local_s: int) -> int:
    return (local_s // 60 + EPOCH_MINUTE) % WEEK_MINUTES


def _next_edge(edges: Iterable[int], local_s: int) -> int:
    """The next second of a wall clock that never turns at which one of these minutes of the week begins."""
    minute = local_s // 60
    of_week = (minute + EPOCH_MINUTE) % WEEK_MINUTES
    return 60 * (minute + min((edge - of_week - 1) % WEEK_MINUTES + 1 for edge in edges))
