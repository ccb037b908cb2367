from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any

import pytest

from mgmt.portal.state import receipt_words, state_of
from mgmt.text.language import language
from parental.profile import UNTIL_RESUMED, Profile, Span
from parental.schedule import Interval, Schedule, parse_interval
from parental.subscriber import Subscriber

NOW = datetime(2026, 8, 3, 16, tzinfo=UTC)  # Monday, 21:00 in Karachi
EN, UR = language("en"), language("ur")


def child(*intervals: Any, paused_until_s: int = 0) -> Any:
    profile = Profile(schedule=Schedule(tuple(parse_interval(*i) for i in intervals)), paused_until_s=paused_until_s)
    return Subscriber(7, "Ayesha", (ip_network("192.0.2.7"),), profile)


@pytest.mark.parametrize(
    ("subscriber", "icon", "english", "urdu"),
    [
        (child(), "✅", "Open", "کھلا ہے"),
        (child(("mon", "22:00", "23:00")), "✅", "Open until 10:00 pm", "رات 10:00 بجے تک کھلا ہے"),
        (child(("wed", "22:00", "23:00")), "✅", "Open until Wednesday 10:00 pm", "بدھ رات 10:00 بجے تک کھلا ہے"),
        (child(("mon", "20:00", "06:30")), "🌙", "Closed until 6:30 am", "صبح 6:30 بجے تک بند ہے"),
        (child(paused_until_s=UNTIL_RESUMED), "⏸", "Paused", "رُکا ہوا ہے"),
        (child(paused_until_s=int(NOW.timestamp()) + 1800), "⏸", "Paused until 9:30 pm", "رات 9:30 بجے تک رُکا ہوا ہے"),
    ],
)
def test_the_state_is_an_icon_and_words_never_an_icon_alone(
    subscriber: Any, icon: str, english: str, urdu: str
) -> None:
    said = [state_of(subscriber, NOW, t) for t in (EN, UR)]

    assert [state.icon for state in said] == [icon, icon]
    assert [state.words.striptags() for state in said] == [english, urdu]


@pytest.mark.parametrize(
    ("hours", "english", "urdu"),
    [
        (("fri", "13:00", "14:00"), "Friday: closed from 1:00 pm to 2:00 pm", "جمعہ: دوپہر 1:00 سے دوپہر 2:00 تک بند"),
        (
            ("sun", "22:00", "24:00"),
            "Sunday: closed from 10:00 pm to 12:00 am",
            "اتوار: رات 10:00 سے آدھی رات 12:00 تک بند",
        ),
    ],
)
def test_closed_hours_are_said_with_one_verb_and_their_day(hours: Any, english: str, urdu: str) -> None:
    assert state_of(child(hours), NOW, EN).hours[0].striptags() == english
    assert state_of(child(hours), NOW, UR).hours[0].striptags() == urdu


def test_hours_that_leave_something_open_say_what() -> None:
    hours = Interval(0, 960, 120, frozenset({"education", "tiktok"})), Interval(1, 960, 120, frozenset())
    softly = Subscriber(7, "Ayesha", (), Profile(schedule=Schedule(hours)))

    assert [each.striptags() for each in state_of(softly, NOW, EN).hours] == [
        "Monday: closed from 4:00 pm to 6:00 pm, all but learning, TikTok",
        "Tuesday: closed from 4:00 pm to 6:00 pm, all but help",
    ]
    assert "پڑھائی، ٹک ٹاک" in state_of(softly, NOW, UR).hours[0].striptags()


def test_time_that_is_used_up_is_told_with_when_the_new_one_starts() -> None:
    now_s = int(NOW.timestamp())
    spent = Subscriber(7, "Ayesha", (), Profile(closures=(Span(now_s - 60, now_s + 3 * 3600, "quota"),)))

    assert state_of(spent, NOW, EN).words.striptags() == "Today's time is used up; new time starts at 12:00 am"
    assert state_of(spent, NOW, EN).icon == "⏳"


def test_numbers_are_isolated_in_urdu() -> None:
    assert '<bdi dir="ltr">6:30</bdi>' in state_of(child(("mon", "20:00", "06:30")), NOW, UR).words


@pytest.mark.parametrize(
    ("did", "english", "urdu"),
    [
        ("pause", "closed 9:00:03 pm, 14 live connections ended", "رات 9:00:03 بجے بند ہوا، 14 کنکشن بند ہوئے"),
        ("resume", "pause ended 9:00:03 pm", "رات 9:00:03 بجے وقفہ ختم ہوا"),
    ],
)
def test_the_receipt_says_what_was_done_to_the_second(did: str, english: str, urdu: str) -> None:
    receipt = {"did": did, "at": "2026-08-03T21:00:03.250+05:00", "connections_ended": 14}

    assert receipt_words(receipt, EN).striptags() == english
    assert receipt_words(receipt, UR).striptags() == urdu
