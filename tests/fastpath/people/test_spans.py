"""Spans of addresses against sets of addresses."""

from collections.abc import Iterable, Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fastpath.people.spans import span_difference, spans_without

Span = tuple[int, int]
FEW = 24  # addresses in a small world: spans meet, touch and lie in each other
WORLDS = [(4, 0), (4, 2**32 - FEW), (16, 0), (16, 2**64 - FEW // 2), (16, 2**128 - FEW)]  # width, first address


def packed(spans: Iterable[Span], width: int = 4) -> bytes:
    return b"".join((number % (1 << 8 * width)).to_bytes(width) for span in spans for number in span)


def spans_of(addresses: Iterable[int]) -> list[Span]:
    """The fewest spans of addresses."""
    found: list[Span] = []
    for each in sorted(addresses):
        if found and found[-1][1] == each:
            found[-1] = found[-1][0], each + 1
        else:
            found.append((each, each + 1))
    return found


SPANS = st.sets(st.tuples(st.integers(0, 40), st.integers(0, 3)))


@given(old=SPANS, new=SPANS)
def test_the_difference_of_spans_is_that_of_sets(old: set[Span], new: set[Span]) -> None:
    expected = packed(sorted(old - new)), packed(sorted(new - old))

    assert span_difference(packed(sorted(old)), packed(sorted(new)), 4) == expected


ADDRESSES = st.sets(st.integers(0, FEW - 1))


@given(mine=ADDRESSES, others=ADDRESSES)
@example(mine=set(range(FEW)), others=set())
@example(mine=set(range(FEW)), others=set(range(FEW)))
@example(mine=set(range(FEW)), others={0, FEW - 1})
@example(mine={0, 1, 4, 5}, others={1, 2, 3, 4})
@pytest.mark.parametrize(("width", "first"), WORLDS)
def test_what_spans_have_without_others_is_what_addresses_have(
    width: int, first: int, mine: set[int], others: set[int]
) -> None:
    def spans(addresses: Iterable[int]) -> bytes:
        return packed(spans_of(first + each for each in addresses), width)

    assert spans_without(spans(mine), spans(others), width) == spans(mine - others)


def test_spans_of_others_that_touch_each_other_are_taken_out_as_one() -> None:
    assert spans_without(packed([(1, 9)]), packed([(2, 4), (4, 6)]), 4) == packed([(1, 2), (6, 9)])


@pytest.mark.parametrize(
    ("spans", "others", "width"), [(b"1234567", b"", 4), (b"", b"123", 4), (b"", b"", 8), (b"12345678", b"", 16)]
)
def test_half_a_span_is_refused(spans: bytes, others: bytes, width: int) -> None:
    with pytest.raises(ValueError, match="nothing done"):
        spans_without(spans, others, width)


def test_a_whole_world_without_nothing_is_itself() -> None:
    whole: Sequence[Span] = [(0, 2**32)]

    assert spans_without(packed(whole), b"", 4) == packed(whole)
    assert spans_without(packed(whole), packed(whole), 4) == b""
