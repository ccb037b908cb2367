"""Ten years of a family's hours, minute by minute: weeks made at each midnight, image and lock table against the dull
calendar."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import product
from math import inf
from random import Random
from zoneinfo import ZoneInfo

import pytest
from oracle.calendar import FULL, OPEN, ZONES, hours_of, kind_of
from support.images.opened import Images

from fastpath.images.tables import TableSet
from fastpath.people.left_open import left_open
from parental.calendar.card import Card, Kind
from parental.calendar.day_sets import Calendar, DaySet, Range
from parental.calendar.resolution import week_of
from parental.calendar.sun import Turn
from parental.policy.compile import profile_spec
from parental.policy.locks import LockTable
from parental.policy.profile import Profile
from parental.policy.schedule import DAY_MINUTES, Schedule
from rules.base.category import NUMBERS

pytestmark = pytest.mark.long

FIRST, YEARS = date(2026, 1, 1), 10
CHILD, NUMBER = "192.0.2.1", 1
HELD = [(4, bytes([192, 0, 2, 1]), 32, NUMBER)]
BLOCK_S = 900  # no zone turns its clocks, and none begins a day, at another time than a quarter of an hour
Left = frozenset[str] | None
Held = tuple[int | None, bool]
STAYS_OPEN = (None, None, frozenset({"games"}), frozenset({"games", "social"}), frozenset[str]())


class Dull:
    """What is closed in each minute of a date, asked of the cards of that date and of the date before."""

    def __init__(self, cards: tuple[Card, ...], calendar: Calendar) -> None:
        self._cards, self._calendar = cards, calendar
        self._of: dict[int, list[tuple[int, int, Left]]] = {}

    def day(self, ordinal: int) -> list[Held]:
        """(what the image leaves open, whether the kernel is locked) minute by minute."""
        minutes: list[Left] = [OPEN] * DAY_MINUTES
        for ago in (1, 0):
            for start, end, allowed in self._on(ordinal - ago):
                begin, behind = max(0, start - ago * DAY_MINUTES), min(end - ago * DAY_MINUTES, DAY_MINUTES)
                for minute in range(begin, behind):
                    minutes[minute] = _both(minutes[minute], allowed)
        return [expected(each) for each in minutes]

    def _on(self, ordinal: int) -> list[tuple[int, int, Left]]:
        if ordinal not in self._of:
            day = date.fromordinal(ordinal)
            kind = kind_of(self._cards, self._calendar, day)
            self._of[ordinal] = [
                (*self._minutes(card, day), FULL if card.allowed is None else card.allowed)
                for card in self._cards
                if card.is_on and kind in card.day_sets and day.weekday() in card.days
            ]
        return self._of[ordinal]

    def _minutes(self, card: Card, day: date) -> tuple[int, int]:
        start, end = hours_of(card, self._calendar, day)
        midnight, minute = datetime.combine(day, time()), timedelta(minutes=1)
        return (start - midnight) // minute, (end - midnight) // minute


def _both(one: Left, other: Left) -> Left:
    if one is FULL or other is FULL:
        return FULL
    return other if one is OPEN or other is OPEN else one & other


class Box:
    """What control has put in force by a minute: the image of the newest week, and the kernel's locks."""

    def __init__(self, images: Images, cards: tuple[Card, ...], calendar: Calendar, zone: str) -> None:
        self._images, self._cards, self._calendar, self._zone = images, cards, calendar, zone
        self._today, self._policy, self.locks = 0, object(), LockTable()
        self.n_weeks, self._due_s, self._is_locked = 0, 0.0, False

    def begin(self, today: date, at_s: int) -> None:
        """Make the week, where it is another date."""
        if today.toordinal() == self._today:
            return
        self._today = today.toordinal()
        week = week_of(self._cards, self._calendar, today)
        profile = Profile(schedule=Schedule(week, self._zone))
        self.locks.change([(NUMBER, profile)], HELD)
        self._due_s = at_s
        spec = profile_spec(profile, datetime.fromtimestamp(at_s, UTC))
        if spec != self._policy:
            self._policy, self.n_weeks = spec, self.n_weeks + 1
            policy = self._images.policy([(NUMBER, spec)])
            self._tables = TableSet(subscribers=self._images.subscribers([(CHILD, NUMBER)]), policy=policy)
            for path in self._images.folder.iterdir():  # they are open
                path.unlink()

    def held(self, at_s: int) -> Held:
        """The locks advance where they are due."""
        if self._due_s <= at_s:
            self.locks.advance(datetime.fromtimestamp(at_s, UTC))
            due, group = self.locks.next_change, self.locks.held.group_of(NUMBER)
            assert group is not None
            self._due_s = inf if due is None else due.timestamp()
            self._is_locked = bool(self.locks.locked[group])
        return left_open(self._tables, CHILD, at_s), self._is_locked


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
    for number, (begins, ends) in enumerate(product((None, *Turn), repeat=2), 9):
        yield Card(
            Kind.SLEEP,
            random.randrange(DAY_MINUTES),
            random.choice([90, 540]),
            frozenset(random.sample(range(7), 2)),
            frozenset({DaySet.RAMADAN}),
            allowed=random.choice(STAYS_OPEN),
            begins=begins,
            ends=ends,
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
    return Calendar(frozenset({0, 1, 2, 3, 4}), tuple(own), tuple(announced), random.choice([-1, 0, 1]), "quetta")


@cache
def expected(held: Left) -> Held:
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
    first_s, end_s = (int(datetime(FIRST.year + n, 1, 1, tzinfo=UTC).timestamp()) for n in (0, YEARS))

    n_minutes, n_closed, today, wanted = 0, 0, 0, list[Held]()
    for block_s in range(first_s, end_s, BLOCK_S):
        wall = datetime.fromtimestamp(block_s, of_zone)
        if wall.toordinal() != today:
            today = wall.toordinal()
            wanted = dull.day(today)
            n_closed += sum(each != expected(OPEN) for each in wanted)
        box.begin(wall.date(), block_s)
        minute = wall.hour * 60 + wall.minute
        for n in range(BLOCK_S // 60):
            found = box.held(block_s + 60 * n)
            assert found == wanted[minute + n], (zone, seed, wall, n)
            n_minutes += 1

    assert n_minutes == (end_s - first_s) // 60
    assert 0 < n_closed < n_minutes
    assert box.n_weeks > 52
