from datetime import UTC, date, datetime, timedelta

import pytest

from mgmt.splash.words import CATEGORY_WORDS, answer_due, category_words, is_night, remaining, when
from rules.category import NUMBERS

NOW = datetime(2026, 8, 3, 21, tzinfo=UTC)


def test_every_category_has_words_in_both_languages() -> None:
    assert CATEGORY_WORDS.keys() == NUMBERS.keys()
    assert all(english.isascii() and not urdu.isascii() for english, urdu in CATEGORY_WORDS.values())


def test_a_category_that_is_not_known_is_this_kind_of_page() -> None:
    assert category_words(None)[0] == category_words("new")[0] == "this kind of page"


@pytest.mark.parametrize(
    ("asked", "due"), [("2026-08-03", "2026-08-05"), ("2026-08-06", "2026-08-10"), ("2026-08-08", "2026-08-11")]
)
def test_the_answer_is_due_in_two_working_days(asked: str, due: str) -> None:
    assert answer_due(date.fromisoformat(asked)).isoformat() == due


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (1, "1 min"),
        (60, "1 min"),
        (61, "2 min"),
        (3600, "1 h 00 min"),
        (34200, "9 h 30 min"),
        (90000, "1 d 1 h"),
        (-5, "0 min"),
    ],
)
def test_what_remains_is_rounded_up_to_the_minute(seconds: int, said: str) -> None:
    assert remaining(NOW, NOW + timedelta(seconds=seconds)) == said


def test_a_time_that_is_a_day_away_has_its_date() -> None:
    assert when(NOW, NOW + timedelta(hours=9)) == "06:00"
    assert when(NOW, NOW + timedelta(days=1)) == "2026-08-04 21:00"


@pytest.mark.parametrize(("hour", "night"), [(19, False), (20, True), (3, True), (7, False)])
def test_sleep_time_is_from_evening_to_morning(hour: int, night: bool) -> None:
    assert is_night(NOW.replace(hour=hour)) == night
