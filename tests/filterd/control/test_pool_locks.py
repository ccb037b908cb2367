"""Locked pools against a search of the longest pool for each address."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv4Network, ip_network

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine

from fastpath.people.held_prefixes import HeldPrefixes
from filterd.control.pool_locks import NOTHING, PoolLocks
from filterd.kernel.intervals import Network
from filterd.kernel.prefix_columns import networks_of_spans
from parental.policy.profile import Profile
from parental.policy.schedule import Interval, Schedule
from parental.policy.subscriber import Subscriber
from parental.policy.subscribers import pause, put_subscriber
from parental.store.database import writing

OPEN, SHUT = 7, 9  # default profiles
WORLD = IPv4Network("192.0.2.0/27")
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
PREFIXES = st.builds(
    lambda at, length: IPv4Network((int(WORLD[at]), length), strict=False), st.integers(0, 31), st.integers(27, 32)
)
POOLS = st.dictionaries(PREFIXES, st.sampled_from([OPEN, SHUT, None]), max_size=6)


@pytest.fixture
def conn(engine: Engine) -> Iterator[Connection]:
    with writing(engine) as conn:
        for number in (OPEN, SHUT):
            put_subscriber(conn, Subscriber(number, "pool", (), Profile()))
        pause(conn, SHUT, None)
        yield conn


def holding(prefixes: Iterable[IPv4Network]) -> HeldPrefixes:
    found = HeldPrefixes()
    found.replace((4, each.network_address.packed, each.prefixlen, number) for number, each in enumerate(prefixes, 1))
    return found


def expected(pools: dict[IPv4Network, int | None], held: Iterable[IPv4Network]) -> set[IPv4Address]:
    found = set[IPv4Address]()
    for address in WORLD:
        around = [pool for pool in pools if address in pool]
        default = pools[max(around, key=lambda pool: pool.prefixlen)] if around else None
        if default == SHUT and not any(address in each for each in held):
            found.add(address)
    return found


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pools=POOLS, lines=st.sets(PREFIXES, max_size=4), sessions=st.sets(PREFIXES, max_size=4))
def test_an_address_is_locked_by_the_innermost_pool_around_it_where_no_one_holds_it(
    conn: Connection, pools: dict[IPv4Network, int | None], lines: set[IPv4Network], sessions: set[IPv4Network]
) -> None:
    locks = PoolLocks()
    locks.read(conn, None, list(pools.items()))
    locks.advance(NOON)

    spans = locks.spans(holding(lines), holding(sessions))

    locked = {address for network in networks_of_spans(spans) for address in network}
    assert locked == expected(pools, lines | sessions)


def test_a_pool_of_either_version_closes_by_the_clock_and_says_when_it_opens(conn: Connection) -> None:
    hours = Schedule((Interval(NOON.weekday(), 13 * 60, 60),), "UTC")
    put_subscriber(conn, Subscriber(OPEN, "pool", (), Profile(schedule=hours)))
    pools: list[tuple[Network, int | None]] = [(WORLD, OPEN), (ip_network("2001:db8::/40"), OPEN)]
    locks = PoolLocks()
    locks.read(conn, None, pools)
    one, two = NOON.replace(hour=13), NOON.replace(hour=14)

    assert (locks.advance(NOON), locks.spans()) == ((one, False), NOTHING)
    assert locks.advance(one) == (two, True)
    assert set(networks_of_spans(locks.spans())) == {pool for pool, _ in pools}
    assert locks.advance(two)[1] is False
    assert locks.spans() == NOTHING
