"""DNS over TCP and TLS: framed messages, pipelined queries, answers in any order.

    Connection → message → AnswerPath.decide() → write | ask the upstream, then write | close

Invariants: waiting queries and unread answers of a connection are bounded; a client that neither sends nor reads for
`idle_s`, or needs longer for one message, is disconnected; queries sent before the client closed its sending side are
still answered, over TCP (TLS has no half-closed connection in asyncio).
Source: RFC 1035 §4.2.2, RFC 7766 (pipelining §6.2.1.1, order §7, idle §6.2.3), RFC 7858 §3.3.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from dns.base.length_prefix import framed, read_framed
from dns.front.streams.acceptor import Connection, StreamLimits
from dns.front.streams.answer_path import AnswerPath

# Sixteen of the largest answers beyond what the kernel holds: a client that has so much to read does not read.
MAX_UNREAD_OCTETS: Final = 1 << 20

# Of one connection, before the others have their turn: a quarter of a millisecond's work.  One that an upstream has to
# answer is as much.
MESSAGES_A_TURN: Final = 8

Judge = Callable[[Connection], str | None]


class MessageStream:
    """Serves connections that carry DNS messages.

    judged_as   the address whose policy applies to a connection; None: it is not served
    counter     the counter of queries"""

    def __init__(self, path: AnswerPath, limits: StreamLimits, judged_as: Judge, counter: str | None = None) -> None:
        self._path = path
        self._limits = limits
        self._judged_as = judged_as
        self._counter = counter

    async def converse(self, connection: Connection) -> None:
        """Read and answer until the client closes, idles or sends a message that gets no answer."""
        client = self._judged_as(connection)
        if client is None:
            return
        try:
            async with asyncio.TaskGroup() as group:
                await self._read_queries(connection, client, group)
        except* OSError:  # a reset, or a client that reads nothing: no one is left to tell
            connection.writer.transport.abort()

    async def _read_queries(self, connection: Connection, client: str, group: asyncio.TaskGroup) -> None:
        room = asyncio.Semaphore(self._limits.n_waiting)
        n_taken = 0
        while (query := await self._read(connection.reader)) is not None:
            connection.use()
            n_taken += 1
            if self._counter:
                self._path.counters.add(self._counter)
            answer = self._path.decide(query, client, connection.tls is not None)
            if answer is None:
                await room.acquire()
                group.create_task(self._forward(query, client, connection, room))
                n_taken = MESSAGES_A_TURN
            elif answer:
                await self._write(connection.writer, answer)
            else:
                return
            if n_taken >= MESSAGES_A_TURN:  # reading and writing do not wait where octets and room are there
                await connection.pause()
                n_taken = 0

    async def _read(self, reader: asyncio.StreamReader) -> bytes | None:
        """Read the next message; None at the end or time limit."""
        try:
            async with asyncio.timeout(self._limits.idle_s):
                return await read_framed(reader)
        except (EOFError, TimeoutError):
            return None

    async def _forward(self, query: bytes, client: str, connection: Connection, room: asyncio.Semaphore) -> None:
        answer = await self._path.forward(query, client, connection.tls is not None)
        if answer:
            await self._write(connection.writer, answer)
        room.release()

    async def _write(self, writer: asyncio.StreamWriter, message: bytes) -> None:
        writer.write(framed(message))
        if writer.transport.get_write_buffer_size() > MAX_UNREAD_OCTETS:
            raise TimeoutError  # as if it had not read for too long already
        async with asyncio.timeout(self._limits.idle_s):
            await writer.drain()
