"""Stream client of an upstream: one TLS or TCP connection for all queries of a worker.

    loop ⇄ a pair of datagram sockets for each of its upstream sockets ⇄ StreamUpstream ⇄ TLS ⇄ upstream
    loop ⇄ one pair more, for what came truncated ⇄ StreamUpstream ⇄ TLS, or TCP of one over UDP ⇄ upstream
    streams: ask() ⇄ the same connection

For the loop, an upstream over TLS is an upstream as any other: an unreachable one is silent, and its health and latency
are measured alike.  After a truncated answer, silence would cost the client time.  So such a query gets a truncated
answer as soon as it is known that the full one is not available.

Invariants: over TLS nothing is sent before the certificate is verified, and nothing in the clear; message ids on the
connection are ours, so that each answer finds its query; at most MAX_UNDER_WAY queries wait, each for PATIENCE_S; a
query that a lost connection left unanswered is sent again over the next one; without queries there is no connection.
Absent on purpose: several connections (a resolver takes few of one address), early data, which can be replayed.
Source: RFC 7858 §3, RFC 8310 §5 (strict privacy), RFC 7766 §6.2 and §7 (reuse, pipelining, out of order, retry),
RFC 8467 §4.1 (padding).   Cost, both ways: 50 µs of the worker's Python for a question alone, 8 µs where they come in
batches; 30,000 a second of a core.
"""

import asyncio
import contextlib
import logging
import os
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from dns.base.certificates import DOT
from dns.base.endpoints import TlsEndpoint, Upstream
from dns.base.errors import BadCertificate, UpstreamFailure
from dns.base.length_prefix import framed
from dns.base.tcp_client import PATIENCE_S
from dns.base.wire_format import HEADER_OCTETS, QR, TC, flags_of, is_response

CONNECT_S: Final = 3.0  # for TCP, where a lost SYN is sent again after 1 s, and TLS
RETRY_LEAST_S: Final = 0.1
RETRY_MOST_S: Final = 2.0  # a resolver that is back is used as soon as one behind UDP, about
LOOK_EVERY_S: Final = 1.0
TCP_IDLE_S: Final = 10.0  # RFC 7766 §6.2.3: seconds; a firewall may forget the connection, and tell no one
MAX_UNDER_WAY: Final = 4096  # 2 MB; 20,000 a second at 200 ms
MAX_SENT: Final = 2  # of one question: a server closes an idle connection just when it is sent
BATCH: Final = 64  # questions that are taken of the loop at once
QUERY_OCTETS: Final = 512  # ours have 284 at most
BUFFER_OCTETS: Final = 1 << 20  # of a pair; the kernel gives what net.core.wmem_max lets it
PADDED_TO: Final = 128  # RFC 8467 §4.1, for queries
PADDING: Final = 12  # RFC 7830 §3
OPT_OCTETS: Final = 11  # at the end of the loop's queries

Take = Callable[[socket.socket, bytes, bytes | None], None]  # (end, query, answer)

log = logging.getLogger("dns.base.stream_client")


def client_context(ca: Path | None) -> ssl.SSLContext:
    """TLS to an upstream.   ca None: the system's authorities.   Raises BadCertificate."""
    try:
        context = ssl.create_default_context(cafile=ca)
    except OSError as reason:  # SSLError is one
        why = getattr(reason, "reason", None) or reason.strerror or reason
        raise BadCertificate(f"dns upstreams: {ca}: {why}; not started; put PEM certificates there") from reason
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols([DOT])
    return context


def padded(query: bytes) -> bytes:
    """Pad a query of the loop, which ends with an empty OPT; any other is unchanged."""
    if query[-11:-8] != b"\0\0\x29" or query[-2:] != b"\0\0":
        return query
    n = -(len(query) + 4) % PADDED_TO
    option = PADDING.to_bytes(2, "big") + n.to_bytes(2, "big") + bytes(n)
    return query[:-2] + len(option).to_bytes(2, "big") + option


@dataclass(slots=True)
class _Query:
    """A query in flight.   done: takes its answer, under the query's own id, or None"""

    query: bytes
    done: Callable[[bytes | None], object]
    sent_s: float = 0.0
    n_sent: int = 0


class _Connection(asyncio.Protocol):
    """Splits the octets of the stream into messages.   lost: done once it is closed"""

    transport: asyncio.Transport

    def __init__(self, take: Callable[[bytes], None]) -> None:
        self.lost = asyncio.get_running_loop().create_future()
        self.heard_s = time.monotonic()
        self.n_answers = 0
        self._take = take
        self._came = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.heard_s = time.monotonic()
        self._came += data
        while (end := 2 + int.from_bytes(self._came[:2], "big")) <= len(self._came):
            message = bytes(self._came[2:end])
            del self._came[:end]
            self._take(message)

    def connection_lost(self, _: Exception | None) -> None:
        if not self.lost.done():
            self.lost.set_result(None)


class StreamUpstream:
    """The stream client of one upstream and one worker.   Raises BadCertificate.

    endpoint   reached over TLS, or over TCP in the clear
    ca         trusted certificates;  None: the system's"""

    def __init__(self, endpoint: Upstream, ca: Path | None = None) -> None:
        self._endpoint = endpoint
        self._context = client_context(ca) if isinstance(endpoint, TlsEndpoint) else None
        self._ends: dict[socket.socket, Take] = {}
        self._running: asyncio.AbstractEventLoop | None = None
        self._connection: _Connection | None = None
        self._held: list[_Query] = []  # until there is a connection
        self._wanted = asyncio.Event()  # one of them is there
        self._under_way: dict[int, _Query] = {}
        self._frames: list[bytes] = []
        self._last_id = 0
        self._is_pausing = False
        self._told: str | None = None

    def open_end(self) -> int:
        """A datagram socket that takes queries and returns answers; the caller closes the descriptor.

        Raises OSError."""
        return self._open(_give)

    def open_insistent_end(self) -> int:
        """As open_end(), for truncated answers: without a full answer, the query returns with TC.   Raises OSError."""
        return self._open(_give_or_cut)

    def _open(self, take: Take) -> int:
        theirs, ours = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        for end in (theirs, ours):
            end.setblocking(False)
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_OCTETS)
        self._ends[ours] = take
        if self._running is not None:
            self._running.add_reader(ours, self._read, ours)
        return theirs.detach()

    async def ask(self, query: bytes, patience_s: float = PATIENCE_S) -> bytes:
        """The upstream's answer to `query`.   Raises UpstreamFailure."""
        answer: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()

        def done(message: bytes | None) -> None:
            if not answer.done():
                answer.set_result(message)

        self._submit(_Query(self._padded(query), done))
        self._flush()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                if message := await answer:
                    return message
        raise UpstreamFailure(f"upstream {self._endpoint}: no answer; not answered; is it running")

    async def run(self) -> None:
        """Carry queries and answers until cancelled; then close."""
        self._running = asyncio.get_running_loop()
        for end in self._ends:
            self._running.add_reader(end, self._read, end)
        pause_s = 0.0
        try:
            while True:
                await self._wanted.wait()
                if (fault := await self._converse()) is None:
                    pause_s = 0.0
                    continue
                self._log_change(fault)
                pause_s = min(RETRY_MOST_S, max(RETRY_LEAST_S, 2 * pause_s))
                await self._pause(pause_s)
        finally:
            self.close()

    def close(self) -> None:
        """Close the sockets of a client that does not run."""
        for end in self._ends:
            if self._running is not None:
                self._running.remove_reader(end)
            end.close()
        self._ends.clear()
        self._fail_all()

    # -- questions -----------------------------------------------------------------------------------------------------

    def _read(self, end: socket.socket) -> None:
        """Read queries of the loop."""
        take = self._ends[end]
        with contextlib.suppress(BlockingIOError):
            for _ in range(BATCH):
                query = end.recv(QUERY_OCTETS)
                self._submit(_Query(self._padded(query), partial(take, end, query)))
        self._flush()

    def _padded(self, query: bytes) -> bytes:
        return padded(query) if self._context else query

    def _submit(self, asked: _Query) -> None:
        if self._is_pausing or len(self._under_way) + len(self._held) >= self._room():
            asked.done(None)
        elif self._connection is None:
            self._held.append(asked)
            self._wanted.set()
        else:
            self._send(asked)

    def _room(self) -> int:
        """How many queries may wait: while TCP fails, one tries it, and no other client waits."""
        return 1 if self._told and not self._context else MAX_UNDER_WAY

    def _send(self, asked: _Query) -> None:
        """Append the query to the frames, under an unused message id."""
        number = (self._last_id + 1) & 0xFFFF
        while number in self._under_way:
            number = (number + 1) & 0xFFFF
        self._last_id = number
        asked.sent_s = time.monotonic()
        asked.n_sent += 1
        self._under_way[number] = asked
        octets = asked.query
        self._frames.append(framed(number.to_bytes(2, "big") + octets[2:]))

    def _flush(self) -> None:
        """Write all frames at once, usually in one TLS record."""
        if self._connection is not None and self._frames:
            self._connection.transport.write(b"".join(self._frames))
        self._frames.clear()

    # -- answers -------------------------------------------------------------------------------------------------------

    def _answered(self, message: bytes) -> None:
        if not is_response(message):
            return
        asked = self._under_way.pop(int.from_bytes(message[:2], "big"), None)
        if asked is None:
            return
        if self._connection is not None:
            self._connection.n_answers += 1
        self._log_change(None)
        asked.done(asked.query[:2] + message[2:])

    def _forget_old(self, connection: _Connection) -> None:
        """Drop queries past their time; without any answer meanwhile, the connection is dead."""
        before_s = time.monotonic() - PATIENCE_S
        old = [number for number, asked in self._under_way.items() if asked.sent_s < before_s]
        for number in old:
            self._under_way.pop(number).done(None)
        if old and connection.heard_s < before_s:
            connection.transport.abort()

    # -- the connection ------------------------------------------------------------------------------------------------

    async def _converse(self) -> str | None:
        """Run one connection; return why it failed, None if it answered."""
        try:
            connection = await self._connect()
        except OSError as reason:  # SSLError and TimeoutError are, too
            return _why(reason)
        self._connection = connection
        self._wanted.clear()
        held, self._held = self._held, []
        for asked in held:
            self._send(asked)
        self._flush()
        try:
            while not connection.lost.done():
                await asyncio.wait([connection.lost], timeout=LOOK_EVERY_S)
                self._forget_old(connection)
                if self._is_idle(connection):
                    break
        finally:
            self._connection = None
            connection.transport.abort()
        self._take_back()
        return None if connection.n_answers else "it accepts connections and does not answer"

    def _is_idle(self, connection: _Connection) -> bool:
        """Whether to close an idle connection: over TCP, where a new one is cheap and rarely needed."""
        is_used = self._context or self._under_way or connection.heard_s > time.monotonic() - TCP_IDLE_S
        return not is_used

    async def _connect(self) -> _Connection:
        host, port, *name = self._endpoint
        async with asyncio.timeout(CONNECT_S):
            _, connection = await asyncio.get_running_loop().create_connection(
                lambda: _Connection(self._answered),
                host,
                port,
                ssl=self._context,
                server_hostname=(name[0] or host) if name else None,
            )
        return connection

    def _take_back(self) -> None:
        """Requeue unanswered queries of a lost connection, unless sent too often."""
        left, self._under_way = self._under_way, {}
        for asked in left.values():
            if asked.n_sent < MAX_SENT:
                self._held.append(asked)
                self._wanted.set()
            else:
                asked.done(None)

    async def _pause(self, seconds: float) -> None:
        """Wait before the next attempt; queries meanwhile get no answer."""
        self._is_pausing = True
        self._fail_all()
        await asyncio.sleep(seconds)
        self._is_pausing = False

    def _fail_all(self) -> None:
        left = [*self._held, *self._under_way.values()]
        self._held.clear()
        self._under_way.clear()
        self._wanted.clear()
        for asked in left:
            asked.done(None)

    def _log_change(self, fault: str | None) -> None:
        """Log a change of the upstream's state."""
        if fault == self._told:
            return
        self._told = fault
        if fault is None:
            log.info("dns upstream %s%s: it answers", self._endpoint, "" if self._context else " over TCP")
        elif self._context:
            log.warning(
                "dns upstream %s: %s; not used until this is fixed; trying again; "
                "check its address, name and certificate",
                self._endpoint,
                fault,
            )
        else:
            log.warning(
                "dns upstream %s over TCP: %s; its truncated answers are passed on until this is fixed; trying again; "
                "allow TCP to it, and check the path between",
                self._endpoint,
                fault,
            )


def _give(end: socket.socket, _: bytes, answer: bytes | None) -> None:
    """Pass an answer to the loop; if its socket is full, the loop will retry."""
    if answer is not None:
        with contextlib.suppress(OSError):
            end.send(answer)


def _give_or_cut(end: socket.socket, query: bytes, answer: bytes | None) -> None:
    _give(end, query, answer or _cut(query))


def _cut(query: bytes) -> bytes:
    """The truncated answer to a query of the loop."""
    flags = flags_of(query) | QR | TC
    head = query[:2] + flags.to_bytes(2, "big") + query[4:10] + bytes(2)  # no additional record is left
    return head + query[HEADER_OCTETS:-OPT_OCTETS]


def _why(reason: OSError) -> str:
    if isinstance(reason, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({reason.verify_message.rstrip('.')})"
    if isinstance(reason, ssl.SSLError):
        return f"no TLS ({reason.reason or reason})"
    return os.strerror(reason.errno) if reason.errno else type(reason).__name__
