from datetime import date

from support.mgmt.outline import text_of

from mgmt.text.language import language
from mgmt.web.family.hours.week import Bar, Row, week_of
from parental.calendar.card import Card, Kind
from parental.calendar.day_sets import Calendar, DaySet
from parental.policy.profile import Profile
from parental.policy.schedule import Schedule, parse_interval

EN = language("en")
EVERY = frozenset(DaySet)
MONDAY = date(2026, 8, 3)


def week(*cards: Card, schedule: Schedule | None = None) -> list[Row]:
    return week_of(Profile(schedule=schedule or Schedule()), cards, Calendar(), MONDAY, EN)


def test_a_night_is_drawn_on_both_its_days_and_said_once() -> None:
    rows = week(Card(Kind.SLEEP, 1290, 540, day_sets=EVERY))

    assert [text_of(row.name) for row in rows][::6] == ["Monday", "Sunday"]
    assert all(row.bars == (Bar(0, 390, False), Bar(1290, 150, False)) for row in rows)
    assert [text_of(words) for words in rows[0].words] == ["Sleep 9:30 pm to 6:30 am"]


def test_a_time_that_leaves_some_open_is_drawn_so_and_below_what_is_closed() -> None:
    soft = Card(Kind.HOMEWORK, 600, 120, day_sets=EVERY, allowed=frozenset({"education"}))

    assert week(Card(Kind.PRAYER, 660, 30, day_sets=EVERY), soft)[0].bars == (Bar(600, 120, True), Bar(660, 30, False))


def test_a_day_of_another_kind_is_called_so() -> None:
    rows = week(Card(Kind.SLEEP, 1290, 60, day_sets=frozenset({DaySet.HOLIDAYS})))

    assert [row.kind is None for row in rows] == [True] * 5 + [False] * 2
    assert rows[0].bars == () and rows[0].words == ()


def test_hours_without_cards_are_drawn_too() -> None:
    rows = week(schedule=Schedule((parse_interval("mon", "20:00", "06:30"),)))

    assert rows[0].bars == (Bar(1200, 240, False),) and rows[1].bars == (Bar(0, 390, False),)
    assert [text_of(words) for words in rows[0].words] == ["8:00 pm to 6:30 am"]
