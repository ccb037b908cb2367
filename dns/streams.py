"""DNS over TCP: two octets of length before each message, many messages a connection, answers in any order.

    connection → message → StreamAnswering.answer() → write | ask the upstream, then write | close

Invariants: connections, and queries waiting in one, are bounded; a client that neither sends nor reads is let go after
`idle_s`; a query that the upstream does not answer gets SERVFAIL; what a client has asked before it closed its sending
side is still answered.
Source: RFC 1035 §4.2.2, RFC 7766 (pipelining §6.2.1.1, order §7, idle §6.2.3).
"""
import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from dns.errors import UpstreamFailed
from fastpath.answering import StreamAnswering
from fastpath.counters import Counters
from fastpath.dnsmsg import error_answer

SERVFAIL: Final = 2
BACKLOG: Final = 256


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """idle_s: RFC 7766 §6.2.3 asks for seconds; n_waiting: queries of one connection that the upstream has at once."""

    idle_s: float = 10.0
    n_connections: int = 1000
    n_waiting: int = 64


DEFAULT_LIMITS: Final = StreamLimits()


class StreamServer:
    """Answers the TCP connections of some listening sockets.

    ask   gives the upstream's answer to a query, or raises UpstreamFailed"""

    def __init__(
        self,
        answering: StreamAnswering,
        counters: Counters,
        ask: Callable[[bytes], Awaitable[bytes]],
        limits: StreamLimits = DEFAULT_LIMITS,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._answering = answering
        self._counters = counters
        self._ask = ask
        self._limits = limits
        self._now_ns = now_ns
        self._n_open = 0

    async def serve(self, listeners: Sequence[socket.socket]) -> None:
        """Accept until cancelled; connections still open are then cut."""
        connections: set[asyncio.StreamWriter] = set()

        async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connections.add(writer)
            try:
                await self._converse(reader, writer)
            finally:
                connections.discard(writer)

        servers = [await asyncio.start_server(converse, sock=listener, backlog=BACKLOG) for listener in listeners]
        try:
            await asyncio.Event().wait()
        finally:
            for server in servers:
                server.close()
            for writer in connections:
                writer.transport.abort()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._n_open >= self._limits.n_connections:
            writer.transport.abort()
            return
        self._n_open += 1
        try:
            async with asyncio.TaskGroup() as group:
                await self._read_queries(reader, writer, group)
        except* OSError:    # a reset, or a client that reads nothing: nobody is left to tell
            writer.transport.abort()
        finally:
            self._n_open -= 1
            writer.close()

    async def _read_queries(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, group: asyncio.TaskGroup
    ) -> None:
        """Read until the client closes or idles, or says what gets no answer."""
        client = writer.get_extra_info("peername")[0]
        room = asyncio.Semaphore(self._limits.n_waiting)
        while (query := await self._read(reader)) is not None:
            answer = self._answering.answer(query, client, self._now_ns())
            if answer is None:
                await room.acquire()
                group.create_task(self._forward(query, writer, room))
            elif answer:
                await self._write(writer, answer)
            else:
                return

    async def _read(self, reader: asyncio.StreamReader) -> bytes | None:
        """The next message; None where none comes."""
        try:
            async with asyncio.timeout(self._limits.idle_s):
                return await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
        except (EOFError, TimeoutError):
            return None

    async def _forward(self, query: bytes, writer: asyncio.StreamWriter, room: asyncio.Semaphore) -> None:
        self._counters.add("dns_forwarded")
        try:
            answer = await self._ask(query)
            self._counters.add("dns_answered")
        except UpstreamFailed:
            answer = error_answer(query, SERVFAIL)
            self._counters.add("dns_upstream_lost")
        await self._write(writer, answer)
        room.release()

    async def _write(self, writer: asyncio.StreamWriter, message: bytes) -> None:
        writer.write(len(message).to_bytes(2, "big") + message)
        async with asyncio.timeout(self._limits.idle_s):
            await writer.drain()
