"""Day sets: which kind of day a date is for a household, so that each kind has hours of its own.

A date can be of several kinds, exams in Ramadan say; they are given in the order in which they are asked for cards
(parental.calendar.resolution).

Invariants: no clock and no database; a school day is what is left, so that every date has a kind; the moon is sighted,
so Ramadan is dates that a person or the operator gives, and no date is computed.
Source: semantics §7.
"""

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from parental.store.errors import BadSchedule

MAX_DAYS = 400  # of one range: longer than a school year
MAX_RANGES = 60  # of a household: every holiday of two years
MOST_SHIFT = 1  # days by which the moon is sighted earlier or later than announced


class DaySet(enum.StrEnum):
    """A kind of day."""

    SCHOOL = "school"
    HOLIDAYS = "holidays"
    RAMADAN = "ramadan"
    EXAMS = "exams"


ASKED = (DaySet.EXAMS, DaySet.RAMADAN, DaySet.HOLIDAYS, DaySet.SCHOOL)  # in this order


@dataclass(frozen=True, slots=True, order=True)
class Range:
    """Dates of one kind, both ends included.   last  None: until it is ended"""

    day_set: DaySet
    first: date
    last: date | None

    def __post_init__(self) -> None:
        if self.day_set is DaySet.SCHOOL:
            raise BadSchedule("dates: school days are what is left; not accepted; write holidays, ramadan or exams")
        if self.last is not None and not 0 <= (self.last - self.first).days < MAX_DAYS:
            raise BadSchedule(
                f"dates: {self.first} to {self.last}; not accepted; end it after its start, within {MAX_DAYS} days"
            )

    def holds(self, day: date) -> bool:
        """Whether a date is in it."""
        return self.first <= day and (self.last is None or day <= self.last)


@dataclass(frozen=True, slots=True)
class Calendar:
    """A household's dates.

    school_days  weekdays (0 = Monday) with school;   ranges  its own dates
    announced    the operator's dates, where the household follows them
    shift_days   by which its Ramadan is later than announced, −1 to 1
    city         whose suhoor and iftar hold (parental.calendar.sun); None: not said"""

    school_days: frozenset[int] = frozenset(range(5))
    ranges: tuple[Range, ...] = ()
    announced: tuple[Range, ...] = ()
    shift_days: int = 0
    city: str | None = None

    def __post_init__(self) -> None:
        if not self.school_days <= set(range(7)):
            raise BadSchedule("school_days: a day is not one of a week; not accepted; write mon to sun")
        if abs(self.shift_days) > MOST_SHIFT:
            raise BadSchedule(f"shift_days: {self.shift_days}; not accepted; write -1, 0 or 1")
        if len(self.ranges) > MAX_RANGES:
            raise BadSchedule(f"dates: {len(self.ranges)} ranges; not accepted; write at most {MAX_RANGES}")

    def sets_of(self, day: date) -> tuple[DaySet, ...]:
        """The kinds that a date is of, in the order of ASKED; a school day is always the last."""
        held = {each.day_set for each in self.ranges if each.holds(day)}
        held |= {each.day_set for each in self.announced if each.holds(self._announced_day(each, day))}
        held.add(DaySet.SCHOOL)
        if day.weekday() not in self.school_days:
            held.add(DaySet.HOLIDAYS)
        return tuple(each for each in ASKED if each in held)

    def _announced_day(self, found: Range, day: date) -> date:
        return day - timedelta(days=self.shift_days) if found.day_set is DaySet.RAMADAN else day


def own_first(ranges: Iterable[Range]) -> tuple[Range, ...]:
    """Ranges without doubles, in the order of their dates."""
    return tuple(sorted(set(ranges), key=lambda each: (each.first, each.day_set, each.last or date.max)))
