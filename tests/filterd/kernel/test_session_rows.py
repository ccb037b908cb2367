"""Rows that levels of sessions give, however they overlap, against a plain oracle: address by address."""

import tempfile
from collections.abc import Sequence
from ipaddress import ip_network
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from support.images.opened import Images

from fastpath.images.image import Image
from fastpath.images.tables import TableSet
from filterd.control.session_locks import TableSnapshot, rows_of
from filterd.kernel.intervals import Network

DEFAULT = 9
SMALL, SMALL6 = ip_network("192.0.2.0/27"), ip_network("2001:db8::/123")
Rows = list[tuple[Network, int | None]]


@st.composite
def _levels(draw: st.DrawFn, n: int, holders: Sequence[int | None]) -> list[Rows]:
    """Levels of subscribers, the oldest first, in two small pools: in each level a prefix stands once."""
    of = st.one_of(
        st.integers(SMALL.prefixlen, 32).flatmap(lambda length: st.sampled_from([*SMALL.subnets(new_prefix=length)])),
        st.integers(SMALL6.prefixlen, 128).flatmap(
            lambda length: st.sampled_from([*SMALL6.subnets(new_prefix=length)])
        ),
    )
    one = st.dictionaries(of, st.sampled_from(holders), max_size=6).map(lambda found: list(found.items()))
    return draw(st.lists(one, min_size=n, max_size=n))


def _holder(levels: Sequence[Rows], address: Network) -> int | None:
    """Who holds an address: the newest level that says anything of it, and there the longest prefix."""
    for rows in reversed(levels):
        around = [row for row in rows if row[0].version == address.version and row[0].supernet_of(address)]  # type: ignore[arg-type]  # the versions are the same
        if around:
            return max(around, key=lambda row: row[0].prefixlen)[1]
    return None


@given(
    _levels(3, (7, 8, DEFAULT, None)), _levels(2, (5, None)), st.booleans(), st.sets(st.sampled_from((7, 8, DEFAULT)))
)
@settings(max_examples=300, deadline=None)
def test_every_address_of_a_session_is_in_one_row_whatever_levels_say_of_it(
    sessions: list[Rows], lines: list[Rows], has_defaults: bool, chosen: set[int]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        images = Images(Path(folder))

        def opened(levels: Sequence[Rows]) -> list[Image]:
            found: list[Image] = []
            for rows in levels:
                said = [(str(prefix), number) for prefix, number in rows]
                found.append(images.subscribers(said, found[-1] if found else None))
            return found

        base, delta = opened(lines)
        tables = TableSet(subscribers=base, subscribers_delta=delta, sessions=opened(sessions))
        pools = [(pool, DEFAULT) for pool in (SMALL, SMALL6)] if has_defaults else []
        seen = TableSnapshot(tables, TableSet(subscribers=base, subscribers_delta=delta), pools)
        for numbers in (None, chosen - seen.defaults):
            wanted = {
                (each.network_address.packed, its)
                for pool in (SMALL, SMALL6)
                for each in pool.subnets(new_prefix=pool.max_prefixlen)
                if _holder(lines, each) is None and (its := _holder(sessions, each)) not in (None, *seen.defaults)
                if numbers is None or its in numbers
            }
            found = [
                (each.network_address.packed, number)
                for _, first, length, number in rows_of(seen, numbers)
                for each in ip_network((first, length)).subnets(new_prefix=8 * len(first))
            ]
            assert sorted(found) == sorted(wanted)
