"""The month: changes with their times, played one after the other as if each had come at its own.

Invariants: changes come from functions that life calls, too, each with its time as an argument; a change is one
transaction; none lies after the end, which is the moment of filling.
"""

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine

from parental.store.database import writing

N_DAYS = 30
OFFICE_HOURS = (9, 16)  # the first hour of work, and the last


class Change(NamedTuple):
    """What is done at an instant (aware)."""

    at: datetime
    make: Callable[[Connection, datetime], None]


@dataclass(frozen=True, slots=True)
class Month:
    """The days before `end`.

    end    when the laboratory is filled (aware);   zone  of the provider
    draw   chances of one seed: the same number gives the same month"""

    end: datetime
    zone: ZoneInfo
    draw: random.Random = field(repr=False)

    @property
    def begin(self) -> datetime:
        return self._midnight(0)

    def day(self, number: int) -> date:
        """A day by its number from 0, the oldest, to N_DAYS, today."""
        return self.end.astimezone(self.zone).date() - timedelta(days=N_DAYS - number)

    def at(self, number: int, hour: int) -> datetime:
        """A moment in an hour of a day, by chance; where today has not come so far, one of today."""
        second = self.draw.randrange(3600)
        moment = self._midnight(number) + timedelta(hours=hour, seconds=second)
        if moment > self.end:
            moment = self._midnight(number) + (self.end - self._midnight(number)) * (second / 3600)
        return moment

    def in_office(self, number: int) -> datetime:
        """A moment of the working hours of a day, by chance."""
        return self.at(number, self.draw.randint(*OFFICE_HOURS))

    def close_of(self, number: int) -> datetime:
        """The end of a day, or of the month."""
        return min(self._midnight(number + 1), self.end)

    def _midnight(self, number: int) -> datetime:
        return datetime.combine(self.day(number), time(0), self.zone)


def play(engine: Engine, changes: Iterable[Change]) -> int:
    """Make the changes in the order of their times; returns how many there were."""
    ordered = sorted(changes, key=lambda change: change.at)
    for change in ordered:
        with writing(engine) as conn:
            change.make(conn, change.at)
    return len(ordered)
