"""Ranges against the longest prefix of a plain list."""

import io
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fastpath.images.image import open_image
from fastpath.images.layout import ImageKind
from fastpath.images.tables import TableSet
from fastpath.people.subscribers_writer import pack_subscribers

# Few addresses at both ends of the numbers, so that prefixes lie in each other and touch.
V4 = st.builds(
    lambda number, length: IPv4Network((number, length), strict=False),
    st.sampled_from([0, 1, 2, 64, 2**31, 2**32 - 64, 2**32 - 2, 2**32 - 1]),
    st.integers(0, 32),
)
V6 = st.builds(
    lambda number, length: IPv6Network((number, length), strict=False),
    st.sampled_from([0, 1, 2**64 - 1, 2**64, 2**127, 2**128 - 2**64, 2**128 - 1]),
    st.integers(0, 128),
)
HELD = st.dictionaries(st.one_of(V4, V6), st.one_of(st.none(), st.integers(1, 2**32 - 3)), max_size=12)


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(HELD)
def test_the_longest_prefix_around_any_address_decides(
    tmp_path: Path, held: dict[IPv4Network | IPv6Network, int | None]
) -> None:
    path = tmp_path / "subscribers-1.img"
    with path.open("wb") as out:
        pack_subscribers(out, 1, 0, [(str(prefix), number) for prefix, number in held.items()])
    tables = TableSet(None, None, open_image(path, ImageKind.SUBSCRIBERS))

    for prefix in held:
        of, top = (IPv4Address, 2**32) if prefix.version == 4 else (IPv6Address, 2**128)
        first, behind = int(prefix.network_address), int(prefix.broadcast_address) + 1
        for number in (first - 1, first, behind - 1, behind):
            if 0 <= number < top:
                address = of(number)
                around = [each for each in held if each.version == prefix.version and address in each]
                longest = max(around, key=lambda each: each.prefixlen, default=None)
                assert tables.subscriber_of(str(address)) == (None if longest is None else held[longest])


def test_the_order_of_prefixes_makes_no_other_octets() -> None:
    rows = [("192.0.2.0/24", 1), ("192.0.2.64/26", 2), ("2001:db8::/32", 3), ("0.0.0.0/0", 4)]
    written = []
    for each in (rows, rows[::-1]):
        out = io.BytesIO()
        pack_subscribers(out, 1, 0, each)
        written.append(out.getvalue())

    assert written[0] == written[1]


def test_host_bits_are_refused() -> None:
    with pytest.raises(ValueError, match="has host bits set"):
        pack_subscribers(io.BytesIO(), 1, 0, [("192.0.2.1/24", 1)])
