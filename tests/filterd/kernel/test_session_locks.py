from ipaddress import ip_network

import pytest
from support.images.opened import Images

from fastpath.images.tables import TableSet
from filterd.kernel.intervals import Network
from filterd.kernel.session_locks import Seen, SessionLocks

A, B, SIX = (ip_network(each) for each in ("192.0.2.7/32", "192.0.2.8/32", "2001:db8:7::/56"))
DEFAULT = 9


class Box:
    """Locks over images that a test writes."""

    def __init__(self, images: Images) -> None:
        self.images, self.locks = images, SessionLocks()
        self.lines: list[tuple[str, int]] = []
        self.sessions: list[tuple[str, int | None]] = []
        self.locks.see = self.see

    def see(self) -> Seen:
        lines = self.images.subscribers(self.lines)
        tables = TableSet(subscribers=lines, sessions=[self.images.subscribers(self.sessions)])
        return Seen(tables, TableSet(subscribers=lines), {DEFAULT})

    def sent(self) -> tuple[set[Network], set[Network]]:
        """What the kernel is to be told now."""
        found = self.locks.differences()
        self.locks.note_sent()
        return found


@pytest.fixture
def box(images: Images) -> Box:
    return Box(images)


def test_a_lock_that_begins_finds_the_prefixes_of_its_sessions_and_its_end_lets_them_go(box: Box) -> None:
    box.sessions = [(str(A), 7), (str(SIX), 7), (str(B), 8)]

    box.locks.follow({7, 8}, {7})
    assert box.sent() == ({A, SIX}, set())
    box.locks.follow({7}, set())

    assert box.sent() == (set(), {A, SIX})
    assert box.locks.held == {}


def test_a_session_of_a_locked_profile_is_locked_and_a_session_of_another_one_is_not(box: Box) -> None:
    box.locks.follow({7}, {7})
    box.sessions = [(str(A), 7), (str(B), 8)]

    box.locks.move([A, B])
    assert box.sent() == ({A}, set())
    box.sessions = [(str(A), 8), (str(B), 7)]
    box.locks.move([A, B])

    assert box.sent() == ({B}, {A})


def test_an_address_that_two_locked_profiles_have_one_after_the_other_stays_locked(box: Box) -> None:
    box.locks.follow({7, 8}, {7, 8})
    box.sessions = [(str(A), 7)]
    box.locks.move([A])
    box.sent()

    box.sessions = [(str(A), 8)]
    box.locks.move([A])

    assert box.sent() == (set(), set())
    box.locks.follow({7}, {8})
    assert box.sent() == (set(), set())
    box.locks.follow({8}, set())
    assert box.sent() == (set(), {A})


def test_two_neighbours_of_one_profile_lose_one_of_them_alone(box: Box) -> None:
    box.sessions = [("192.0.2.6/32", 7), ("192.0.2.7/32", 7)]
    box.locks.follow({7}, {7})
    assert box.sent()[0] == {ip_network("192.0.2.6/31")}


def test_an_address_of_a_line_is_left_to_the_line(box: Box) -> None:
    box.lines, box.sessions = [(str(A), 5)], [(str(A), 7), (str(B), 7)]

    box.locks.follow({7}, {7})
    box.locks.move([A])

    assert box.sent() == ({B}, set())


def test_what_a_line_has_taken_since_is_not_unlocked_with_its_session(box: Box) -> None:
    box.sessions = [(str(A), 7)]
    box.locks.follow({7}, {7})
    box.sent()
    box.lines, box.sessions = [(str(A), 5)], []

    box.locks.move([A])

    assert box.sent() == (set(), set())
    assert box.locks.held == {}


def test_a_pool_whose_default_profile_is_locked_is_not_locked_in_the_kernel(box: Box) -> None:
    box.sessions = [("192.0.2.0/24", DEFAULT), (str(A), 7)]

    box.locks.follow({DEFAULT}, {DEFAULT})
    box.locks.move([A, B])

    assert box.sent() == (set(), set())


def test_what_was_not_sent_is_sent_the_next_time(box: Box) -> None:
    box.sessions = [(str(A), 7)]
    box.locks.follow({7}, {7})
    box.locks.differences()  # and the kernel refuses

    assert box.sent() == ({A}, set())
    assert box.sent() == (set(), set())
