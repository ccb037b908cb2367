"""Serves a web application of aiohttp within limits: connections in all and for each client, and time for everything.

    accept → a place → TLS handshake, or a whole header → aiohttp → closed

aiohttp limits a request's header and the silence between requests by one time-out (`keepalive_timeout`, which begins
with the connection), and has no limit of connections.  Without TLS it gets a connection once its first header is there:
until then the octets lie in the kernel, and a slow client costs us a tenth of what a request does.
Invariants: a new connection always gets a place: where there is none, the oldest one ends, of the same client first, so
that whoever holds places with slow requests loses them, and a visitor gets in; a place is free when its socket is
closed; no answer tells versions.
"""

import asyncio
import logging
import re
import socket
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from aiohttp import http_exceptions, web, web_response

from dns.upstreams.endpoints import Endpoint
from mgmt.client_address import client_address, client_network

BACKLOG: Final = 1024
HEADER_OCTETS: Final = 16384  # that are looked at; a longer header is aiohttp's to wait for, and to refuse
HEADER_END: Final = re.compile(rb"\n\r?\n")
HANDSHAKE_S: Final = 5.0
# The rest of a body that is not taken is read for so long, so that a client reads its answer before we close.
LINGER_S: Final = 0.5
SHUTDOWN_S: Final = 2.0  # an order that waits for its receipt is stored already; the asker repeats it
PAUSE_S: Final = 0.5  # without a free descriptor
LOOK_S: Final = 1.0
TELL_S: Final = 60.0

# Of every answer, also of those to what is no HTTP, which pass no signal of the application.
vars(web_response)["SERVER_SOFTWARE"] = "filterd"

log = logging.getLogger("filterd.process.http_listener")


class _OwnFaults(logging.Filter):
    """Keeps aiohttp from writing a traceback, and the client's address, for whatever a client sends that is no HTTP."""

    def filter(self, record: logging.LogRecord) -> bool:
        fault = record.exc_info[1] if record.exc_info else None
        if isinstance(fault, ConnectionError | http_exceptions.HttpProcessingError | web.RequestPayloadError):
            return False
        record.msg, record.args = "a fault of filterd in an answer; please report it", ()
        return True


logging.getLogger("aiohttp.server").addFilter(_OwnFaults())


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpLimits:
    """Limits of one application.

    n_connections  in all;   n_of_client  of one IPv4 address or IPv6 /56
    header_s       from the connection, or the last answer, to the end of a request's header
    longest_s      that a connection may live; None: as long as it goes on
    n_headers      of one request, 8 KiB each"""

    n_connections: int
    n_of_client: int
    header_s: float
    longest_s: float | None
    n_headers: int


class _Guest:
    """A connection: from accept to close."""

    __slots__ = ("client", "meeting", "opened", "since_s", "transport")

    def __init__(self, opened: socket.socket, client: str) -> None:
        self.opened, self.client, self.since_s = opened, client, time.monotonic()
        self.meeting: asyncio.Task[None] | None = None
        self.transport: asyncio.Transport | None = None

    @property
    def is_over(self) -> bool:
        return self.opened.fileno() < 0

    def end(self) -> None:
        """Close at once; what is not sent yet is lost."""
        if self.transport is not None:
            self.transport.abort()
        elif self.meeting is not None:
            self.meeting.cancel()


class HttpListener:
    """Listens for one application."""

    def __init__(self, name: str, app: web.Application, limits: HttpLimits, tls: ssl.SSLContext | None = None) -> None:
        self._name, self._limits, self._tls = name, limits, tls
        # No access log: it would hold addresses and what they asked for (semantics §9).
        self._runner = web.AppRunner(
            app,
            access_log=None,
            shutdown_timeout=SHUTDOWN_S,
            keepalive_timeout=limits.header_s,
            lingering_time=LINGER_S,
            max_headers=limits.n_headers,
            auto_decompress=False,  # nobody has to send us compressed bodies; unpacking them would cost us, not them
        )
        self._guests: dict[_Guest, None] = {}  # in order of arrival
        self._guests_of: dict[str, list[_Guest]] = {}
        self._listeners: list[socket.socket] = []
        self._accepting: list[asyncio.Task[None]] = []
        self._n_ended = 0

    async def bind(self, endpoints: Sequence[Endpoint]) -> None:
        """Take the endpoints.   Raises OSError, with a note, where one of them cannot be bound."""
        for endpoint in endpoints:
            try:
                self._listeners.append(_bound(endpoint))
            except OSError as reason:
                for listener in self._listeners:
                    listener.close()
                reason.add_note(
                    f"{self._name} listen {endpoint}: not bound; "
                    "is the address on this box, and the port free and allowed"
                )
                raise
        await self._runner.setup()

    def start(self, group: asyncio.TaskGroup) -> None:
        """Begin to serve, in tasks of `group`, until close()."""
        self._accepting = [group.create_task(self._accept(each, group)) for each in self._listeners]
        self._accepting.append(group.create_task(self._watch()))

    async def close(self) -> None:
        """Accept no more; requests that are being answered have SHUTDOWN_S."""
        for task in self._accepting:
            task.cancel()
        await asyncio.gather(*self._accepting, return_exceptions=True)
        for listener in self._listeners:
            listener.close()
        await self._runner.cleanup()
        for guest in self._guests:
            guest.end()

    @property
    def n_open(self) -> int:
        """Connections that are open now."""
        return sum(not guest.is_over for guest in self._guests)

    # ------------------------------------------------------------------------------------------------------------------

    async def _accept(self, listener: socket.socket, group: asyncio.TaskGroup) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                opened, peer = await loop.sock_accept(listener)
            except ConnectionError:  # gone already
                continue
            except OSError as reason:
                log.warning("%s: no connection accepted (%s); trying again; raise LimitNOFILE", self._name, reason)
                await asyncio.sleep(PAUSE_S)
                continue
            guest = _Guest(opened, client_network(client_address(peer[0]) or "::"))
            self._make_room(guest.client)
            self._guests[guest] = None
            self._guests_of.setdefault(guest.client, []).append(guest)
            guest.meeting = group.create_task(self._meet(guest))
            await asyncio.sleep(0)  # those that came before have their turn, also while a thousand wait to be accepted

    def _make_room(self, client: str) -> None:
        """End the oldest connection of a client that has all of its places, or of all where no place is left."""
        own = self._guests_of.get(client, [])
        if len(own) >= self._limits.n_of_client or len(self._guests) >= self._limits.n_connections:
            self._forget_closed()
            own = self._guests_of.get(client, [])
        if len(own) >= self._limits.n_of_client:
            self._end(own[0])
        elif len(self._guests) >= self._limits.n_connections:
            self._end(next(iter(self._guests)))

    def _end(self, guest: _Guest) -> None:
        guest.end()
        self._n_ended += 1
        self._forget(guest)

    def _forget(self, guest: _Guest) -> None:
        del self._guests[guest]
        own = self._guests_of[guest.client]
        own.remove(guest)
        if not own:
            del self._guests_of[guest.client]

    def _forget_closed(self) -> None:
        for guest in [guest for guest in self._guests if guest.is_over]:
            self._forget(guest)

    async def _meet(self, guest: _Guest) -> None:
        """Hand a connection to aiohttp, after its handshake."""
        server = self._runner.server
        assert server is not None
        is_tls = self._tls is not None
        try:
            if not is_tls:
                async with asyncio.timeout(self._limits.header_s):
                    await _header_is_there(guest.opened)
            guest.transport, _ = await asyncio.get_running_loop().connect_accepted_socket(
                server,
                guest.opened,
                ssl=self._tls,
                ssl_handshake_timeout=HANDSHAKE_S if is_tls else None,
                ssl_shutdown_timeout=LINGER_S if is_tls else None,
            )
        except OSError:  # gone, too slow (a TimeoutError), or no TLS: nobody is left to tell
            guest.opened.close()
        except asyncio.CancelledError:
            guest.opened.close()
            raise
        except Exception:
            log.exception("%s: internal error; the connection is closed; please report it", self._name)
            guest.opened.close()

    async def _watch(self) -> None:
        """End connections that have lived for too long; tell, once a minute at most, that some had to go."""
        told_s = -TELL_S
        while True:
            await asyncio.sleep(LOOK_S)
            self._forget_closed()
            now_s = time.monotonic()
            if self._limits.longest_s is not None:
                for guest in self._guests:
                    if now_s - guest.since_s < self._limits.longest_s:
                        break  # the others came later
                    guest.end()
            if self._n_ended and now_s - told_s >= TELL_S:
                log.warning(
                    "%s: %d connections ended for newer ones, beyond %d in all or %d of one client; nothing to do",
                    self._name,
                    self._n_ended,
                    self._limits.n_connections,
                    self._limits.n_of_client,
                )
                self._n_ended, told_s = 0, now_s


async def _header_is_there(opened: socket.socket) -> None:
    """Wait for the end of a header, or of what we look at; nothing is taken from the socket."""
    loop = asyncio.get_running_loop()
    seen = 0
    while octets := await _peeked(loop, opened):
        if len(octets) in (seen, HEADER_OCTETS) or HEADER_END.search(octets):  # as many as before: its end is there
            break
        seen = len(octets)
        # Readable with one octet more: those that are there would wake us again at once.
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, seen + 1)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)


async def _peeked(loop: asyncio.AbstractEventLoop, opened: socket.socket) -> bytes:
    is_readable = asyncio.Event()
    loop.add_reader(opened, is_readable.set)
    try:
        await is_readable.wait()
    finally:
        loop.remove_reader(opened)
    return opened.recv(HEADER_OCTETS, socket.MSG_PEEK)


def _bound(endpoint: Endpoint) -> socket.socket:
    """A listening socket; an IPv6 one takes no IPv4."""
    family = socket.AF_INET6 if ":" in endpoint.host else socket.AF_INET
    listener = socket.create_server((endpoint.host, endpoint.port), family=family, backlog=BACKLOG)
    listener.setblocking(False)
    return listener
