import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from ipaddress import IPv4Network, ip_network
from pathlib import Path
from types import SimpleNamespace

import pytest
from support.dns.proxy_headers import SIGNATURE

from dns.base.certificates import Certificates
from dns.front.streams.acceptor import Acceptor, Connection, Door, StreamLimits
from dns.front.streams.fair_selector import FairSelector
from dns.front.streams.turns import Turns
from fastpath.dns.admission import ClientGuard
from fastpath.report.counters import Counters
from rules.base.clients import Client

HEADER = SIGNATURE + b"\x21\x11" + struct.pack("!H", 12) + bytes([192, 0, 2, 7, 192, 0, 2, 53, 0, 7, 0, 53])
FROM_LOOPBACK = (ip_network("127.0.0.1/32"),)


async def tell_client(connection: Connection) -> None:
    """Say who the client is, then what it says."""
    connection.writer.write(f"{connection.client}\n".encode())
    connection.writer.write(await connection.reader.readline())


class Watched(FairSelector):
    """No loop's: it notes for whom connections are counted, by how many are known then."""

    def __init__(self, owned: list[tuple[int, Client]]) -> None:
        super().__init__()
        self._noted, self._known = owned, set[socket.socket]()

    def own(self, opened: socket.socket, client: Client) -> None:
        self._known.add(opened)
        self._noted.append((len(self._known), client))

    def disown(self, opened: socket.socket) -> None:
        self._known.remove(opened)
        self._noted.append((len(self._known), ""))


class House:
    """A Door open on the loopback."""

    def __init__(self, listener: socket.socket, counters: Counters) -> None:
        self.port = listener.getsockname()[1]
        self.counted = counters.values
        self.owned = list[tuple[int, Client]]()
        self.selector = Watched(self.owned)

    async def connect(self, **tls: object) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port, **tls)  # type: ignore[arg-type]


OpenHouse = Callable[[Door], AbstractAsyncContextManager[House]]


@pytest.fixture
def open_house(tmp_path: Path) -> OpenHouse:
    @asynccontextmanager
    async def opened(door: Door) -> AsyncIterator[House]:
        counters = Counters(tmp_path / "counters")
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setblocking(False)
            async with asyncio.TaskGroup() as group:
                house = House(listener, counters)
                turns = Turns(house.selector)
                serving = group.create_task(Acceptor(door, counters, turns).serve([listener]))
                yield house
                serving.cancel()

    return opened


@pytest.fixture
def certificates(certificate: tuple[Path, Path]) -> Certificates:
    return Certificates(*certificate, lambda _: True)


@pytest.fixture
def trusting(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certificate[0])


async def answer(reader: asyncio.StreamReader) -> bytes:
    """What comes until the connection ends."""
    async with asyncio.timeout(60):
        try:
            return await reader.read()
        except ConnectionError:
            return b""


async def test_a_connection_is_told_from_whom_it_is(open_house: OpenHouse) -> None:
    async with open_house(Door(tell_client)) as house:
        reader, writer = await house.connect()
        writer.write(b"hello\n")

        assert await answer(reader) == b"127.0.0.1\nhello\n"
        writer.close()


@pytest.mark.parametrize(
    ("proxies", "counted"),
    [((), [(1, "127.0.0.1"), (0, "")]), (FROM_LOOPBACK, [(1, "127.0.0.1"), (1, "192.0.2.7"), (0, "")])],
)
async def test_a_connection_is_read_in_the_turn_of_its_client_until_it_ends(
    open_house: OpenHouse, proxies: tuple[IPv4Network, ...], counted: list[tuple[int, str]]
) -> None:
    async with open_house(Door(tell_client, proxies=proxies)) as house:
        reader, writer = await house.connect()
        writer.write((HEADER if proxies else b"") + b"hello\n")
        await answer(reader)
        writer.close()
        async with asyncio.timeout(60):
            while len(house.owned) < len(counted):  # noqa: ASYNC110  # of the acceptor's task
                await asyncio.sleep(0.01)

    assert house.owned == counted


@pytest.mark.parametrize("n_octets", [1, 15, 16, 27])
async def test_a_proxys_header_may_come_in_pieces_and_with_what_follows(open_house: OpenHouse, n_octets: int) -> None:
    async with open_house(Door(tell_client, proxies=FROM_LOOPBACK)) as house:
        reader, writer = await house.connect()
        writer.write(HEADER[:n_octets])
        await asyncio.sleep(0.02)
        writer.write(HEADER[n_octets:] + b"hello\n")

        assert await answer(reader) == b"192.0.2.7\nhello\n"
        writer.close()


async def test_a_proxy_may_send_its_header_before_tls_or_in_it(
    open_house: OpenHouse, certificates: Certificates, trusting: ssl.SSLContext
) -> None:
    async with open_house(Door(tell_client, context=certificates.dot, proxies=FROM_LOOPBACK)) as house:
        reader, writer = await house.connect()
        writer.write(HEADER)
        await writer.start_tls(trusting, server_hostname="dns.test")
        writer.write(b"before\n")
        before = await answer(reader)
        writer.close()
        reader, writer = await house.connect(ssl=trusting, server_hostname="dns.test")
        writer.write(HEADER + b"inside\n")
        inside = await answer(reader)
        writer.close()

    assert (before, inside) == (b"192.0.2.7\nbefore\n", b"192.0.2.7\ninside\n")


async def test_a_header_from_anybody_else_is_what_the_client_says(open_house: OpenHouse) -> None:
    async with open_house(Door(tell_client, proxies=(ip_network("192.0.2.0/24"),))) as house:
        reader, writer = await house.connect()
        writer.write(b"\r\n")

        assert await answer(reader) == b"127.0.0.1\n\r\n"
        writer.close()


@pytest.mark.parametrize("said", [b"\0\x1d" + bytes(29), HEADER.replace(b"QUIT", b"QUIZ"), SIGNATURE + b"\x31" * 4])
async def test_a_listed_proxy_without_a_good_header_is_refused_told_and_counted(
    open_house: OpenHouse, said: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_house(Door(tell_client, proxies=FROM_LOOPBACK)) as house:
        reader, writer = await house.connect()
        writer.write(said)

        assert await answer(reader) == b""
        assert house.counted()["dns_proxy_refused"] == 1
        assert "dns streams: from 127.0.0.1: PROXY header: " in caplog.text
        writer.close()


@pytest.mark.parametrize("said", [b"", HEADER[:1], HEADER[:20], b"\x16\x03\x01"])
async def test_half_a_handshake_or_header_is_let_go_in_time(
    open_house: OpenHouse, certificates: Certificates, said: bytes
) -> None:
    limits = StreamLimits(handshake_s=0.1)
    for door in (
        Door(tell_client, limits, certificates.dot),
        Door(tell_client, limits, None, FROM_LOOPBACK),
        Door(tell_client, limits, certificates.dot, FROM_LOOPBACK),
    ):
        async with open_house(door) as house:
            reader, writer = await house.connect()
            writer.write(said)

            assert await answer(reader) == b""
            writer.close()


async def test_half_open_handshakes_leave_room_again(
    open_house: OpenHouse, certificates: Certificates, trusting: ssl.SSLContext
) -> None:
    # a busy machine has two seconds until all are there, and for the last one's handshake
    limits = StreamLimits(n_connections=4, n_of_client=4, handshake_s=2.0)
    async with open_house(Door(tell_client, limits, certificates.dot)) as house:
        halves = [await house.connect() for _ in range(4)]
        _, refused = await house.connect()
        async with asyncio.timeout(60):
            while house.counted()["dns_handshakes_failed"] < 4:  # noqa: ASYNC110  # a counter in shared memory
                await asyncio.sleep(0.02)
        reader, writer = await house.connect(ssl=trusting, server_hostname="dns.test")
        writer.write(b"hello\n")

        assert await answer(reader) == b"127.0.0.1\nhello\n"
        assert house.counted()["dns_streams_refused"] == 1
        assert house.counted()["dns_handshakes_failed"] == 4
        for _, each in [*halves, (reader, writer), (reader, refused)]:
            each.close()


def header_of(last_octet: int) -> bytes:
    """A PROXY header of 192.0.2.x."""
    return HEADER.replace(b"\xc0\0\2\x07", bytes([192, 0, 2, last_octet]))


async def greeted(house: House, said: bytes, opened: list[asyncio.StreamWriter], **tls: object) -> bytes:
    """The first line that a new connection gets, which stays open; empty where it is closed."""
    reader, writer = await house.connect(**tls)
    opened.append(writer)
    writer.write(said)
    async with asyncio.timeout(60):
        try:
            return await reader.readline()
        except ConnectionError:
            return b""


async def test_a_stranger_is_closed_at_once_and_a_client_is_served(open_house: OpenHouse) -> None:
    opened: list[asyncio.StreamWriter] = []
    async with open_house(Door(tell_client, guard=ClientGuard(["192.0.2.0/24"]))) as house:
        stranger = await greeted(house, b"", opened)
        counted = house.counted()
    async with open_house(Door(tell_client, guard=ClientGuard(["127.0.0.0/8"]))) as house:
        client = await greeted(house, b"\n", opened)
    for writer in opened:
        writer.close()

    assert (stranger, counted["dns_streams_not_ours"]) == (b"", 1)
    assert client == b"127.0.0.1\n"


async def test_behind_a_proxy_its_header_says_who_is_a_stranger(open_house: OpenHouse) -> None:
    door = Door(tell_client, proxies=FROM_LOOPBACK, guard=ClientGuard(["192.0.2.7/32"]))
    opened: list[asyncio.StreamWriter] = []
    async with open_house(door) as house:
        said = [await greeted(house, header_of(last), opened) for last in (7, 8)]
        counted = house.counted()
    for writer in opened:
        writer.close()

    assert (said, counted["dns_streams_not_ours"]) == ([b"192.0.2.7\n", b""], 1)


async def test_strangers_have_places_of_their_own_and_leave_clients_theirs(open_house: OpenHouse) -> None:
    limits = StreamLimits(n_connections=2, n_of_strangers=1)
    door = Door(tell_client, limits, proxies=FROM_LOOPBACK, guard=ClientGuard(["192.0.2.7/32", "192.0.2.8/32"]))
    opened: list[asyncio.StreamWriter] = []
    async with open_house(door) as house:
        clients = [await greeted(house, header_of(last), opened) for last in (7, 8)]
        strangers = [await greeted(house, header_of(last), opened) for last in (100, 101, 102)]
        counted = house.counted()
        for writer in opened[:2]:
            writer.write(b"still here\n")
            await writer.drain()
            assert not writer.is_closing()
        for writer in opened:
            writer.close()

    assert clients == [b"192.0.2.7\n", b"192.0.2.8\n"]
    assert strangers == [b"192.0.2.100\n", b"192.0.2.101\n", b"192.0.2.102\n"]
    assert counted["dns_streams_evicted"] == 2


async def test_a_client_that_connects_too_often_is_refused(
    open_house: OpenHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    # of a clock that stands still: a busy machine may need a second for a few connections
    monkeypatch.setattr("dns.front.streams.acceptor.time", SimpleNamespace(monotonic_ns=lambda: 10**9))
    door = Door(tell_client, proxies=FROM_LOOPBACK, beginnings=ClientGuard(["0.0.0.0/0"], 1, 2))
    opened: list[asyncio.StreamWriter] = []
    async with open_house(door) as house:
        said = [await greeted(house, header_of(last), opened) for last in (7, 7, 7, 8)]
        counted = house.counted()
        for writer in opened:
            writer.close()

    assert said == [b"192.0.2.7\n", b"192.0.2.7\n", b"", b"192.0.2.8\n"]
    assert counted["dns_streams_refused"] == 1


async def test_one_client_has_so_many_connections_and_another_its_own(open_house: OpenHouse) -> None:
    limits = StreamLimits(n_of_client=2)
    async with open_house(Door(tell_client, limits, proxies=FROM_LOOPBACK)) as house:

        async def meet(last_octet: int) -> bytes:
            reader, writer = await house.connect()
            opened.append(writer)
            writer.write(HEADER.replace(b"\xc0\0\2\x07", bytes([192, 0, 2, last_octet])))
            async with asyncio.timeout(60):
                try:
                    return await reader.readline()
                except ConnectionError:
                    return b""

        opened: list[asyncio.StreamWriter] = []
        said = [await meet(last) for last in (7, 7, 7, 8)]
        for writer in opened[:2]:
            writer.transport.abort()
        async with asyncio.timeout(60):
            while not (again := await meet(7)):  # noqa: ASYNC110  # they are let go in turns of the loop to come
                await asyncio.sleep(0.01)
        for writer in opened:
            writer.close()

    assert said == [b"192.0.2.7\n", b"192.0.2.7\n", b"", b"192.0.2.8\n"]
    assert again == b"192.0.2.7\n"


async def test_a_fault_of_ours_ends_one_connection_and_is_told(
    open_house: OpenHouse, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(connection: Connection) -> None:
        if await connection.reader.readline() == b"fail\n":
            raise KeyError("a fault")
        connection.writer.write(b"served\n")

    async with open_house(Door(fail)) as house:
        said = []
        for word in (b"fail\n", b"serve\n"):
            reader, writer = await house.connect()
            writer.write(word)
            said.append(await answer(reader))
            writer.close()

    assert said == [b"", b"served\n"]
    assert "internal error; the connection from 127.0.0.1 is closed; please report it" in caplog.text


async def test_a_client_that_does_not_read_our_last_words_is_let_go(
    open_house: OpenHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dns.front.streams.acceptor.GOODBYE_S", 0.1)
    ended = asyncio.Event()

    async def flood(connection: Connection) -> None:
        connection.writer.write(bytes(20_000_000))
        ended.set()

    converse: Callable[[Connection], Awaitable[None]] = flood
    async with open_house(Door(converse, StreamLimits(n_connections=1))) as house:
        _, writer = await house.connect()
        await ended.wait()
        async with asyncio.timeout(60):
            while True:
                reader, another = await house.connect()
                with suppress(ConnectionError):
                    if await reader.read(1) == b"\0":
                        break
                another.close()  # the first has not been let go yet
                await asyncio.sleep(0.02)
        writer.close()
        another.close()
