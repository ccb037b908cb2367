from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any

import pytest

from mgmt.portal.state import DAYS_UR, receipt_words, state_of
from parental.profile import UNTIL_RESUMED, Profile
from parental.schedule import Schedule, parse_interval
from parental.subscriber import Subscriber

NOW = datetime(2026, 8, 3, 16, tzinfo=UTC)  # Monday, 21:00 in Karachi


def child(*intervals: Any, paused_until_s: int = 0) -> Any:
    profile = Profile(schedule=Schedule(tuple(parse_interval(*i) for i in intervals)), paused_until_s=paused_until_s)
    return Subscriber(7, "Ayesha", (ip_network("192.0.2.7"),), profile)


@pytest.mark.parametrize(
    ("subscriber", "icon", "english", "urdu"),
    [
        (child(), "✅", "Open", "کھلا ہے"),
        (child(("mon", "22:00", "23:00")), "✅", "Open until 22:00", "22:00 بجے تک کھلا ہے"),
        (child(("wed", "22:00", "23:00")), "✅", "Open until Wednesday 22:00", "بدھ 22:00 بجے تک کھلا ہے"),
        (child(("mon", "20:00", "06:30")), "🌙", "Closed until 06:30", "06:30 بجے تک بند ہے"),
        (child(paused_until_s=UNTIL_RESUMED), "⏸", "Paused", "رُکا ہوا ہے"),
        (child(paused_until_s=int(NOW.timestamp()) + 1800), "⏸", "Paused until 21:30", "21:30 بجے تک رُکا ہوا ہے"),
    ],
)
def test_the_state_is_an_icon_and_words_never_an_icon_alone(
    subscriber: Any, icon: str, english: str, urdu: str
) -> None:
    said = [state_of(subscriber, NOW, language) for language in ("en", "ur")]

    assert [state.icon for state in said] == [icon, icon]
    assert [state.words.striptags() for state in said] == [english, urdu]


def test_closed_hours_are_said_with_one_verb_and_their_day() -> None:
    subscriber = child(("fri", "13:00", "14:00"))

    assert state_of(subscriber, NOW, "en").hours[0].striptags() == "Friday: closed from 13:00 to 14:00"
    assert state_of(subscriber, NOW, "ur").hours[0].striptags() == f"{DAYS_UR[4]}: 13:00 سے 14:00 تک بند"


def test_numbers_are_isolated_in_urdu() -> None:
    assert "<bdi dir=ltr>06:30</bdi>" in state_of(child(("mon", "20:00", "06:30")), NOW, "ur").words


@pytest.mark.parametrize(
    ("did", "english"), [("pause", "closed 21:00:03, 14 live connections ended"), ("resume", "pause ended 21:00:03")]
)
def test_the_receipt_says_what_was_done_to_the_second(did: str, english: str) -> None:
    receipt = {"did": did, "at": "2026-08-03T21:00:03.250+05:00", "connections_ended": 14}

    assert receipt_words(receipt, "en").striptags() == english
    assert "21:00:03" in receipt_words(receipt, "ur")
