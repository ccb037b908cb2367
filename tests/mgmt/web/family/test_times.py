"""Time in one sentence of each language."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from mgmt.text.language import language
from mgmt.web.family.times import (
    ProfileTimes,
    card_hours_words,
    card_words,
    conflict_words,
    held_words,
    plain,
    state_words,
)
from parental.calendar.card import Card, Kind
from parental.calendar.conflicts import Sort, conflicts_of
from parental.calendar.day_sets import Calendar, DaySet
from parental.calendar.quota import Quota
from parental.calendar.resolution import week_of
from parental.calendar.state import Openness, State
from parental.calendar.sun import Turn
from parental.policy.profile import Profile
from parental.policy.schedule import Schedule

NOW = datetime(2026, 8, 3, 21, tzinfo=ZoneInfo("Asia/Karachi"))
SOFT = frozenset({"social"})
SLEEP = Card(Kind.SLEEP, 21 * 60 + 30, 9 * 60, id=1)


def told(*cards: Card) -> list[tuple[str, str]]:
    found = conflicts_of(cards, NOW.date())
    return [
        (plain(conflict_words(each, language("en"))), plain(conflict_words(each, language("ur")))) for each in found
    ]


def test_hours_inside_others_are_told_in_a_sentence() -> None:
    homework = Card(Kind.HOMEWORK, 22 * 60, 60, frozenset({0}), allowed=SOFT, id=2)
    ((english, urdu),) = told(SLEEP, homework)

    assert english == (
        "School days, Monday: Homework, 10:00 pm to 11:00 pm, lies inside Sleep, 9:30 pm to 6:30 am, "
        "and changes nothing."
    )
    assert "پڑھائی" in urdu
    assert "سونے کا وقت" in urdu


def test_what_wins_is_told_in_a_sentence() -> None:
    homework = Card(Kind.HOMEWORK, 20 * 60, 120, allowed=SOFT, id=2)

    assert told(SLEEP, homework)[0][0] == (
        "School days: Sleep (9:30 pm to 6:30 am) wins over Homework (8:00 pm to 10:00 pm)."
    )


def test_what_closes_nothing_is_told_in_a_sentence() -> None:
    early = replace(SLEEP, minutes=1200, day_sets=frozenset({DaySet.RAMADAN}), begins=Turn.IFTAR)
    (found,) = conflicts_of((early,), date(2026, 2, 19), "karachi")

    assert plain(conflict_words(found, language("en"))) == (
        "Ramadan: Sleep, iftar to 5:30 pm, closes nothing: its end comes before its beginning."
    )
    assert "کچھ بند نہیں کرتا" in plain(conflict_words(found, language("ur")))


@pytest.mark.parametrize("code", ["en", "ur"])
def test_every_sort_of_conflict_and_every_kind_of_card_and_day_has_words(code: str) -> None:
    t = language(code)

    assert all(t.has(f"time.conflict.{sort}") for sort in Sort)
    assert all(t.has(f"time.card.{kind}") for kind in Kind if kind is not Kind.OTHER)
    assert all(t.has(f"time.days.{each}") for each in DaySet)


def test_a_familys_own_name_is_shown_as_it_was_given() -> None:
    assert card_words(Card(Kind.OTHER, 0, 60, label="<Cricket>"), language("en")) == "&lt;Cricket&gt;"


@pytest.mark.parametrize(
    ("state", "left", "words"),
    [
        (State(Openness.OPEN, "", None, None, NOW + timedelta(minutes=30)), None, "Open until 9:30 pm"),
        (State(Openness.OPEN, "", None, None, None), None, "Open"),
        (
            State(Openness.CLOSED, "schedule", SLEEP, None, NOW + timedelta(hours=9)),
            None,
            "Sleep: closed until 6:00 am",
        ),
        (State(Openness.CLOSED, "schedule", None, None, NOW + timedelta(hours=9)), None, "Closed until 6:00 am"),
        (State(Openness.PARTLY, "schedule", None, SOFT, None), None, "Only some sites are open"),
        (State(Openness.CLOSED, "pause", None, None, None), None, "Paused"),
        (State(Openness.CLOSED, "closed_until", None, None, NOW + timedelta(hours=1)), None, "Closed until 10:00 pm"),
        (State(Openness.CLOSED, "quota", None, None, None), timedelta(), "Today's time is used up"),
        (
            State(Openness.CLOSED, "quota", None, None, None),
            timedelta(minutes=35),
            "Screen time has not started: 35 minutes left",
        ),
        (State(Openness.OPEN, "", None, None, None), timedelta(minutes=35), "Screen time: 35 minutes left"),
    ],
)
def test_what_holds_now_is_told_in_words(state: State, left: timedelta | None, words: str) -> None:
    assert plain(state_words(state, NOW, language("en"), left)) == words
    assert plain(state_words(state, NOW, language("ur"), left))


@pytest.mark.parametrize(
    ("hour", "used_s", "words"),
    [
        (21, 0, "Screen time has not started: open until 9:30 pm at most"),
        (20, 0, "Screen time has not started: 1 hour left"),
        (21, 3300, "Screen time has not started: 5 minutes left"),
        (22, 0, "Sleep: closed until 6:30 am, Screen time has not started: 1 hour left"),
        (22, 3600, "Sleep: closed until 6:30 am, Today's time is used up"),
        (15, 0, "Screen time has not started: 1 hour left"),  # what homework closes, it leaves some of open
    ],
)
def test_what_closes_besides_screen_time_is_told_with_it(hour: int, used_s: int, words: str) -> None:
    cards, calendar = (SLEEP, Card(Kind.HOMEWORK, 15 * 60, 60, allowed=SOFT, id=2)), Calendar()
    quota, at = Quota(60, NOW.date(), used_s), NOW.replace(hour=hour)
    week = Schedule(week_of(cards, calendar, NOW.date()), "Asia/Karachi")
    held = ProfileTimes(Profile(schedule=week, closures=(quota.closure(),)), cards, calendar, quota)

    assert plain(held_words(held, held.state_at(at), at, language("en"))) == words


@pytest.mark.parametrize(
    ("started", "cards", "words"),
    [
        (None, (), "Screen time has not started: open until 12:00 am at most"),
        (45, (), "Screen time: open until 12:00 am"),
        (None, (Card(Kind.SLEEP, 23 * 60 + 55, 60),), "Screen time has not started: open until 11:55 pm at most"),
        (45, (Card(Kind.SLEEP, 23 * 60 + 55, 60),), "Screen time: open until 11:55 pm"),
    ],
)
def test_screen_time_that_midnight_or_hours_end_is_told_by_when_and_not_by_what_is_left(
    started: int | None, cards: tuple[Card, ...], words: str
) -> None:
    at, quota = NOW.replace(hour=23, minute=50), Quota(60, NOW.date())
    if started is not None:
        midnight_s = int((NOW.replace(hour=0) + timedelta(days=1)).timestamp())
        quota = quota.start(int(at.replace(minute=started).timestamp()), NOW.date(), midnight_s)
    week = Schedule(week_of(cards, Calendar(), NOW.date()), "Asia/Karachi")
    held = ProfileTimes(Profile(schedule=week, closures=(quota.closure(),)), cards, Calendar(), quota)

    assert plain(held_words(held, held.state_at(at), at, language("en"))) == words


@pytest.mark.parametrize(
    ("kinds", "words"),
    [
        ({*SOFT, "adult"}, "Homework: only some sites are open until 4:00 pm"),
        ({"adult"}, "Homework: closed until 4:00 pm"),
    ],
)
def test_hours_that_would_leave_open_what_no_list_holds_are_told_as_closed(kinds: set[str], words: str) -> None:
    cards, calendar, at = (Card(Kind.HOMEWORK, 15 * 60, 60, allowed=SOFT),), Calendar(), NOW.replace(hour=15)
    week = Schedule(week_of(cards, calendar, NOW.date()), "Asia/Karachi")
    held = ProfileTimes(Profile(schedule=week), cards, calendar, None).as_told(kinds)

    assert plain(held_words(held, held.state_at(at), at, language("en"))) == words


@pytest.mark.parametrize(
    ("begins", "ends", "english"),
    [
        (None, None, "9:30 pm to 6:30 am"),
        (Turn.IFTAR, None, "iftar to 6:30 am"),
        (None, Turn.SUHOOR, "9:30 pm to suhoor"),
        (Turn.IFTAR, Turn.SUHOOR, "iftar to suhoor"),
    ],
)
def test_a_card_by_the_sun_is_told_by_its_names_in_both_languages(
    begins: Turn | None, ends: Turn | None, english: str
) -> None:
    card = replace(SLEEP, day_sets=frozenset({DaySet.RAMADAN}), begins=begins, ends=ends)
    urdu = plain(card_hours_words(card, language("ur")))

    assert plain(card_hours_words(card, language("en"))) == english
    assert ("افطار" in urdu, "سحری" in urdu) == (begins is not None, ends is not None)
