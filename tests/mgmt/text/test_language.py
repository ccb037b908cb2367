from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from markupsafe import Markup

from mgmt.text.language import language, languages

EN, UR = language("en"), language("ur")
NOW = datetime(2026, 8, 3, 21, tzinfo=UTC)  # a Monday


def text(markup: Markup) -> str:
    return markup.striptags()


@pytest.mark.parametrize(
    ("at", "english", "urdu"),
    [
        ("21:00", "9:00 pm", "رات 9:00"),
        ("06:30", "6:30 am", "صبح 6:30"),
        ("12:05", "12:05 pm", "دوپہر 12:05"),
        ("00:00", "12:00 am", "آدھی رات 12:00"),
        ("18:30", "6:30 pm", "شام 6:30"),
    ],
)
def test_times_are_of_twelve_hours_with_the_time_of_day_in_words(at: str, english: str, urdu: str) -> None:
    assert text(EN.clock(time.fromisoformat(at))) == english
    assert text(UR.clock(time.fromisoformat(at))) == urdu


def test_a_receipt_has_its_seconds() -> None:
    assert text(EN.clock(time(21, 0, 3), seconds=True)) == "9:00:03 pm"
    assert text(UR.clock(time(21, 0, 3), seconds=True)) == "رات 9:00:03"


def test_dates_and_weekdays_are_in_the_readers_language_with_western_digits() -> None:
    assert text(EN.date(date(2026, 8, 4))) == "Tuesday, 4 August 2026"
    assert text(UR.date(date(2026, 8, 4))) == "منگل، 4 اگست، 2026"
    assert (text(EN.weekday(4)), text(UR.weekday(4))) == ("Friday", "جمعہ")


@pytest.mark.parametrize(
    ("seconds", "english", "urdu"),
    [
        (1, "1 minute", "1 منٹ"),
        (60, "1 minute", "1 منٹ"),
        (61, "2 minutes", "2 منٹ"),
        (3600, "1 hour", "1 گھنٹہ"),
        (34200, "9 hours 30 minutes", "9 گھنٹے 30 منٹ"),
        (90000, "1 day 1 hour", "1 دن 1 گھنٹہ"),
        (-5, "0 minutes", "0 منٹ"),
    ],
)
def test_what_remains_is_rounded_up_to_the_minute(seconds: int, english: str, urdu: str) -> None:
    assert text(EN.span(timedelta(seconds=seconds))) == english
    assert text(UR.span(timedelta(seconds=seconds))) == urdu


def test_a_time_of_another_date_has_its_day_unless_it_is_clearly_ahead() -> None:
    assert text(EN.moment(NOW, NOW + timedelta(hours=24, seconds=-1))) == "Tuesday 8:59 pm"
    assert text(EN.moment(NOW, NOW + timedelta(hours=14))) == "11:00 am"
    assert text(EN.moment(NOW, NOW - timedelta(hours=22))) == "Sunday 11:00 pm"
    assert text(EN.moment(NOW, NOW - timedelta(hours=20))) == "1:00 am"


def test_a_time_that_is_a_day_away_has_its_day() -> None:
    assert text(UR.moment(NOW, NOW + timedelta(hours=9))) == "صبح 6:00"
    assert text(EN.moment(NOW, NOW + timedelta(days=1))) == "Tuesday 9:00 pm"
    assert text(EN.moment(NOW, NOW + timedelta(days=9))) == "Wednesday, 12 August 2026 9:00 pm"


@pytest.mark.parametrize(
    "made",
    [
        UR.clock(NOW),
        UR.date(NOW.date()),
        UR.span(timedelta(hours=2)),
        EN.clock(NOW),
        EN.date(NOW.date()),
        UR.weekday(0),
    ],
)
def test_a_number_a_time_and_a_date_never_break(made: Any) -> None:
    assert made.startswith("<bdi") and made.endswith("</bdi>")


def test_a_value_is_escaped_and_isolated_where_it_runs_the_other_way() -> None:
    assert "&lt;Example ISP&gt;" in EN.say("splash.security.ask", isp="<Example ISP>")
    assert '<bdi dir="ltr">Example ISP</bdi>' in UR.say("splash.security.ask", isp="Example ISP")


def test_a_message_or_a_value_that_is_missing_is_a_fault() -> None:
    with pytest.raises(KeyError):
        EN.say("no.such.message")
    with pytest.raises(KeyError):
        EN.say("splash.security.ask")
    assert EN.has("splash.security.ask") and not EN.has("no.such.message")


def test_of_words_in_two_languages_the_readers_own_are_taken() -> None:
    assert (EN.pick("PTA", "پی ٹی اے"), UR.pick("PTA", "پی ٹی اے")) == ("PTA", "پی ٹی اے")
    assert UR.pick("PTA", None) == '<bdi dir="ltr">PTA</bdi>'


def test_items_are_listed() -> None:
    items = [Markup(item) for item in "abc"]

    assert [EN.listed(items[:n]) for n in range(4)] == ["", "a", "a or b", "a, b or c"]
    assert UR.listed(items) == "a، b یا c"


def test_the_first_language_comes_first() -> None:
    assert [t.code for t in languages("ur")] == ["ur", "en"]
    assert [(t.code, t.direction) for t in languages("en")] == [("en", "ltr"), ("ur", "rtl")]
