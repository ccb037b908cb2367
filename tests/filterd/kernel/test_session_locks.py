from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network

import pytest
from sqlalchemy import Connection, Engine
from support.images.opened import Images

from fastpath.images.tables import TableSet
from filterd.kernel.intervals import Network
from filterd.kernel.lock_enforcer import LockKeeper
from filterd.kernel.nft_sets import OutOfStep
from filterd.kernel.prefix_columns import Columns, columns_of, networks_of
from filterd.kernel.ruleset import Rules
from filterd.kernel.session_locks import Seen, SessionLocks, Union
from parental.database import writing
from parental.held import iter_held
from parental.locks import LockTable
from parental.profile import Profile
from parental.profiles import iter_profiles
from parental.schedule import Interval, Schedule
from parental.store import pause, put_subscriber, resume
from parental.subscriber import Subscriber

A, B, SIX = (ip_network(each) for each in ("192.0.2.7/32", "192.0.2.8/32", "2001:db8:7::/56"))
DEFAULT = 9
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


class Box:
    """Locks over images that a test writes; lines 5, 7, 8 and 9."""

    def __init__(self, images: Images, conn: Connection) -> None:
        self.images, self.conn, self.locks = images, conn, SessionLocks()
        self.static: list[tuple[str, int]] = []
        self.sessions: list[tuple[str, int | None]] = []
        self.locks.see = self.see
        self.lines = LockTable()
        for number in (5, 7, 8, DEFAULT):
            put_subscriber(conn, Subscriber(number, "home", (), Profile()))

    def see(self) -> Seen:
        lines = self.images.subscribers(self.static)
        tables = TableSet(subscribers=lines, sessions=[self.images.subscribers(self.sessions)])
        return Seen(tables, TableSet(subscribers=lines), frozenset({DEFAULT}))

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


def test_a_pool_whose_default_profile_is_locked_is_not_locked_in_the_kernel(box: Box) -> None:
    box.sessions = [("192.0.2.0/24", DEFAULT), (str(A), 7)]

    box.lock(DEFAULT)
    box.move(A, B)

    assert box.sent() == (set(), set())


def test_what_was_not_sent_is_sent_the_next_time(box: Box) -> None:
    box.sessions = [(str(A), 7)]
    box.lock(7)
    box.told()  # and the kernel refuses

    assert box.sent() == ({A}, set())
    assert box.sent() == (set(), set())


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
        self.locked: set[Network] = set()
        self.is_out_of_step = False

    def apply(self, _: Rules, locked: Columns) -> None:
        self.locked = set(networks_of(locked))

    def set_locked(self, locked: Columns) -> None:
        self.locked = set(networks_of(locked))

    def change_locked(self, added: Columns, removed: Columns) -> None:
        if self.is_out_of_step:
            raise OutOfStep("changed")
        more, less = set(networks_of(added)), set(networks_of(removed))
        if more or less:
            self.said.append(("locked", more, less))
        self.locked = self.locked - less | more

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
    found.sessions.see = lambda: Seen(tables, TableSet(), frozenset())
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
    keeper.sessions.see = lambda: Seen(TableSet(), TableSet(), frozenset())
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


@pytest.mark.parametrize("allowed", [None, frozenset({"education"})])
def test_a_default_profile_that_closes_by_the_clock_locks_nothing_here_and_is_told(
    box: Box, allowed: frozenset[str] | None
) -> None:
    hours = Schedule((Interval(NOW.weekday(), 13 * 60, 60, allowed),), "UTC")
    put_subscriber(box.conn, Subscriber(DEFAULT, "pool", (), Profile(schedule=hours)))
    box.locks.read(box.conn, None)
    one = NOW + timedelta(hours=1)

    assert (box.locks.advance(NOW), box.locks.is_tighter) == (one, False)
    box.locks.advance(one)

    assert (box.locks.is_tighter, box.locked()) == (True, set())
    box.locks.advance(one)
    assert not box.locks.is_tighter
