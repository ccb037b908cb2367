from dataclasses import replace
from datetime import UTC, datetime

import pytest

from mgmt.orders.model import Order, is_url, name_text

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


@pytest.mark.parametrize(
    ("wire", "text", "is_one"),
    [(b"\x03bad\x07example\x00", "bad.example", False), (b"bad.example/page", "bad.example/page", True)],
)
def test_the_wire_of_an_entry_is_a_name_or_a_url(wire: bytes, text: str, is_one: bool) -> None:
    assert (name_text(wire), is_url(wire)) == (text, is_one)
