import hmac
from array import array
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastpath.report.columns import NOT_A_SUBSCRIBER, Columns
from fastpath.report.ledger_rows import (
    NOT_IN_LEDGER,
    first_and_last,
    largest,
    ledger_rows,
    ordered_rows,
    placed_kinds,
    pseudonyms,
)

DAY_S = 86_400
ROWS = st.lists(
    st.tuples(
        st.sampled_from([0, DAY_S - 1, DAY_S, 3 * DAY_S]),
        st.integers(0, 3),
        st.sampled_from([0, 1, 7, NOT_A_SUBSCRIBER]),
        st.integers(1, 9),
    ),
    max_size=40,
)


def columns_of(rows: list[tuple[int, int, int, int]], n_kinds: int = 4) -> Columns:
    time_s, kind, subscriber, counts = zip(*rows, strict=True) if rows else ((), (), (), ())
    kinds: Any = [None] * n_kinds
    columns = (array("q", time_s), array("I", kind), array("I", subscriber), array("I", counts))
    return Columns(kinds, *columns, n=len(rows), n_damaged=0, next=len(rows))


@settings(deadline=None)
@given(rows=ROWS, numbers=st.lists(st.sampled_from([NOT_IN_LEDGER, 0, 1, 2]), min_size=4, max_size=4))
def test_a_ledger_has_the_rows_of_its_kinds_under_its_numbers(
    rows: list[tuple[int, int, int, int]], numbers: list[int]
) -> None:
    made = ledger_rows(columns_of(rows), array("I", numbers))

    pairs = list(zip(made.days, made.subscribers, strict=True))
    assert len(set(pairs)) == len(pairs)
    found = []
    for time_s, kind, whose, count in zip(made.time_s, made.kind, made.pseudonym, made.counts, strict=True):
        day, subscriber = pairs[whose - 1] if whose else (time_s // DAY_S, NOT_A_SUBSCRIBER)
        assert day == time_s // DAY_S
        found.append((time_s, kind, subscriber, count))
    assert found == [(at, numbers[kind], who, n) for at, kind, who, n in rows if numbers[kind] != NOT_IN_LEDGER]


@pytest.mark.parametrize("n", [0, 3, 5])
def test_numbers_for_other_kinds_are_refused(n: int) -> None:
    with pytest.raises(ValueError, match=f"{n} numbers for 4 kinds"):
        ledger_rows(columns_of([(0, 0, 0, 1)]), array("I", [0] * n))


def test_a_row_of_a_kind_that_is_not_there_is_left_out() -> None:
    made = ledger_rows(columns_of([(0, 4, 0, 1), (0, 3, 0, 1)]), array("I", [0] * 4))

    assert len(made.time_s) == 1


@pytest.mark.parametrize("key_octets", [0, 1, 32, 63, 64])
def test_a_pseudonym_is_half_an_hmac_over_the_digits_of_the_number(key_octets: int) -> None:
    numbers = [0, 9, 10, 99, 4_294_967_294, 4_294_967_295]
    key = bytes(range(key_octets))

    made = pseudonyms(array("I", numbers), key)

    assert made == b"".join(hmac.digest(key, str(number).encode(), "sha256")[:16] for number in numbers)


def test_a_key_of_more_than_a_block_is_refused() -> None:
    with pytest.raises(ValueError, match="a key of 65 octets"):
        pseudonyms(array("I", [1]), bytes(65))


def test_nothing_has_no_pseudonyms() -> None:
    assert pseudonyms(array("I"), b"key") == b""


@settings(deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5)), max_size=40),
    places=st.lists(st.integers(0, 2), min_size=5, max_size=5),
)
def test_kinds_are_split_by_place_and_each_pair_has_one_number(rows: list[tuple[int, int]], places: list[int]) -> None:
    kind, pseudonym = (array("I", column) for column in zip(*rows, strict=True)) if rows else (array("I"), array("I"))

    made = placed_kinds(kind, pseudonym, array("I", places), 4, 3)

    pairs = list(zip(made.numbers, made.places, strict=True))
    assert len(set(pairs)) == len(pairs)
    assert [pairs[number] for number in made.kind] == [(k, places[whose - 1] if whose else 0) for k, whose in rows]


@pytest.mark.parametrize(
    ("kind", "pseudonym", "places"), [([4], [0], [0]), ([0], [2], [0]), ([0], [1], [3]), ([0], [1], []), ([0], [], [])]
)
def test_numbers_that_stand_for_nothing_are_refused(kind: list[int], pseudonym: list[int], places: list[int]) -> None:
    with pytest.raises(ValueError, match="give"):
        placed_kinds(array("I", kind), array("I", pseudonym), array("I", places), 4, 3)


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1), st.lists(st.integers(0, 2**32 - 1), min_size=1))
def test_the_bounds_of_columns_are_those_of_their_numbers(times: list[int], numbers: list[int]) -> None:
    assert first_and_last(array("q", times).tobytes()) == (min(times), max(times))
    assert largest(array("I", numbers).tobytes()) == max(numbers)


@given(
    st.lists(
        st.tuples(
            st.integers(-(2**63), 2**63 - 1) | st.integers(5, 7),
            st.integers(0, 2**32 - 1) | st.integers(0, 3),
            st.integers(0, 2**32 - 1),
            st.integers(0, 2**32 - 1),
        ),
        max_size=50,
    )
)
def test_rows_are_in_order_of_seconds_and_kinds_and_else_stay_in_theirs(rows: list[tuple[int, int, int, int]]) -> None:
    columns = list(zip(*rows, strict=True)) if rows else [(), (), (), ()]
    given_columns = [array(code, column) for code, column in zip("qIII", columns, strict=True)]

    made = ordered_rows(*given_columns)

    assert list(zip(*made, strict=True)) == sorted(rows, key=lambda row: row[:2])
    assert [list(column) for column in given_columns] == [list(column) for column in columns]


def test_columns_of_different_lengths_are_not_ordered() -> None:
    with pytest.raises(ValueError, match="give one to each row"):
        ordered_rows(array("q", [1, 2]), array("I", [1, 2]), array("I", [1]), array("I", [1, 2]))
