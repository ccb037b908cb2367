from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from mgmt.orders.base.model import EntryMode, Order, is_url, mode_of, name_text

ORDER = Order("PTA", "1", "a law", "subtree", datetime(2026, 8, 5, tzinfo=UTC), False, (("bad.example", "subtree"),))


def test_equal_content_has_an_equal_digest() -> None:
    assert ORDER.sha256 == replace(ORDER).sha256


@pytest.mark.parametrize(
    "other",
    [replace(ORDER, deadline=None), replace(ORDER, is_emergency=True), replace(ORDER, entries=())],
    ids=["deadline", "emergency", "entries"],
)
def test_other_content_has_another_digest(other: Order) -> None:
    assert ORDER.sha256 != other.sha256


@pytest.mark.parametrize("word", ["wide", "SUBTREE", "", None, 1, b"exact"])
def test_what_another_role_has_written_instead_of_a_mode_is_none(word: object) -> None:
    assert mode_of(word) is None


def test_each_mode_is_read_as_it_is_written() -> None:
    assert [mode_of(each.value) for each in EntryMode] == list(EntryMode)


@pytest.mark.parametrize(
    ("wire", "text", "is_one"),
    [(b"\x03bad\x07example\x00", "bad.example", False), (b"bad.example/page", "bad.example/page", True)],
)
def test_the_wire_of_an_entry_is_a_name_or_a_url(wire: bytes, text: str, is_one: bool) -> None:
    assert (name_text(wire), is_url(wire)) == (text, is_one)


def test_an_order_without_versions_and_dates_has_the_digest_that_it_had_before_there_were_any() -> None:
    plain = Order("PTA", "1", "g", "subtree", None, False, (("a.test", "subtree"),))

    assert plain.sha256.hex() == "6478ee34ac2258230417e4b6110491181d5969ac2fe68bc7b057dfcd612a8dd5"
    day = date(2026, 8, 9)
    later = (replace(plain, corrects="0"), replace(plain, review=day), replace(plain, expires=day))
    assert len({plain.sha256, *(each.sha256 for each in later)}) == 4
