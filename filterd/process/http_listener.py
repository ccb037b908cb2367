"""Serves a web application of aiohttp within limits: connections in all and for each client, and time for everything.

    accept → a place → TLS handshake, or a whole header → aiohttp → closed

aiohttp limits a request's header and the silence between requests by one time-out (`keepalive_timeout`, which begins
with the connection), and has no limit of connections.  Without TLS it gets a connection once its first header is there:
until then the octets lie in the kernel, and a slow client costs us a tenth of what a request does.
Invariants: a new connection always gets a place: where none exists, an older one ends (dns/base/places.py says
which), so that anyone who holds places with slow requests loses them, and a visitor gets in; a place is free when its
socket is closed; no answer tells versions.
"""

import asyncio
import logging
import re
import socket
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from aiohttp import http_exceptions, typedefs, web, web_response

from dns.base.endpoints import Endpoint
from dns.base.listeners import Listeners
from dns.base.places import Place, Places
from rules.base.clients import client_address

BACKLOG: Final = 1024
HEADER_OCTETS: Final = 16384  # that are looked at; a longer header is aiohttp's to wait for, and to refuse
HEADER_END: Final = re.compile(rb"\n\r?\n")
HANDSHAKE_S: Final = 5.0
# The rest of a body that is not taken is read for so long, so that a client reads its answer before we close.
LINGER_S: Final = 0.5
SHUTDOWN_S: Final = 2.0  # an order that waits for its receipt is stored already; the asker repeats it
LOOK_S: Final = 1.0
TELL_S: Final = 60.0

# Of every answer, also of those to what is no HTTP, which pass no signal of the application.
vars(web_response)["SERVER_SOFTWARE"] = "filterd"

log = logging.getLogger("filterd.process.http_listener")


class _OwnFaults(logging.Filter):
    """Keeps aiohttp from writing a traceback, and the client's address, for all that a client sends that is not
    HTTP."""

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

    __slots__ = ("late", "meeting", "n_seen", "opened", "place", "protocol", "since_s", "transport")

    def __init__(self, opened: socket.socket) -> None:
        self.opened, self.since_s, self.n_seen = opened, time.monotonic(), 0
        self.place: Place | None = None
        self.late: asyncio.TimerHandle | None = None  # while its header is waited for
        self.meeting: asyncio.Task[None] | None = None
        self.protocol: web.RequestHandler | None = None  # once aiohttp has it
        self.transport: asyncio.Transport | None = None

    @property
    def is_over(self) -> bool:
        return self.opened.fileno() < 0

    def has_header(self) -> bool:
        """Whether a header, the end of the stream, or as much as we look at is there.   Nothing is taken.

        Raises BlockingIOError where nothing is there yet; OSError."""
        octets = self.opened.recv(HEADER_OCTETS, socket.MSG_PEEK)
        if len(octets) in (self.n_seen, HEADER_OCTETS) or HEADER_END.search(octets):  # as many as before: its end
            return True
        self.n_seen = len(octets)
        # Readable with one octet more: those that are there would wake us again at once.
        self.opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, self.n_seen + 1)
        return False

    def end(self) -> None:
        """Close at once; what is not sent yet is lost."""
        if self.transport is not None:
            self.transport.abort()
        elif self.meeting is not None:
            self.meeting.cancel()
        elif not self.is_over:
            self.wait_no_longer()
            self.opened.close()

    def wait_no_longer(self) -> None:
        """For its header."""
        if self.late is not None:
            asyncio.get_running_loop().remove_reader(self.opened)
            self.late.cancel()
            self.late = None
            self.opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)


class HttpListener:
    """Listens for one application."""

    def __init__(self, name: str, app: web.Application, limits: HttpLimits, tls: ssl.SSLContext | None = None) -> None:
        self._name, self._limits, self._tls = name, limits, tls
        app.middlewares.insert(0, self._note_request)
        # No access log: it would hold addresses and what they asked for (semantics §9).
        self._runner = web.AppRunner(
            app,
            access_log=None,
            shutdown_timeout=SHUTDOWN_S,
            keepalive_timeout=limits.header_s,
            lingering_time=LINGER_S,
            max_headers=limits.n_headers,
            auto_decompress=False,  # no one has to send us compressed bodies; unpacking them would cost us, not them
        )
        self._places = Places(limits.n_connections, limits.n_of_client, is_newest_kept=True)
        self._guests: dict[_Guest, None] = {}  # in order of arrival
        # Those that aiohttp has: they close without telling us.
        self._met: dict[web.RequestHandler, _Guest] = {}
        self._listeners: list[socket.socket] = []
        self._listening: Listeners | None = None
        self._watching: asyncio.Task[None] | None = None
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
        self._listening = Listeners(self._name, self._listeners, partial(self._begin, group))
        self._listening.start()
        self._watching = group.create_task(self._watch())

    async def close(self) -> None:
        """Accept no more; requests that are being answered have SHUTDOWN_S."""
        if self._listening is not None and self._watching is not None:
            self._listening.stop()
            self._watching.cancel()
        for listener in self._listeners:
            listener.close()
        for guest in self._guests.keys() - set(self._met.values()):
            guest.end()
        await self._runner.cleanup()
        for guest in self._guests:
            guest.end()

    @property
    def n_open(self) -> int:
        """Connections that are open now."""
        return sum(not guest.is_over for guest in self._guests)

    # ------------------------------------------------------------------------------------------------------------------

    def _begin(self, group: asyncio.TaskGroup, opened: socket.socket, peer: str) -> None:
        """Give a new connection its place; for one whose header is not whole, that and its octets are all it costs."""
        guest, client = _Guest(opened), client_address(peer) or "::"
        if not self._places.has_room(client):
            self._forget_closed()
        guest.place = self._places.take(client, partial(self._displace, guest))
        self._guests[guest] = None
        if self._tls is not None:
            self._hand_over(group, guest)
        else:
            self._look(group, guest)

    def _look(self, group: asyncio.TaskGroup, guest: _Guest) -> None:
        """Hand a connection over once its header is there."""
        try:
            is_there = guest.has_header()
        except BlockingIOError:
            is_there = False
        except OSError:  # gone already
            self._drop(guest)
            return
        if is_there:
            guest.wait_no_longer()
            self._hand_over(group, guest)
        elif guest.late is None:
            loop = asyncio.get_running_loop()
            loop.add_reader(guest.opened, self._look, group, guest)
            guest.late = loop.call_later(self._limits.header_s, self._drop, guest)

    def _hand_over(self, group: asyncio.TaskGroup, guest: _Guest) -> None:
        server = self._runner.server
        assert server is not None
        guest.protocol = server()
        self._met[guest.protocol] = guest
        guest.meeting = group.create_task(self._meet(guest, guest.protocol))

    @web.middleware
    async def _note_request(self, request: web.Request, handler: typedefs.Handler) -> web.StreamResponse:
        """Have a connection count as idle from its last request on, not from when it came."""
        guest = self._met.get(request.protocol)
        if guest is not None and guest.place is not None:
            self._places.use(guest.place)
        return await handler(request)

    def _displace(self, guest: _Guest) -> None:
        """End a connection whose place a newer one has taken."""
        self._n_ended += 1
        self._drop(guest)

    def _drop(self, guest: _Guest) -> None:
        guest.end()
        self._forget(guest)

    def _forget(self, guest: _Guest) -> None:
        assert guest.place is not None
        self._places.give_back(guest.place)
        self._guests.pop(guest, None)
        if guest.protocol is not None:
            self._met.pop(guest.protocol, None)

    def _forget_closed(self) -> None:
        for guest in [guest for guest in self._met.values() if guest.is_over]:
            self._forget(guest)

    async def _meet(self, guest: _Guest, protocol: asyncio.Protocol) -> None:
        """Hand a connection to aiohttp, after its handshake."""
        is_tls = self._tls is not None
        try:
            guest.transport, _ = await asyncio.get_running_loop().connect_accepted_socket(
                lambda: protocol,
                guest.opened,
                ssl=self._tls,
                ssl_handshake_timeout=HANDSHAKE_S if is_tls else None,
                ssl_shutdown_timeout=LINGER_S if is_tls else None,
            )
        except OSError:  # gone, too slow (a TimeoutError), or no TLS: no one is left to tell
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
                self._end_older_than(now_s - self._limits.longest_s)
            if self._n_ended and now_s - told_s >= TELL_S:
                log.warning(
                    "%s: %d connections ended for newer ones, beyond %d in all or %d of one client; nothing to do",
                    self._name,
                    self._n_ended,
                    self._limits.n_connections,
                    self._limits.n_of_client,
                )
                self._n_ended, told_s = 0, now_s

    def _end_older_than(self, since_s: float) -> None:
        for guest in list(self._guests):
            if guest.since_s > since_s:
                break  # the others came later
            self._drop(guest)


def _bound(endpoint: Endpoint) -> socket.socket:
    """A listening socket; an IPv6 one takes no IPv4."""
    family = socket.AF_INET6 if ":" in endpoint.host else socket.AF_INET
    listener = socket.create_server((endpoint.host, endpoint.port), family=family, backlog=BACKLOG)
    listener.setblocking(False)
    return listener
