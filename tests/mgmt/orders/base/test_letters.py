from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection

from mgmt.orders.base.letters import Letter, keep_letters, letter_counts, letters_of
from mgmt.orders.store import number_letter

NOW = datetime(2026, 8, 3, 16, tzinfo=UTC)
MS = int(NOW.timestamp() * 1000)


def test_an_order_that_several_lists_hold_has_the_sum_of_their_entries(conn: Connection) -> None:
    number = number_letter(conn, "PTA", "1", NOW)
    keep_letters(conn, {"a": {str(number): {"enforced": 3, "invalid": 1}}, "b": {str(number): {"enforced": 2}}}, 7, NOW)

    assert letter_counts(conn, [number]) == {number: {"enforced": 5, "invalid": 1}}
    assert letters_of(conn, [number]) == {number: [Letter("a", 7, MS), Letter("b", 7, MS)]}


def test_the_next_base_replaces_what_was_known_of_all(conn: Connection) -> None:
    first, second = (number_letter(conn, "PTA", ref, NOW) for ref in "12")
    keep_letters(conn, {"a": {str(first): {"enforced": 3}}}, 7, NOW)
    keep_letters(conn, {"a": {str(second): {"enforced": 3}}}, 8, NOW)

    assert letter_counts(conn, [first, second]) == {second: {"enforced": 3}}
    assert letters_of(conn, [first, second]) == {second: [Letter("a", 8, MS)]}


def test_a_letter_that_the_database_does_not_know_keeps_none_of_the_others_out(conn: Connection) -> None:
    number = number_letter(conn, "PTA", "1", NOW)
    keep_letters(conn, {"a": {"99": {"enforced": 1}, str(number): {"enforced": 2}}}, 7, NOW)

    assert letter_counts(conn, [number, 99]) == {number: {"enforced": 2}}


@pytest.mark.parametrize(
    ("box", "counts"),
    [
        ({"has_gate": False}, {"enforced": 1, "not_enforceable_at_this_layer": 2}),
        ({"stops_names": False}, {"not_enforceable_at_this_layer": 3}),
    ],
)
def test_what_a_box_cannot_enforce_is_not_called_enforced(
    conn: Connection, box: dict[str, bool], counts: dict[str, int]
) -> None:
    number = number_letter(conn, "PTA", "1", NOW)
    keep_letters(conn, {"a": {str(number): {"enforced": 1, "enforced_http_only": 2}}}, 7, NOW, **box)

    assert letter_counts(conn, [number]) == {number: counts}
