"""Columns of prefixes against a dict of them."""

from array import array
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Network, collapse_addresses, ip_network, summarize_address_range

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fastpath.people.held_prefixes import Columns, HeldPrefixes

Network = IPv4Network | IPv6Network
Row = tuple[int, bytes, int, int]

# Few addresses of every length, so that prefixes meet and lie in each other; and both ends of the numbers.
PREFIXES = st.one_of(
    st.builds(lambda n, k: IPv4Network((0xC6336400 | n, k), strict=False), st.integers(0, 255), st.integers(24, 32)),
    st.builds(
        lambda n, k: IPv6Network(((0x20010DB8 << 96) | n << 60, k), strict=False),
        st.integers(0, 0xFFF),
        st.integers(48, 68),
    ),
    st.sampled_from(
        [ip_network(each) for each in ("0.0.0.0/0", "255.255.255.255", "::/0", "ff00::/8", "::", "0.0.0.0")]
    ),
)
N_GROUPS = 4


def row(prefix: Network, number: int) -> Row:
    return prefix.version, prefix.network_address.packed, prefix.prefixlen, number


def networks(columns: Columns) -> list[Network]:
    found: list[Network] = []
    for (version, length), octets in columns.items():
        width = 4 if version == 4 else 16
        found += [ip_network((octets[at : at + width], length)) for at in range(0, len(octets), width)]
    return found


def read_spans(version: int, octets: bytes) -> list[Network]:
    """The fewest prefixes that spans cover."""
    width = 4 if version == 4 else 16
    numbers = [int.from_bytes(octets[at : at + width]) for at in range(0, len(octets), width)]
    of = type(ip_network("0.0.0.0" if version == 4 else "::").network_address)
    found: list[Network] = []
    for first, end in zip(numbers[::2], numbers[1::2], strict=True):
        found += summarize_address_range(of(first), of((end or 1 << 8 * width) - 1))
    return found


class Plain:
    """The same without columns."""

    def __init__(self) -> None:
        self.held: dict[Network, int] = {}
        self.group: dict[int, int] = {}
        self.sent: set[Network] = set()

    def replace(self, rows: dict[Network, int], numbers: set[int], released: set[Network]) -> None:
        kept = {each: n for each, n in self.held.items() if n not in numbers and each not in released}
        self.held = kept | rows

    def locked(self, groups: Iterable[int]) -> set[Network]:
        return {each for each, number in self.held.items() if self.group.get(number, 0) in groups}


change = st.tuples(
    st.dictionaries(PREFIXES, st.integers(1, 5), max_size=6),  # what is held
    st.lists(PREFIXES, max_size=3),  # what is released
    st.dictionaries(st.integers(1, 5), st.integers(1, N_GROUPS - 1), min_size=1),  # who is in which group
    st.lists(st.booleans(), min_size=N_GROUPS - 1, max_size=N_GROUPS - 1),  # what is locked
    st.booleans(),  # whether the kernel takes it
)


ALL4 = IPv4Network("0.0.0.0/0")
# Locked, gone and held again by another that is locked, before the kernel was told that it had gone.
GONE_AND_BACK = [
    ({ALL4: 4}, [], {4: 2}, [False, True, False], True),
    ({}, [ALL4], {1: 1}, [False, False, False], False),
    ({ALL4: 3}, [], {3: 3}, [False, False, True], False),
]


@settings(deadline=None, max_examples=200)
@example(GONE_AND_BACK)
@given(st.lists(change, min_size=1, max_size=6))
def test_after_any_changes_columns_hold_and_tell_what_a_dict_does(
    changes: list[tuple[dict[Network, int], list[Network], dict[int, int], list[bool], bool]],
) -> None:
    columns, plain = HeldPrefixes(), Plain()
    for rows, released, groups, locked, is_taken in changes:
        numbers = {*rows.values()} | {*groups}
        before = set(plain.held)
        is_different = columns.replace(
            [row(each, number) for each, number in rows.items()], array("I", sorted(numbers)), released
        )
        plain.replace(rows, numbers, {*released})
        assert is_different == (before != set(plain.held))

        plain.group |= groups
        # what is new is in no group until it is told which
        told = {number: plain.group.get(number, 0) for number in numbers}
        columns.assign(array("I", sorted(told)), array("I", [told[number] for number in sorted(told)]))
        flags = bytes([0, *locked])
        now = plain.locked({group for group in range(N_GROUPS) if flags[group]})

        assert len(columns) == len(plain.held)
        assert sorted(map(str, networks(columns.columns(flags)))) == sorted(map(str, now))
        added, removed = columns.differences(flags)
        assert set(networks(added)) == now - plain.sent
        assert set(networks(removed)) == plain.sent - now
        assert columns.groups_with_lines(N_GROUPS)[1:] == bytes(
            any(plain.group.get(number, 0) == group for number in plain.held.values()) for group in range(1, N_GROUPS)
        )
        for number in range(1, 6):
            is_holder = number in plain.held.values()
            assert columns.group_of(number) == (plain.group.get(number, 0) if is_holder else None)
        for version in (4, 6):
            of_version = [each for each in plain.held if each.version == version]
            assert read_spans(version, columns.spans(version)) == list(collapse_addresses(of_version))  # type: ignore[type-var]
        if is_taken:
            columns.settle(flags)
            plain.sent = now


def test_columns_are_sorted_whatever_the_order_they_came_in() -> None:
    held = HeldPrefixes()
    held.replace([row(IPv4Network((number * 7919 % 5000, 32)), 1) for number in range(5000)])
    held.replace([row(IPv4Network((number, 32)), 2) for number in range(5000, 6000)])

    assert held.columns(b"\1") == {(4, 32): b"".join(number.to_bytes(4) for number in range(6000))}


def test_other_spans_are_covered_with_what_is_held() -> None:
    held = HeldPrefixes()
    held.replace([row(ip_network(each), 1) for each in ("192.0.2.4/30", "192.0.2.64/26", "255.255.255.255")])
    also = b"".join(
        IPv4Address(each).packed
        for each in ("192.0.2.0", "192.0.2.4", "192.0.2.70", "192.0.2.130", "255.255.255.254", "0.0.0.0")
    )

    assert [str(each) for each in read_spans(4, held.spans(4, also))] == [
        "192.0.2.0/29",
        "192.0.2.64/26",
        "192.0.2.128/31",
        "255.255.255.254/31",
    ]


def test_groups_that_are_not_told_are_refused() -> None:
    held = HeldPrefixes()
    held.replace([row(ip_network("192.0.2.7"), 1)])
    held.assign(array("I", [1]), array("I", [3]))

    for ask in (held.columns, held.differences, held.settle):
        with pytest.raises(ValueError, match="3 are named, a prefix is of number 3"):
            ask(bytes(3))
    with pytest.raises(ValueError, match="1 for 2 profiles"):
        held.assign(array("I", [1, 2]), array("I", [3]))
