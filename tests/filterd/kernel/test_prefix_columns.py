from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network

from hypothesis import given
from hypothesis import strategies as st

from filterd.kernel.prefix_columns import (
    columns_of,
    holds_first,
    joined,
    networks_of,
    networks_of_spans,
    spans_of,
)

V4 = st.builds(
    lambda number, length: IPv4Network((number, length), strict=False), st.integers(0, 2**32 - 1), st.integers(0, 32)
)
V6 = st.builds(
    lambda number, length: IPv6Network((number, length), strict=False), st.integers(0, 2**128 - 1), st.integers(0, 128)
)
PREFIXES = st.lists(st.one_of(V4, V6), max_size=20, unique=True)


@given(PREFIXES)
def test_prefixes_come_out_of_columns_as_they_went_in_and_sorted(prefixes: list[IPv4Network | IPv6Network]) -> None:
    found = list(networks_of(columns_of(prefixes)))

    assert len(found) == len(prefixes) and set(found) == set(prefixes)
    for version, length in columns_of(prefixes):
        of_shape = [each for each in found if (each.version, each.prefixlen) == (version, length)]
        assert of_shape == sorted(of_shape)


@given(PREFIXES, PREFIXES)
def test_columns_joined_are_sorted_and_hold_both(
    left: list[IPv4Network | IPv6Network], right: list[IPv4Network | IPv6Network]
) -> None:
    both = joined(columns_of(left), columns_of(right))

    assert both == columns_of([*left, *right])


@given(PREFIXES)
def test_spans_cover_what_the_prefixes_do(prefixes: list[IPv4Network | IPv6Network]) -> None:
    expected = [
        *collapse_addresses(each for each in prefixes if isinstance(each, IPv4Network)),
        *collapse_addresses(each for each in prefixes if isinstance(each, IPv6Network)),
    ]

    assert list(networks_of_spans(spans_of(prefixes))) == expected


@given(st.sets(st.integers(0, 300)), st.integers(0, 300))
def test_an_address_is_found_in_a_column_where_it_is(firsts: set[int], asked: int) -> None:
    column = b"".join(first.to_bytes(4) for first in sorted(firsts))

    assert holds_first(column, asked.to_bytes(4)) == (asked in firsts)


def test_columns_are_left_as_they_are() -> None:
    columns = columns_of([ip_network("192.0.2.0/24")])

    assert columns_of(columns) is columns
