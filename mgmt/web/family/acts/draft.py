"""A card as the form has it before it is saved: filled with usual hours, changed in steps of minutes.

Invariants: any form is read without a fault; what makes no card is named in a sentence, and nothing is stored.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from mgmt.web.family.acts.hour_edits import mark_of_card
from mgmt.web.family.frame import number_of
from parental.calendar.card import EVERY_DAY, MAX_LABEL, Card, Kind
from parental.calendar.day_sets import DaySet
from parental.calendar.packs import find_school
from parental.calendar.sun import Turn
from parental.policy.schedule import DAY_MINUTES
from parental.policy.subscriber import is_one_line
from parental.store.errors import BadSchedule

STEPS = (-30, -5, 5, 30)  # minutes of one press
EDGES = ("start", "end")
EVERY_SET = frozenset(DaySet)
WITHOUT_HOLIDAYS = EVERY_SET - {DaySet.HOLIDAYS}
LEARNING = frozenset({"education"})  # what stays open in homework time
SOFT_KINDS = (Kind.HOMEWORK,)  # that can leave learning open


class Unfit(Exception):
    """A form that makes no card.   message  of the catalogue"""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True)
class Draft:
    """What the form shows.

    start, end    minutes of the day;   is_soft  learning stays open;   id  0: a new card
    begins, ends  times of the sun in their place, of Ramadan alone
    seen          the mark of the card that it was made of; '': a new one"""

    kind: Kind
    start: int
    end: int
    days: frozenset[int] = EVERY_DAY
    day_sets: frozenset[DaySet] = EVERY_SET
    label: str = ""
    is_on: bool = True
    is_soft: bool = False
    pack: str = ""
    begins: Turn | None = None
    ends: Turn | None = None
    id: int = 0
    seen: str = ""

    @property
    def can_follow_the_sun(self) -> bool:
        return self.kind is not Kind.SCHOOL

    @property
    def minutes(self) -> int:
        """How long it is closed; of the same start and end a whole day."""
        return (self.end - self.start) % DAY_MINUTES or DAY_MINUTES

    @property
    def can_be_soft(self) -> bool:
        return self.kind in SOFT_KINDS

    def stepped(self, step: str) -> "Draft":
        """One press further: 'start+5', 'end-30'; the same for anything else."""
        for edge in EDGES:
            for minutes in STEPS:
                if step == f"{edge}{minutes:+d}":
                    return replace(self, **{edge: (getattr(self, edge) + minutes) % DAY_MINUTES})
        return self

    def card(self, before: Card | None = None) -> Card:
        """The card that it makes.   before  which it takes the place of.   Raises Unfit"""
        if not self.days:
            raise Unfit("family.hours.no.day")
        if not self.day_sets:
            raise Unfit("family.hours.no.kind")
        if self.kind is Kind.OTHER and not is_one_line(self.label):
            raise Unfit("family.hours.no.name")
        if (self.begins or self.ends) and self.day_sets != {DaySet.RAMADAN}:
            raise Unfit("family.hours.sun.alone")
        said: dict[str, Any] = {
            "kind": self.kind,
            "start_minute": self.start,
            "minutes": self.minutes,
            "days": self.days,
            "day_sets": self.day_sets,
            "label": self.label if self.kind is Kind.OTHER else "",
            "is_on": self.is_on,
            "allowed": self._allowed(before),
            "pack": self.pack or None,
            "begins": self.begins,
            "ends": self.ends,
            "id": self.id,
        }
        return Card(**said) if before is None else replace(before, **said)

    def _allowed(self, before: Card | None) -> frozenset[str] | None:
        if not self.can_be_soft:
            return None if before is None else before.allowed
        if not self.is_soft:
            return None
        return LEARNING if before is None or before.allowed is None else before.allowed


USUAL: Mapping[Kind, Draft] = {
    Kind.SLEEP: Draft(Kind.SLEEP, 21 * 60 + 30, 6 * 60 + 30),
    Kind.HOMEWORK: Draft(Kind.HOMEWORK, 17 * 60, 18 * 60 + 30, day_sets=WITHOUT_HOLIDAYS, is_soft=True),
    Kind.SCHOOL: Draft(Kind.SCHOOL, 8 * 60, 13 * 60 + 30, frozenset(range(5)), WITHOUT_HOLIDAYS),
    Kind.PRAYER: Draft(Kind.PRAYER, 19 * 60, 19 * 60 + 45),
    Kind.OTHER: Draft(Kind.OTHER, 16 * 60, 17 * 60),
}


def draft_of_card(card: Card) -> Draft:
    """The form of a card that is stored."""
    return Draft(
        kind=card.kind,
        start=card.start_minute,
        end=(card.start_minute + card.minutes) % DAY_MINUTES,
        days=card.days,
        day_sets=card.day_sets,
        label=card.label,
        is_on=card.is_on,
        is_soft=card.allowed is not None,
        pack=card.pack or "",
        begins=card.begins,
        ends=card.ends,
        id=card.id,
        seen=mark_of_card(card),
    )


def draft_of(fields: Mapping[str, str]) -> Draft:
    """What a form says; usual hours where it says nothing that can be read."""
    usual = USUAL[Kind(fields["kind"]) if fields["kind"] in set(Kind) else Kind.OTHER]
    return Draft(
        kind=usual.kind,
        start=_minute(fields["start"], usual.start),
        end=_minute(fields["end"], usual.end),
        days=frozenset(day for day in EVERY_DAY if fields[f"day{day}"]),
        day_sets=frozenset(each for each in DaySet if fields[f"set-{each}"]),
        label=" ".join(fields["label"].split())[:MAX_LABEL],
        is_on=fields["on"] != "0",
        is_soft=bool(fields["soft"]),
        pack=_pack(fields["pack"]) if usual.kind is Kind.SCHOOL else "",
        begins=_turn(fields["begins"]) if usual.can_follow_the_sun else None,
        ends=_turn(fields["ends"]) if usual.can_follow_the_sun else None,
        id=number_of(fields["card"]),
        seen=fields["seen"],
    )


def _minute(said: str, usual: int) -> int:
    is_minute = said.isascii() and said.isdigit() and len(said) < 5 and int(said) < DAY_MINUTES
    return int(said) if is_minute else usual


def _turn(said: str) -> Turn | None:
    return Turn(said) if said in set(Turn) else None


def _pack(said: str) -> str:
    try:
        find_school(said)
    except BadSchedule:
        return ""
    return said
