"""Ranges, beside what the standard library makes of the same prefixes."""

import itertools
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    collapse_addresses,
    ip_network,
    summarize_address_range,
)

from hypothesis import given
from hypothesis import strategies as st

from filterd.kernel.intervals import Span, Spans, merged, span_of

# few addresses, so that prefixes meet
networks4 = st.builds(
    lambda number, length: ip_network((0xC6336400 | number & ~((1 << 32 - length) - 1), length)),
    st.integers(0, 255),
    st.integers(24, 32),
)
networks6 = st.builds(
    lambda number, length: ip_network(((0x20010DB8 << 96) | number >> 8 - (length - 48) << 80 - (length - 48), length)),
    st.integers(0, 255),
    st.integers(48, 56),
)


@given(st.lists(networks4))
def test_merged_ranges_are_what_the_standard_library_makes_of_the_prefixes(networks: list[IPv4Network]) -> None:
    ranges = merged(sorted(map(span_of, networks)))

    again = [
        part for first, end in ranges for part in summarize_address_range(IPv4Address(first), IPv4Address(end - 1))
    ]
    assert sorted(again) == list(collapse_addresses(networks))
    assert ranges == merged(ranges)


@given(st.lists(networks6))
def test_the_same_in_version_6(networks: list[IPv6Network]) -> None:
    ranges = merged(sorted(map(span_of, networks)))

    again = [
        part for first, end in ranges for part in summarize_address_range(IPv6Address(first), IPv6Address(end - 1))
    ]
    assert sorted(again) == list(collapse_addresses(networks))


spans = st.tuples(st.integers(0, 40), st.integers(1, 9)).map(lambda drawn: (drawn[0], sum(drawn)))


@given(st.lists(st.sets(spans, max_size=10), min_size=2, max_size=5))
def test_after_any_changes_all_is_as_if_made_anew_and_the_difference_is_what_has_changed(
    turns: list[set[Span]],
) -> None:
    now = Spans.of(turns[0])
    for before, after in itertools.pairwise(turns):
        then, different = now.changed(after - before, before - after)

        assert then == Spans.of(after)
        assert different.gone == {*now.fewest} - {*then.fewest}
        assert different.come == {*then.fewest} - {*now.fewest}
        now = then


def test_a_change_of_one_leaves_those_far_away_as_they_are() -> None:
    far = [(number, number + 1) for number in range(100, 200, 2)]
    now = Spans.of([(0, 10), *far])

    _, different = now.changed([(3, 12)], [(0, 10)])

    assert different == ({(0, 10)}, {(3, 12)})


def test_a_range_may_be_everything() -> None:
    assert span_of(ip_network("0.0.0.0/0")) == (0, 1 << 32)
    assert span_of(ip_network("::/0")) == (0, 1 << 128)
    now, different = Spans.of([(7, 9)]).changed([(0, 1 << 128)], [])
    assert different == ({(7, 9)}, {(0, 1 << 128)})
    assert now.changed([], [(0, 1 << 128)])[0] == Spans.of([(7, 9)])


def test_ranges_that_touch_are_one() -> None:
    assert merged([(1, 5), (5, 7), (8, 9)]) == [(1, 7), (8, 9)]
