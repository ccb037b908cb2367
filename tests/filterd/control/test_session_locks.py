from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network, collapse_addresses, ip_network

import pytest
from sqlalchemy import Connection, Engine
from support.images.opened import Images

from fastpath.images.tables import TableSet
from filterd.control.lock_enforcer import LockKeeper
from filterd.control.session_locks import SessionLocks, TableSnapshot, Union
from filterd.kernel.intervals import Network
from filterd.kernel.nft_sets import OutOfStep
from filterd.kernel.prefix_columns import Columns, SpanColumns, columns_of, networks_of, networks_of_spans
from filterd.kernel.ruleset import Rules
from parental.policy.held import iter_held
from parental.policy.locks import LockTable
from parental.policy.profile import Profile
from parental.policy.profiles import iter_profiles
from parental.policy.schedule import Interval, Schedule
from parental.policy.subscriber import Subscriber
from parental.policy.subscribers import delete_subscriber, pause, put_subscriber, resume
from parental.store.database import writing

A, B, SIX = (ip_network(each) for each in ("192.0.2.7/32", "192.0.2.8/32", "2001:db8:7::/56"))
DEFAULT, POOL = 9, ip_network("192.0.2.0/24")
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def without(pool: Network, *held: Network) -> Iterator[Network]:
    """The fewest prefixes of a pool in which none of the others is."""
    assert isinstance(pool, IPv4Network)
    its = {int(each.network_address) for each in held}
    yield from collapse_addresses(IPv4Network(n) for n in range(int(pool[0]), int(pool[-1]) + 1) if n not in its)


class Box:
    """Locks over images that a test writes; lines 5, 7, 8 and 9."""

    def __init__(self, images: Images, conn: Connection) -> None:
        self.images, self.conn, self.locks = images, conn, SessionLocks()
        self.static: list[tuple[str, int]] = []
        self.sessions: list[tuple[str, int | None]] = []
        self.pools: list[tuple[Network, int | None]] = [(POOL, DEFAULT)]
        self.locks.see = self.see
        self.lines = LockTable()
        for number in (5, 7, 8, DEFAULT):
            put_subscriber(conn, Subscriber(number, "home", (), Profile()))

    def see(self) -> TableSnapshot:
        lines = self.images.subscribers(self.static)
        tables = TableSet(subscribers=lines, sessions=[self.images.subscribers(self.sessions)])
        return TableSnapshot(tables, TableSet(subscribers=lines), self.pools)

    def lock(self, *numbers: int) -> None:
        for number in numbers:
            pause(self.conn, number, None)
            self.locks.read(self.conn, [number])

    def unlock(self, number: int) -> None:
        resume(self.conn, number)
        self.locks.read(self.conn, [number])

    def move(self, *prefixes: Network, losers: tuple[int, ...] = ()) -> None:
        self.locks.move(self.conn, prefixes, losers)

    def told(self) -> tuple[set[Network], set[Network]]:
        """What the kernel is to be told now."""
        self.locks.advance(NOW)
        self.lines.advance(NOW)
        added, removed = self.locks.differences(self.lines)
        return set(networks_of(added)), set(networks_of(removed))

    def sent(self) -> tuple[set[Network], set[Network]]:
        """The same, and it took it."""
        found = self.told()
        self.locks.settle()
        self.lines.held.settle(self.lines.locked)
        return found

    def hold(self, line: int, *prefixes: Network) -> None:
        """Have a line hold prefixes by itself."""
        put_subscriber(self.conn, Subscriber(line, "home", prefixes, Profile()))
        self.lines.change(iter_profiles(self.conn, [line]), iter_held(self.conn, [line]))

    def closed(self) -> set[Network]:
        """What is locked of pools now."""
        self.locks.advance(NOW)
        return set(networks_of_spans(self.locks.pools(self.lines)))

    def locked(self) -> set[Network]:
        return set(networks_of(self.locks.locked(self.lines)))


@pytest.fixture
def box(images: Images, engine: Engine) -> Iterator[Box]:
    with writing(engine) as conn:
        yield Box(images, conn)


def test_a_lock_that_begins_finds_the_prefixes_of_its_sessions_and_its_end_lets_them_go(box: Box) -> None:
    box.sessions = [(str(A), 7), (str(SIX), 7), (str(B), 8)]

    box.lock(7)
    assert box.sent() == ({A, SIX}, set())
    assert box.locked() == {A, SIX}
    box.unlock(7)

    assert box.sent() == (set(), {A, SIX})
    assert box.locked() == set()


def test_a_lock_that_there_was_before_the_start_is_found(box: Box) -> None:
    box.sessions = [(str(A), 7), (str(B), 8)]
    pause(box.conn, 7, None)

    box.locks.read(box.conn, None)

    assert box.sent() == ({A}, set())


def test_a_lock_that_ends_by_the_clock_says_when(box: Box) -> None:
    box.sessions = [(str(A), 7)]
    end = datetime(2026, 11, 25, 13, tzinfo=UTC)
    pause(box.conn, 7, end)
    box.locks.read(box.conn, [7])

    assert box.locks.advance(NOW) == end
    assert box.told() == ({A}, set())
    box.locks.advance(end)

    assert box.locks.differences(box.lines) == ({}, {})


def test_a_session_of_a_locked_profile_is_locked_and_one_of_another_profile_is_not(box: Box) -> None:
    box.lock(7)
    box.sessions = [(str(A), 7), (str(B), 8)]

    box.move(A, B)
    assert box.sent() == ({A}, set())
    box.sessions = [(str(A), 8), (str(B), 7)]
    box.move(A, B, losers=(7, 8))

    assert box.sent() == ({B}, {A})


def test_an_address_that_two_locked_profiles_have_one_after_the_other_stays_locked(box: Box) -> None:
    box.lock(7, 8)
    box.sessions = [(str(A), 7)]
    box.move(A)
    box.sent()

    box.sessions = [(str(A), 8)]
    box.move(A, losers=(7,))

    assert box.sent() == (set(), set())
    box.unlock(7)
    assert box.sent() == (set(), set())
    box.unlock(8)
    assert box.sent() == (set(), {A})


def test_a_neighbour_that_goes_leaves_the_other_one_locked_alone(box: Box) -> None:
    box.sessions = [("192.0.2.6/32", 7), ("192.0.2.7/32", 7)]
    box.lock(7)
    box.sent()

    box.sessions = [("192.0.2.6/32", 7), ("192.0.2.7/32", 8)]
    box.move(A, losers=(7,))
    box.sent()

    assert box.locked() == {ip_network("192.0.2.6/32")}


def test_a_stop_unlocks_and_whoever_has_the_address_next_is_not_locked(box: Box) -> None:
    box.sessions = [(str(A), 7)]
    box.lock(7)
    box.sent()
    box.sessions = [(str(A), None)]

    box.move(A, losers=(7,))

    assert box.sent() == (set(), {A})


def test_an_address_of_a_line_is_left_to_the_line(box: Box) -> None:
    box.static, box.sessions = [(str(A), 5)], [(str(A), 7), (str(B), 7)]

    box.lock(7)
    box.move(A)

    assert box.sent() == ({B}, set())


def test_what_a_locked_line_has_taken_since_is_not_unlocked_with_its_session(box: Box) -> None:
    box.sessions = [(str(A), 7)]
    box.lock(7)
    box.sent()
    put_subscriber(box.conn, Subscriber(5, "home", (A,), Profile()))
    pause(box.conn, 5, None)
    box.lines.change(iter_profiles(box.conn, [5]), iter_held(box.conn, [5]))
    assert box.sent() == (set(), set())  # it is locked already, and no element may come twice

    box.static, box.sessions = [(str(A), 5)], []
    box.move(A, losers=(7,))

    assert box.sent() == (set(), set())
    assert box.locked() == {A}


def test_a_lock_of_a_default_profile_closes_its_pool_but_for_sessions_and_lines(box: Box) -> None:
    box.sessions = [(str(POOL), DEFAULT), (str(A), 7)]
    box.move(A)
    box.hold(5, B)
    assert box.closed() == set()

    box.lock(DEFAULT)

    assert box.closed() == {*without(POOL, A, B)}
    assert box.sent() == (set(), set())
    box.unlock(DEFAULT)
    assert box.closed() == set()


def test_a_session_that_comes_opens_its_address_and_its_end_closes_it_again(box: Box) -> None:
    box.sessions = [(str(POOL), DEFAULT)]
    box.lock(DEFAULT)
    assert box.closed() == {POOL}

    box.sessions = [(str(POOL), DEFAULT), (str(A), 7)]
    box.move(A)
    assert box.closed() == {*without(POOL, A)}
    box.sessions = [(str(POOL), DEFAULT)]
    box.move(A, losers=(7,))

    assert box.closed() == {POOL}


def test_a_session_of_a_name_that_no_line_has_is_closed_as_its_pool_is(box: Box) -> None:
    box.sessions = [(str(POOL), DEFAULT), (str(A), DEFAULT)]

    box.lock(DEFAULT)
    box.move(A)

    assert box.closed() == {POOL}


@pytest.mark.parametrize(("inner", "is_locked"), [(8, False), (8, True), (None, False)])
def test_of_a_pool_in_another_one_its_own_default_profile_counts(box: Box, inner: int | None, is_locked: bool) -> None:
    half = ip_network("192.0.2.128/25")
    box.pools.append((half, inner))
    box.lock(DEFAULT, *([8] if is_locked else []))

    assert box.closed() == ({POOL} if is_locked else {ip_network("192.0.2.0/25")})


def test_a_pool_in_a_pool_is_closed_alone_where_the_one_around_it_is_open(box: Box) -> None:
    around = ip_network("192.0.0.0/16")
    box.pools = [(around, 8), (POOL, DEFAULT), (SIX, None)]
    box.lock(DEFAULT)

    assert box.closed() == {POOL}


def test_a_default_profile_that_is_deleted_closes_nothing_more(box: Box) -> None:
    box.lock(DEFAULT)
    assert box.closed() == {POOL}

    delete_subscriber(box.conn, DEFAULT)
    box.locks.read(box.conn, [DEFAULT])

    assert box.closed() == set()


def test_what_was_not_sent_is_sent_the_next_time(box: Box) -> None:
    box.sessions = [(str(A), 7)]
    box.lock(7)
    box.told()  # and the kernel refuses

    assert box.sent() == ({A}, set())
    assert box.sent() == (set(), set())


def test_a_session_newer_than_the_base_is_locked_at_a_start_as_its_pool_is_without_it(box: Box) -> None:
    base = box.images.subscribers([(str(POOL), DEFAULT), (str(B), 8)])
    tables = TableSet(sessions=[base, box.images.subscribers([(str(A), 7)], base)])
    box.locks.see = lambda: TableSnapshot(tables, TableSet(), box.pools)
    for number in (7, DEFAULT):
        pause(box.conn, number, None)

    box.locks.read(box.conn, None)

    assert box.sent() == ({A}, set())
    assert box.closed() == {*without(POOL, A, B)}


def test_a_union_has_each_prefix_once() -> None:
    found = Union()
    found.add(columns_of([A, B]))
    found.add(columns_of([A, SIX]), without=columns_of([SIX]))

    assert sorted(map(str, networks_of(found.less(Union())))) == [str(A), str(B)]


# -- as the enforcer has them ------------------------------------------------------------------------------------------

SESSION, GONE = ip_network("192.0.2.77/32"), ip_network("192.0.2.78/32")


class KernelLog:
    """Notes what it is told of locks."""

    def __init__(self) -> None:
        self.said: list[tuple[object, ...]] = []
        self.locked, self.pools = set[Network](), set[Network]()
        self.is_out_of_step = False

    def apply(self, rules: Rules, locked: Columns) -> None:
        self.locked, self.pools = set(networks_of(locked)), set(rules.locked_pools)

    def set_locked(self, locked: Columns) -> None:
        self.locked = set(networks_of(locked))

    def change_locked(self, added: Columns, removed: Columns) -> None:
        if self.is_out_of_step:
            raise OutOfStep("changed")
        more, less = set(networks_of(added)), set(networks_of(removed))
        if more or less:
            self.said.append(("locked", more, less))
        self.locked = self.locked - less | more

    def change_locked_pools(self, spans: SpanColumns) -> None:
        self.said.append(("pools", set(networks_of_spans(spans))))

    def set_locked_pools(self, spans: SpanColumns) -> None:
        self.said.append(("all pools", set(networks_of_spans(spans))))

    def change_subscribers(self, _: object) -> None:
        pass

    def set_subscribers(self, _: object) -> None:
        pass

    def set_corridor(self, _: object) -> None:
        pass

    def cut(self, prefixes: Columns) -> int:
        self.said.append(("cut", set(networks_of(prefixes))))
        return 3


@pytest.fixture
def kernel() -> KernelLog:
    return KernelLog()


@pytest.fixture
def keeper(engine: Engine, kernel: KernelLog, images: Images) -> LockKeeper:
    """One session of line 7, which has no address of its own."""
    tables = TableSet(sessions=[images.subscribers([(str(SESSION), 7)])])
    found = LockKeeper(engine, kernel)  # type: ignore[arg-type]  # it stands for the kernel
    found.sessions.see = lambda: TableSnapshot(tables, TableSet(), [(POOL, DEFAULT)])
    with writing(engine) as conn:
        put_subscriber(conn, Subscriber(7, "home", (), Profile()))
    return found


def test_a_pause_locks_the_address_of_a_session_cuts_it_and_ends_by_the_clock(
    engine: Engine, kernel: KernelLog, keeper: LockKeeper
) -> None:
    keeper.install(Rules(), NOW)
    with writing(engine) as conn:
        pause(conn, 7, NOW + timedelta(hours=1))

    assert keeper.refresh(NOW).next_change == NOW + timedelta(hours=1)
    assert kernel.said == [("locked", {SESSION}, set()), ("cut", {SESSION})]
    keeper.refresh(NOW + timedelta(hours=1))

    assert kernel.locked == set()


def test_sessions_that_moved_are_locked_before_connections_are_cut(
    engine: Engine, kernel: KernelLog, keeper: LockKeeper
) -> None:
    with writing(engine) as conn:
        pause(conn, 7, None)
    keeper.install(Rules(), NOW)
    assert kernel.locked == {SESSION}  # of those that there were before the start
    keeper.sessions.see = lambda: TableSnapshot(TableSet(), TableSet())
    kernel.said.clear()

    assert keeper.move_sessions(frozenset({SESSION}), [7], frozenset({SESSION, GONE}), NOW) == 3

    assert kernel.said == [("locked", set(), {SESSION}), ("cut", {SESSION, GONE})]
    assert keeper.move_sessions(frozenset({GONE}), [], frozenset(), NOW) is None


def test_locks_of_sessions_are_among_all_that_is_sent_where_the_sets_are_unknown(
    engine: Engine, kernel: KernelLog, keeper: LockKeeper
) -> None:
    with writing(engine) as conn:
        put_subscriber(conn, Subscriber(8, "home", (A,), Profile()))
        pause(conn, 7, None)
        pause(conn, 8, None)
    keeper.install(Rules(), NOW)
    kernel.is_out_of_step = True

    keeper.refresh(NOW)

    assert kernel.locked == {A, SESSION}


def test_a_lock_of_a_default_profile_ends_what_runs_in_its_pool_where_no_session_is(
    engine: Engine, kernel: KernelLog, keeper: LockKeeper
) -> None:
    with writing(engine) as conn:
        put_subscriber(conn, Subscriber(DEFAULT, "pool", (), Profile()))
    keeper.install(Rules(), NOW)
    with writing(engine) as conn:
        pause(conn, DEFAULT, NOW + timedelta(hours=1))
    closed = {*without(POOL, SESSION)}

    assert keeper.refresh(NOW).next_change == NOW + timedelta(hours=1)
    assert kernel.said == [("pools", closed), ("cut", closed)]
    tables = keeper.sessions.see().tables
    keeper.sessions.see = lambda: TableSnapshot(TableSet(), TableSet(), [(POOL, DEFAULT)])
    kernel.said.clear()

    keeper.move_sessions(frozenset({SESSION}), [7], frozenset(), NOW)
    assert kernel.said == [("pools", {POOL}), ("cut", {SESSION})]  # what was closed is not cut once more
    keeper.sessions.see = lambda: TableSnapshot(tables, TableSet(), [(POOL, DEFAULT)])
    kernel.said.clear()

    assert keeper.move_sessions(frozenset({SESSION}), [DEFAULT], frozenset(), NOW) is None
    assert kernel.said == [("pools", closed)]
    kernel.said.clear()
    keeper.refresh(NOW + timedelta(hours=1))
    assert kernel.said == [("pools", set())]


def test_pools_are_among_all_that_is_sent_where_the_sets_are_unknown(
    engine: Engine, kernel: KernelLog, keeper: LockKeeper
) -> None:
    with writing(engine) as conn:
        put_subscriber(conn, Subscriber(DEFAULT, "pool", (), Profile()))
        pause(conn, DEFAULT, None)
    keeper.install(Rules(), NOW)
    assert kernel.pools == {*without(POOL, SESSION)}
    kernel.said.clear()
    kernel.is_out_of_step = True

    keeper.refresh(NOW)

    assert kernel.said == [("all pools", {*without(POOL, SESSION)})]


@pytest.mark.parametrize("allowed", [None, frozenset({"education"})])
def test_full_hours_of_a_default_profile_close_its_pool_by_the_clock_and_soft_ones_are_told(
    box: Box, allowed: frozenset[str] | None
) -> None:
    hours = Schedule((Interval(NOW.weekday(), 13 * 60, 60, allowed),), "UTC")
    put_subscriber(box.conn, Subscriber(DEFAULT, "pool", (), Profile(schedule=hours)))
    box.locks.read(box.conn, None)
    one = NOW + timedelta(hours=1)

    assert (box.locks.advance(NOW), box.locks.is_tighter) == (one, False)
    box.locks.advance(one)

    closed = set(networks_of_spans(box.locks.pools(box.lines)))
    assert (box.locks.is_tighter, box.locked()) == (True, set())
    assert closed == (set() if allowed else {POOL})
    box.locks.advance(one)
    assert not box.locks.is_tighter
