import asyncio
import errno
import socket
from collections.abc import Iterator

import pytest

from dns.base.listeners import BATCH, Listeners


class Starving(socket.socket):
    """Has no descriptor for the first `n_without` connections."""

    n_without = 0

    def accept(self) -> tuple[socket.socket, object]:
        if self.n_without:
            self.n_without -= 1
            raise OSError(errno.EMFILE, "Too many open files")
        return super().accept()


@pytest.fixture
def listener() -> Iterator[Starving]:
    with Starving() as made:
        made.bind(("127.0.0.1", 0))
        made.listen(256)
        made.setblocking(False)
        yield made


async def begun(n: int, listener: Starving) -> list[int]:
    """Let `n` clients connect; how many were handed on in each turn of the event loop until all were."""
    turns, opened = [0], list[socket.socket]()

    def begin(connection: socket.socket, address: str) -> None:
        assert address == "127.0.0.1" and not connection.getblocking()
        opened.append(connection)
        turns[-1] += 1

    clients = [socket.create_connection(listener.getsockname()) for _ in range(n)]
    listeners = Listeners("a test", [listener], begin)
    listeners.start()
    async with asyncio.timeout(60):
        while len(opened) < n:
            await asyncio.sleep(0)
            turns.append(0)
    listeners.stop()
    for each in (*clients, *opened):
        each.close()
    return turns


async def test_connections_that_wait_are_taken_a_few_in_a_turn(listener: Starving) -> None:
    turns = await begun(3 * BATCH, listener)

    assert (sum(turns), max(turns)) == (3 * BATCH, BATCH)


async def test_without_descriptors_it_waits_goes_on_and_says_so_once(
    listener: Starving, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("dns.base.listeners.PAUSE_S", 0.02)
    listener.n_without = 3

    assert sum(await begun(2, listener)) == 2

    said = "a test: no connection accepted (Too many open files); trying again; raise LimitNOFILE"
    assert caplog.messages == [said]


async def test_who_has_stopped_takes_nobody(listener: Starving) -> None:
    taken = list[str]()
    listeners = Listeners("a test", [listener], lambda _, address: taken.append(address))
    listeners.start()
    listeners.stop()
    with socket.create_connection(listener.getsockname()):
        for _ in range(10):
            await asyncio.sleep(0)

    assert taken == []


async def test_small_answers_do_not_wait_for_acknowledgements_of_those_before(listener: Starving) -> None:
    opened = asyncio.get_running_loop().create_future()
    listeners = Listeners("a test", [listener], lambda connection, _: opened.set_result(connection))
    listeners.start()
    with socket.create_connection(listener.getsockname()):
        async with asyncio.timeout(60):
            with await opened as connection:
                assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    listeners.stop()
