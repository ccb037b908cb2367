import pytest

from rules.base.category import MAX_NUMBER, NUMBERS, category_name, category_number
from rules.base.errors import BadSource

# What images, policies and records of the first release hold: a line here is never changed.
FOREVER = {
    "adult": 1,
    "gambling": 3,
    "bypass": 11,
    "social": 14,
    "video": 15,
    "games": 16,
    "malware": 23,
    "ai-chat": 26,
    "quic": 27,
}


def test_a_number_once_given_stays() -> None:
    assert {name: NUMBERS[name] for name in FOREVER} == FOREVER


def test_numbers_are_unique_and_fit_a_mask() -> None:
    assert len(set(NUMBERS.values())) == len(NUMBERS)
    assert all(1 <= number <= MAX_NUMBER for number in NUMBERS.values())


def test_name_and_number_lead_to_each_other() -> None:
    assert all(category_name(category_number(name)) == name for name in NUMBERS)
    assert category_name(0) == "none"
    assert category_name(127) == "127"


def test_an_unknown_category_is_refused_with_a_suggestion() -> None:
    with pytest.raises(BadSource, match=r"'gamblin' is not known; not accepted; write gambling"):
        category_number("gamblin")
