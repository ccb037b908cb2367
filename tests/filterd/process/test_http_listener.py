import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import ClassVar

import pytest
from aiohttp import web
from support.system.certificates import make_certificate
from support.system.ports import free_port

from dns.base.endpoints import Endpoint
from filterd.process.http_listener import HttpLimits, HttpListener

WIDE = HttpLimits(n_connections=100, n_of_client=100, header_s=120.0, longest_s=None, n_headers=10)
GET = b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"
PATIENCE_S = 60.0
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def answer(request: web.Request) -> web.Response:
    return web.Response(text=request.path)


async def fail(request: web.Request) -> web.Response:
    raise RuntimeError(f"on purpose at {request.path}")


@contextlib.asynccontextmanager
async def listening(
    limits: HttpLimits, tls: ssl.SSLContext | None = None, handler: Handler = answer
) -> AsyncIterator[HttpListener]:
    """A listener on loopback addresses; `.port` is where."""
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", handler)
    listener = HttpListener("test", app, limits, tls)
    port = free_port()
    await listener.bind([Endpoint("127.0.0.1", port), Endpoint("::1", port)])
    listener.port = port  # type: ignore[attr-defined]
    async with asyncio.TaskGroup() as group:
        listener.start(group)
        try:
            yield listener
        finally:
            for peer in Peer.made:
                peer.leave()
            Peer.made.clear()
            await listener.close()


class Peer:
    """A client's connection."""

    made: ClassVar[list["Peer"]] = []

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.made.append(self)

    @classmethod
    async def to(cls, listener: HttpListener, source: str = "127.0.0.1") -> "Peer":
        host = "::1" if ":" in source else "127.0.0.1"
        port = listener.port  # type: ignore[attr-defined]
        return cls(*await asyncio.open_connection(host, port, local_addr=(source, 0)))

    def say(self, octets: bytes) -> None:
        self._writer.write(octets)

    async def hears(self) -> bytes:
        """The first line of what comes; empty where the connection ends."""
        async with asyncio.timeout(PATIENCE_S):
            try:
                return await self._reader.readline()
            except ConnectionError:
                return b""

    async def hears_all(self) -> bytes:
        """Whatever comes until the connection ends."""
        async with asyncio.timeout(PATIENCE_S):
            try:
                return await self._reader.read()
            except ConnectionError:
                return b""

    def ends(self) -> None:
        self._writer.write_eof()

    def leave(self) -> None:
        self._writer.transport.abort()


async def test_a_visitor_gets_in_while_slow_requests_hold_every_place() -> None:
    limits = HttpLimits(n_connections=5, n_of_client=100, header_s=120.0, longest_s=None, n_headers=10)
    async with listening(limits) as listener:
        slow = [await Peer.to(listener, f"127.0.0.{2 + at}") for at in range(5)]
        for peer in slow:
            peer.say(b"GET / HTTP/1.1\r\nHo")
        visitor = await Peer.to(listener)
        visitor.say(GET)

        assert await visitor.hears() == b"HTTP/1.1 200 OK\r\n"
        assert await slow[0].hears() == b"", "the oldest one had to go"
        slow[4].say(b"st: a.test\r\n\r\n")
        assert await slow[4].hears() == b"HTTP/1.1 200 OK\r\n", "the others may go on"


async def test_a_client_that_has_all_its_places_loses_its_own_oldest() -> None:
    limits = HttpLimits(n_connections=100, n_of_client=2, header_s=120.0, longest_s=None, n_headers=10)
    async with listening(limits) as listener:
        other = await Peer.to(listener, "127.0.0.9")
        first, second = await Peer.to(listener), await Peer.to(listener)
        third = await Peer.to(listener)

        assert await first.hears() == b""
        for peer in (other, second, third):
            peer.say(GET)
            assert await peer.hears() == b"HTTP/1.1 200 OK\r\n"


async def test_of_a_clients_connections_the_one_without_a_request_for_longest_ends() -> None:
    limits = HttpLimits(n_connections=100, n_of_client=2, header_s=120.0, longest_s=None, n_headers=10)
    async with listening(limits) as listener:
        busy, idle = await Peer.to(listener), await Peer.to(listener)
        for peer in (idle, busy):
            peer.say(GET)
            assert await peer.hears() == b"HTTP/1.1 200 OK\r\n"
        third = await Peer.to(listener)
        third.say(GET)
        assert await third.hears() == b"HTTP/1.1 200 OK\r\n"

        assert b"HTTP/" not in await idle.hears_all()
        busy.say(b"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")
        assert b"HTTP/1.1 200 OK" in await busy.hears_all()


async def test_places_of_connections_that_are_closed_are_free() -> None:
    limits = HttpLimits(n_connections=3, n_of_client=3, header_s=120.0, longest_s=None, n_headers=10)
    async with listening(limits) as listener:
        stays = await Peer.to(listener)
        for _ in range(20):
            peer = await Peer.to(listener, "127.0.0.1")
            peer.say(GET)
            assert await peer.hears() == b"HTTP/1.1 200 OK\r\n"
            peer.leave()
            while listener.n_open > 1:  # noqa: ASYNC110  # the server's end closes by itself
                await asyncio.sleep(0.01)
        stays.say(GET)

        assert await stays.hears() == b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize("octets", [b"", b"GET / HTTP/1.1\r\nHost: a", b"GET"])
async def test_a_header_that_does_not_come_to_its_end_ends_the_connection(octets: bytes) -> None:
    limits = HttpLimits(n_connections=10, n_of_client=10, header_s=0.2, longest_s=None, n_headers=10)
    async with listening(limits) as listener:
        peer = await Peer.to(listener)
        peer.say(octets)

        assert await peer.hears() == b""


async def test_a_connection_ends_when_it_has_lived_for_too_long() -> None:
    # long enough for the first one's answer, also where that waits for its core
    limits = HttpLimits(n_connections=10, n_of_client=10, header_s=120.0, longest_s=8.0, n_headers=10)
    async with listening(limits) as listener:
        peer = await Peer.to(listener)
        peer.say(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n")
        assert await peer.hears() == b"HTTP/1.1 200 OK\r\n"
        other = await Peer.to(listener)

        assert await other.hears() == b""


async def test_a_handshake_that_does_not_come_ends_for_a_newer_connection(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path, "api.test")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    limits = HttpLimits(n_connections=1, n_of_client=1, header_s=120.0, longest_s=None, n_headers=10)
    async with listening(limits, context) as listener:
        silent = await Peer.to(listener)
        trusting = ssl.create_default_context(cafile=str(certificate))
        port = listener.port  # type: ignore[attr-defined]
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting, server_hostname="api.test")
        writer.write(GET)

        assert await asyncio.wait_for(reader.readline(), PATIENCE_S) == b"HTTP/1.1 200 OK\r\n"
        assert await silent.hears() == b""
        writer.transport.abort()


@pytest.mark.parametrize("end", [b"\r\n\r\n", b"\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n"])
async def test_a_header_may_come_octet_by_octet_or_be_longer_than_what_is_looked_at(end: bytes) -> None:
    async with listening(WIDE) as listener:
        slow, long = await Peer.to(listener), await Peer.to(listener)
        for octet in b"GET / HTTP/1.1\r\nHost: a.test" + end:
            slow.say(bytes([octet]))
            await asyncio.sleep(0.001)
        long.say(
            b"GET / HTTP/1.1\r\nHost: a.test\r\n" + b"".join(b"X-%d: %s\r\n" % (at, b"x" * 6000) for at in range(5))
        )
        await asyncio.sleep(0.05)
        long.say(b"\r\n")

        assert await slow.hears() == b"HTTP/1.1 200 OK\r\n"
        assert await long.hears() == b"HTTP/1.1 200 OK\r\n"


async def test_a_client_that_ends_in_the_middle_of_a_header_leaves_nothing_open() -> None:
    async with listening(WIDE) as listener:
        peer = await Peer.to(listener)
        peer.say(b"GET / HTTP/1.1\r\nHo")
        peer.ends()

        assert await peer.hears() in (b"", b"HTTP/1.0 400 Bad Request\r\n")
        async with asyncio.timeout(PATIENCE_S):
            while listener.n_open:  # noqa: ASYNC110  # the server's end closes by itself
                await asyncio.sleep(0.01)


async def test_too_many_header_fields_are_refused() -> None:
    async with listening(WIDE) as listener:
        peer = await Peer.to(listener)
        peer.say(b"GET / HTTP/1.1\r\n" + b"X-A: b\r\n" * 200 + b"\r\n")

        assert b" 400 " in await peer.hears()


@pytest.mark.parametrize("octets", [GET, b"nonsense\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"])
async def test_no_answer_tells_a_version(octets: bytes) -> None:
    async with listening(WIDE) as listener:
        port = listener.port  # type: ignore[attr-defined]
        reader, writer = await asyncio.open_connection("::1", port)
        writer.write(octets)
        text = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE_S)).decode()

        assert "Server: filterd\r\n" in text
        assert "aiohttp" not in text and "Python" not in text
        writer.transport.abort()


@pytest.mark.parametrize(
    "octets",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X-A: b\r\n" * 200 + b"\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
async def test_what_is_no_http_leaves_no_traceback_and_no_address_in_the_log(
    octets: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with listening(WIDE) as listener:
        peer = await Peer.to(listener)
        peer.say(octets)
        assert b" 400 " in await peer.hears()

    assert caplog.text == ""


async def test_a_fault_of_ours_is_in_the_log_without_the_client(caplog: pytest.LogCaptureFixture) -> None:
    async with listening(WIDE, handler=fail) as listener:
        peer = await Peer.to(listener)
        peer.say(GET)
        assert b" 500 " in await peer.hears()

    assert "on purpose" in caplog.text and "127.0.0.1" not in caplog.text


async def test_an_address_that_is_taken_is_named() -> None:
    async with listening(WIDE) as listener:
        port = listener.port  # type: ignore[attr-defined]
        second = HttpListener("splash", web.Application(), WIDE)

        with pytest.raises(OSError) as caught:
            await second.bind([Endpoint("127.0.0.1", port)])

    assert f"splash listen 127.0.0.1:{port}: not bound" in caught.value.__notes__[-1]
