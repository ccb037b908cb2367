"""Ranges, beside what the standard library makes of the same prefixes."""

from ipaddress import IPv4Address, IPv6Address, collapse_addresses, ip_network, summarize_address_range

from hypothesis import given
from hypothesis import strategies as st

from filterd.spans import merged, span_of

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
def test_merged_ranges_are_what_the_standard_library_makes_of_the_prefixes(networks):
    ranges = merged(map(span_of, networks))

    again = [
        part for first, end in ranges for part in summarize_address_range(IPv4Address(first), IPv4Address(end - 1))
    ]
    assert sorted(again) == list(collapse_addresses(networks))
    assert len(ranges) == len(merged(ranges))


@given(st.lists(networks6))
def test_the_same_in_version_6(networks):
    ranges = merged(map(span_of, networks))

    again = [
        part for first, end in ranges for part in summarize_address_range(IPv6Address(first), IPv6Address(end - 1))
    ]
    assert sorted(again) == list(collapse_addresses(networks))


def test_a_range_may_be_everything():
    assert span_of(ip_network("0.0.0.0/0")) == (0, 1 << 32)
    assert merged([span_of(ip_network("255.255.255.255")), (0, 5)]) == {(0, 5), ((1 << 32) - 1, 1 << 32)}


def test_ranges_that_touch_are_one():
    assert merged([(5, 7), (1, 5), (8, 9)]) == {(1, 7), (8, 9)}
