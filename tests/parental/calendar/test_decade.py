"""Ten years of a family's hours, minute by minute: weeks made at each midnight, image and lock table against the dull
calendar."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest
from oracle.calendar import FULL, OPEN, ZONES, kind_of
from support.images.opened import Images

from fastpath.images.tables import TableSet
from fastpath.people.left_open import left_open
from parental.calendar.card import Card, Kind
from parental.calendar.day_sets import Calendar, DaySet, Range
from parental.calendar.resolution import week_of
from parental.compile import profile_spec
from parental.locks import LockTable
from parental.profile import Profile
from parental.schedule import DAY_MINUTES, Schedule
from rules.category import NUMBERS

pytestmark = pytest.mark.long

FIRST, YEARS = date(2026, 1, 1), 10
CHILD, NUMBER = "192.0.2.1", 1
HELD = [(4, bytes([192, 0, 2, 1]), 32, NUMBER)]
STAYS_OPEN = (None, None, frozenset({"games"}), frozenset({"games", "social"}), frozenset[str]())


class Dull:
    """What is closed at a minute, asked of the cards of a date and of the date before."""

    def __init__(self, cards: tuple[Card, ...], calendar: Calendar) -> None:
        self._cards, self._calendar = cards, calendar
        self._of: dict[int, list[tuple[int, int, frozenset[str] | None]]] = {}

    def held_at(self, wall: datetime) -> frozenset[str] | None:
        """OPEN, FULL, or what stays open."""
        minute, left = wall.hour * 60 + wall.minute, OPEN
        for ago in (0, 1):
            for start, end, allowed in self._on(wall.toordinal() - ago):
                if start <= minute + ago * DAY_MINUTES < end:
                    if allowed is None:
                        return FULL
                    left = allowed if left is None else left & allowed
        return left

    def _on(self, ordinal: int) -> list[tuple[int, int, frozenset[str] | None]]:
        if ordinal not in self._of:
            day = date.fromordinal(ordinal)
            kind = kind_of(self._cards, self._calendar, day)
            self._of[ordinal] = [
                (card.start_minute, card.start_minute + card.minutes, card.allowed)
                for card in self._cards
                if card.is_on and kind in card.day_sets and day.weekday() in card.days
            ]
        return self._of[ordinal]


class Box:
    """What control has put in force by a minute: the image of the newest week, and the kernel's locks."""

    def __init__(self, images: Images, cards: tuple[Card, ...], calendar: Calendar, zone: str) -> None:
        self._images, self._cards, self._calendar, self._zone = images, cards, calendar, zone
        self._today, self._policy, self.locks = 0, object(), LockTable()
        self.n_weeks, self._is_fresh = 0, False

    def go_on(self, at: datetime, wall: datetime) -> None:
        """Make the week at a midnight, and advance the locks where they are due."""
        if wall.toordinal() != self._today:
            self._today = wall.toordinal()
            week = week_of(self._cards, self._calendar, wall.date())
            self._publish(Profile(schedule=Schedule(week, self._zone)), at)
        due = self.locks.next_change
        if due is None or due <= at or self._is_fresh:
            self.locks.advance(at)
            self._is_fresh = False

    def _publish(self, profile: Profile, at: datetime) -> None:
        self.locks.change([(NUMBER, profile)], HELD)
        self._is_fresh = True
        spec = profile_spec(profile, at)
        if spec != self._policy:
            self._policy, self.n_weeks = spec, self.n_weeks + 1
            policy = self._images.policy([(NUMBER, spec)])
            self.tables = TableSet(subscribers=self._images.subscribers([(CHILD, NUMBER)]), policy=policy)
            for path in self._images.folder.iterdir():  # they are open
                path.unlink()

    def held(self, at_s: int) -> tuple[int | None, bool]:
        """(what the image leaves open, whether the kernel is locked)"""
        group = self.locks.held.group_of(NUMBER)
        assert group is not None
        return left_open(self.tables, CHILD, at_s), bool(self.locks.locked[group])


def some_cards(random: Random) -> Iterator[Card]:
    for number in range(1, 9):
        yield Card(
            random.choice([Kind.SLEEP, Kind.HOMEWORK, Kind.PRAYER]),
            random.randrange(DAY_MINUTES),
            random.choice([1, 15, 90, 540, 1440]),
            frozenset(random.sample(range(7), random.randint(1, 7))),
            frozenset(random.sample(list(DaySet), random.randint(1, 3))),
            allowed=random.choice(STAYS_OPEN),
            is_on=number > 1,
            id=number,
        )


def some_dates(random: Random) -> Calendar:
    """A Ramadan that moves by eleven days a year, exams and two holidays."""
    own, announced = [], []
    for year in range(YEARS + 1):
        first = FIRST + timedelta(days=365 * year)
        ramadan = date(2026, 2, 18) + timedelta(days=354 * year)
        announced.append(Range(DaySet.RAMADAN, ramadan, ramadan + timedelta(days=29)))
        for kind, days in ((DaySet.EXAMS, 14), (DaySet.HOLIDAYS, 60), (DaySet.HOLIDAYS, 1)):
            begins = first + timedelta(days=random.randrange(360))
            own.append(Range(kind, begins, begins + timedelta(days=days - 1)))
    return Calendar(frozenset({0, 1, 2, 3, 4}), tuple(own), tuple(announced), random.choice([-1, 0, 1]))


def expected(held: frozenset[str] | None) -> tuple[int | None, bool]:
    if held is FULL:
        return 0, True
    return (None if held is OPEN else sum(1 << NUMBERS[each] for each in held)), False


@pytest.mark.parametrize(("zone", "seed"), list(zip(ZONES, range(2026, 2026 + len(ZONES)), strict=True)))
def test_at_every_minute_of_ten_years_what_is_closed_is_what_the_cards_of_the_day_say(
    images: Images, zone: str, seed: int
) -> None:
    random, of_zone = Random(seed), ZoneInfo(zone)
    cards, calendar = tuple(some_cards(random)), some_dates(random)
    dull, box = Dull(cards, calendar), Box(images, cards, calendar, zone)
    first_s = int(datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC).timestamp())
    end_s = int(datetime(FIRST.year + YEARS, FIRST.month, FIRST.day, tzinfo=UTC).timestamp())

    n_closed = 0
    for at_s in range(first_s, end_s, 60):
        wall = datetime.fromtimestamp(at_s, of_zone)
        box.go_on(datetime.fromtimestamp(at_s, UTC), wall)
        held = dull.held_at(wall)
        n_closed += held is not OPEN
        assert box.held(at_s) == expected(held), (zone, seed, wall)

    assert 0 < n_closed < (end_s - first_s) // 60
    assert box.n_weeks > 52
