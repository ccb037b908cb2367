import selectors
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from dns.front.streams.fair_selector import MOST, FairSelector


class Ready:
    """Connections that are ready to be read, by name."""

    def __init__(self, held: ExitStack) -> None:
        self._held = held
        self.selector = held.enter_context(FairSelector())
        self.names: dict[int, str] = {}

    def add(self, name: str, client: str | None) -> socket.socket:
        ours, theirs = socket.socketpair()
        self._held.enter_context(ours)
        self._held.enter_context(theirs)
        theirs.send(b"x")
        self.names[ours.fileno()] = name
        self.selector.register(ours, selectors.EVENT_READ)
        if client is not None:
            self.selector.own(ours, client)
        return ours

    def read(self) -> list[str]:
        """Who is read in a turn; all of them stay ready."""
        return [self.names[key.fd] for key, _ in self.selector.select(0)]


@pytest.fixture
def ready() -> Iterator[Ready]:
    with ExitStack() as held:
        yield Ready(held)


def test_all_are_read_where_few_are_ready(ready: Ready) -> None:
    for _ in range(MOST):
        ready.add("busy", "busy")

    assert len(ready.read()) == MOST


def test_a_client_with_one_connection_is_read_in_each_turn_whatever_another_has(ready: Ready) -> None:
    for _ in range(100):
        ready.add("busy", "busy")
    ready.add("lone", "lone")

    for _ in range(3):
        assert sorted(ready.read()) == ["busy"] * (MOST - 1) + ["lone"]


def test_each_client_is_read_before_any_is_read_again(ready: Ready) -> None:
    names = [f"client {number}" for number in range(3 * MOST)]
    for name in names:
        ready.add(name, name)

    assert sorted(ready.read() + ready.read() + ready.read()) == sorted(names)


def test_each_connection_of_a_client_is_read_in_the_end(ready: Ready) -> None:
    names = [f"connection {number}" for number in range(3 * MOST)]
    for name in names:
        ready.add(name, "busy")

    read = set[str]()
    for _ in range(20):
        read.update(ready.read())

    assert read == set(names)


def test_what_belongs_to_no_client_is_always_read(ready: Ready) -> None:
    for _ in range(100):
        ready.add("busy", "busy")
    listeners = [ready.add(f"listener {number}", None) for number in range(3)]

    assert {ready.names[each.fileno()] for each in listeners} < set(ready.read())


def test_a_descriptor_that_was_given_to_another_connection_keeps_its_owner(ready: Ready) -> None:
    for _ in range(100):
        ready.add("busy", "busy")
    gone = ready.add("gone", "busy")
    number = gone.fileno()
    ready.selector.unregister(gone)
    gone.close()
    came = ready.add("lone", "lone")
    assert came.fileno() == number
    ready.selector.disown(gone)

    assert "lone" in ready.read()
    ready.selector.disown(came)
    assert "lone" in ready.read()
