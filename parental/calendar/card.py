"""Card: one closed time as a family knows it, like an alarm: a name, days, hours, and the kinds of days it is for.

Invariants: a card belongs to the day it begins on, may cross midnight and is never longer than a day; a full card
closes all, a soft one leaves what it allows.
"""

import enum
from dataclasses import dataclass

from parental.calendar.day_sets import DaySet
from parental.calendar.sun import Turn
from parental.policy.schedule import DAY_MINUTES
from parental.store.errors import BadSchedule

MAX_CARDS = 40  # of a profile: ten in each kind of days
MAX_A_DAY = 12  # closed times of one day, so that a week stays below parental.policy.schedule.MAX_INTERVALS
MAX_LABEL = 40
MAX_ALLOWED = 64
EVERY_DAY = frozenset(range(7))


class Kind(enum.StrEnum):
    """What a card is for; its name in both languages is a message."""

    SLEEP = "sleep"
    HOMEWORK = "homework"
    SCHOOL = "school"
    PRAYER = "prayer"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Card:
    """A closed time.

    days          weekdays (0 = Monday) on which it begins;   start_minute, minutes  0–1439, 1–1440
    day_sets      the kinds of days that it is for
    allowed       what stays open; None: nothing
    pack          school hours that come in place of its own where they are known (parental.calendar.packs)
    begins, ends  of days in Ramadan: a time of the sun in place of its own, where the household's city is known
    id            0: not stored yet"""

    kind: Kind
    start_minute: int
    minutes: int
    days: frozenset[int] = EVERY_DAY
    day_sets: frozenset[DaySet] = frozenset({DaySet.SCHOOL})
    label: str = ""
    is_on: bool = True
    allowed: frozenset[str] | None = None
    pack: str | None = None
    begins: Turn | None = None
    ends: Turn | None = None
    id: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.start_minute < DAY_MINUTES or not 1 <= self.minutes <= DAY_MINUTES:
            raise BadSchedule(
                f"card: {self.minutes} minutes from minute {self.start_minute}; not accepted; "
                f"begin within a day and last 1 to {DAY_MINUTES}"
            )
        if not self.days or not self.days <= EVERY_DAY:
            raise BadSchedule("card: no day, or one that a week does not have; not accepted; name days, mon to sun")
        if not self.day_sets:
            raise BadSchedule("card: for no kind of days; not accepted; name one of " + ", ".join(DaySet))
        if len(self.label) > MAX_LABEL or (self.kind is Kind.OTHER) != bool(self.label.strip()):
            raise BadSchedule(
                f"card: a name is what a card of kind other has, and no other kind; not accepted; "
                f"write one of at most {MAX_LABEL} characters there"
            )
        if self.pack is not None and self.kind is not Kind.SCHOOL:
            raise BadSchedule(f"card: {self.kind} has no school hours; not accepted; leave the pack out")
        if (self.begins or self.ends) and (self.pack is not None or self.day_sets != {DaySet.RAMADAN}):
            raise BadSchedule(
                "card: suhoor and iftar are of Ramadan alone, and of no pack; not accepted; "
                "make a card whose only kind of days is ramadan"
            )
        if self.allowed is not None and len(self.allowed) > MAX_ALLOWED:
            raise BadSchedule(f"card: {len(self.allowed)} things stay open; not accepted; name at most {MAX_ALLOWED}")


def check_number(cards: tuple[Card, ...]) -> None:
    """Raises BadSchedule where a profile has too many cards, or too many on one day."""
    if len(cards) > MAX_CARDS:
        raise BadSchedule(f"cards: {len(cards)}; not accepted; a profile has at most {MAX_CARDS}")
    for day_set in DaySet:
        for weekday in range(7):
            n = sum(weekday in card.days and day_set in card.day_sets for card in cards)
            if n > MAX_A_DAY:
                raise BadSchedule(f"cards: {n} on one day; not accepted; a day has at most {MAX_A_DAY}")
