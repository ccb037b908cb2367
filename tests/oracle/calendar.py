"""What is closed at a minute, asked in the dullest way: card by card, date by date, without a week or ranges."""

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from parental.calendar.card import Card, Kind
from parental.calendar.day_sets import Calendar, DaySet, Range
from parental.calendar.sun import Turn, minute_of

ZONES = ("Asia/Karachi", "Europe/London", "America/New_York", "Asia/Kathmandu", "Pacific/Apia")
OPEN, FULL = None, frozenset[str]({"nothing"})  # FULL is no set of categories: it stands for a full lock


def kind_of(cards: Iterable[Card], calendar: Calendar, day: date) -> DaySet:
    """The kind of days that holds on a date."""
    named = {each for card in cards for each in card.day_sets}

    def is_in(wanted: DaySet) -> bool:
        if any(r.day_set is wanted and r.first <= day and (r.last is None or day <= r.last) for r in calendar.ranges):
            return True
        shift = timedelta(days=calendar.shift_days if wanted is DaySet.RAMADAN else 0)
        return any(
            r.day_set is wanted and r.first + shift <= day and (r.last is None or day <= r.last + shift)
            for r in calendar.announced
        )

    if is_in(DaySet.EXAMS) and DaySet.EXAMS in named:
        return DaySet.EXAMS
    if is_in(DaySet.RAMADAN) and DaySet.RAMADAN in named:
        return DaySet.RAMADAN
    is_free = is_in(DaySet.HOLIDAYS) or day.weekday() not in calendar.school_days
    return DaySet.HOLIDAYS if is_free and DaySet.HOLIDAYS in named else DaySet.SCHOOL


def hours_of(card: Card, calendar: Calendar, day: date) -> tuple[datetime, datetime]:
    """When a card of a day begins, and when its end comes for the first time after that; the same twice: never."""
    by_sun = [_sun(turn, calendar, day) is not None for turn in (card.begins, card.ends)]
    start = _at(card.begins, card.start_minute, calendar, day)
    if not any(by_sun):
        return start, start + timedelta(minutes=card.minutes)
    own_end = (card.start_minute + card.minutes) % 1440
    end, next_end = (_at(card.ends, own_end, calendar, day + timedelta(days=n)) for n in (0, 1))
    if end > start:
        return start, end
    if not all(by_sun) and start - end <= timedelta(hours=2):
        return start, start
    return start, min(next_end, start + timedelta(days=1))


def _at(turn: Turn | None, own: int, calendar: Calendar, day: date) -> datetime:
    found = _sun(turn, calendar, day)
    return datetime.combine(day, time()) + timedelta(minutes=own if found is None else found)


def _sun(turn: Turn | None, calendar: Calendar, day: date) -> int | None:
    """Minutes; None: a card's own time holds, as also where the city is not known."""
    return None if turn is None or calendar.city is None else minute_of(turn, calendar.city, day)


def held_at(cards: tuple[Card, ...], calendar: Calendar, wall: datetime) -> frozenset[str] | None:
    """OPEN, FULL, or what stays open at a minute of the wall clock (without a zone)."""
    held: list[frozenset[str]] = []
    for day in (wall.date() - timedelta(days=1), wall.date()):
        kind = kind_of(cards, calendar, day)
        for card in cards:
            start, end = hours_of(card, calendar, day)
            is_of_day = card.is_on and kind in card.day_sets and day.weekday() in card.days
            if is_of_day and start <= wall < end:
                if card.allowed is None:
                    return FULL
                held.append(card.allowed)
    return frozenset.intersection(*held) if held else OPEN


def wall_of(at: datetime, zone: str) -> datetime:
    return at.astimezone(ZoneInfo(zone)).replace(tzinfo=None, second=0, microsecond=0)


days = st.frozensets(st.integers(0, 6), min_size=1)
kinds = st.frozensets(st.sampled_from(DaySet), min_size=1)
allowed = st.none() | st.frozensets(st.sampled_from(["games", "video", "social"]), max_size=2)
turns = st.none() | st.sampled_from(Turn)
of_any_card = {
    "kind": st.sampled_from([Kind.SLEEP, Kind.HOMEWORK, Kind.PRAYER]),
    "start_minute": st.integers(0, 1439),
    "minutes": st.integers(1, 1440),
    "days": days,
    "is_on": st.booleans(),
    "allowed": allowed,
}
of_ramadan = st.just(frozenset({DaySet.RAMADAN}))
some_cards = st.builds(Card, day_sets=kinds, **of_any_card) | st.builds(
    Card, day_sets=of_ramadan, begins=turns, ends=turns, **of_any_card
)


def numbered(found: list[Card]) -> tuple[Card, ...]:
    """Cards with ids, as the database gives them."""
    return tuple(
        Card(**{name: getattr(card, name) for name in card.__slots__} | {"id": n}) for n, card in enumerate(found, 1)
    )


card_lists = st.lists(some_cards, max_size=8).map(numbered)


def ranges_around(first: date) -> st.SearchStrategy[tuple[Range, ...]]:
    """Ranges that begin within a month of a date."""
    one = st.builds(
        lambda kind, ahead, n: Range(
            kind, first + timedelta(days=ahead), None if n is None else first + timedelta(days=ahead + n)
        ),
        st.sampled_from([DaySet.HOLIDAYS, DaySet.RAMADAN, DaySet.EXAMS]),
        st.integers(-30, 30),
        st.none() | st.integers(0, 30),
    )
    return st.lists(one, max_size=4).map(tuple)


def calendars_around(first: date) -> st.SearchStrategy[Calendar]:
    return st.builds(
        Calendar,
        school_days=st.frozensets(st.integers(0, 6)),
        ranges=ranges_around(first),
        announced=ranges_around(first),
        shift_days=st.integers(-1, 1),
        city=st.sampled_from([None, "lahore", "gwadar"]),
    )
