"""Accepts stream connections within limits, with PROXY header and TLS, for any protocol on top.

    listener → accept → PROXY header of a listed proxy → admitted? → TLS handshake → Connection → converse() → closed

Invariants: connections are bounded, in all and for each client, and clients do not share the places of strangers; who
is not admitted costs an accept and a close, or what a proxy's header costs; PROXY header and TLS handshake of a
connection end within `handshake_s`; a fault ends its own connection only; without a free descriptor the acceptor waits
and continues.
Source: RFC 7766 §6.2.2 (limits), RFC 7858 §3.2, HAProxy's PROXY protocol §2 (its header comes before all else; dnsdist
sends it as the first octets inside TLS, see its `proxyProtocolOutsideTLS`; both are accepted).
"""

import asyncio
import contextlib
import logging
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Final

from dns.base.errors import BadHeader
from dns.base.listeners import Listeners
from dns.base.places import Places
from dns.front.streams.turns import Turns
from fastpath.dns.admission import ClientGuard
from fastpath.report.counters import Counters
from fastpath.wire.proxy_protocol import octets_missing, told_by
from rules.base.clients import Client, client_of

BACKLOG: Final = 256
# What a client may take to read our last record and say goodbye.
GOODBYE_S: Final = 2.0
# Of a client's octets, twice as many are held; a longer message is read as it comes.
BUFFER_OCTETS: Final = 8192
_TLS_HANDSHAKE: Final = 22

log = logging.getLogger("dns.front.streams.acceptor")


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """Limits of streams, for each kind of listener.

    idle_s         RFC 7766 §6.2.3 asks for seconds; also the most that one query may take to arrive
    n_connections  in all;  n_of_client: of one IPv4 address or IPv6 /56, which may be a school behind NAT
    n_of_strangers  places of their own for addresses that the guard does not admit;  0: such a connection is closed
    n_waiting      queries of one connection that the upstream has at once
    handshake_s    for PROXY header and TLS together; a phone on a bad line needs two round trips of a second"""

    idle_s: float = 10.0
    n_connections: int = 1000
    n_of_client: int = 100
    n_of_strangers: int = 0
    n_waiting: int = 64
    handshake_s: float = 5.0


DEFAULT_LIMITS: Final = StreamLimits()
# A handshake costs a client more than a query: let it keep what it has made (RFC 7858 §3.4).
# A device with a token may be anywhere; who has none is found out after the handshake, or with the first request.
ENCRYPTED_LIMITS: Final = StreamLimits(idle_s=30.0, n_of_strangers=250)


@dataclass(frozen=True, slots=True)
class Connection:
    """One client's stream.

    client  its address;  tls: None without encryption;  is_stranger: the guard does not admit it
    use     to be called for every query: the connection is idle no longer
    pause   to be awaited after a little work: others go on, and this connection when it is its client's turn"""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    client: str
    tls: ssl.SSLObject | None
    is_stranger: bool
    use: Callable[[], None]
    pause: Callable[[], Awaitable[None]]


Converse = Callable[[Connection], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Door:
    """What to do with connections of one kind.

    converse   serves a connection until it ends; the acceptor closes it
    context    the TLS context for new connections; None: no TLS
    proxies    prefixes of proxies, which send a PROXY header first
    guard      which addresses are clients; None: all
    beginnings  how often a client may connect, as queries of a guard; None: as often as it likes"""

    converse: Converse
    limits: StreamLimits = DEFAULT_LIMITS
    context: Callable[[], ssl.SSLContext] | None = None
    proxies: Sequence[IPv4Network | IPv6Network] = ()
    guard: ClientGuard | None = None
    beginnings: ClientGuard | None = None

    def admits(self, address: str) -> bool:
        return self.guard is None or self.guard.admit(address, 0) == "admitted"


class _ConnectionRefusal(Exception):
    """The connection is not served.   counter: where that is counted"""

    def __init__(self, counter: str) -> None:
        super().__init__(counter)
        self.counter = counter


class Acceptor:
    """Accepts connections on listening sockets, for one Door.

    turns  of all doors of an event loop; None: it is the only one"""

    def __init__(self, door: Door, counters: Counters, turns: Turns | None = None) -> None:
        limits = door.limits
        self._door = door
        self._counters = counters
        self._turns = turns or Turns()
        self._opened: set[socket.socket] = set()
        self._clients = Places(limits.n_connections, limits.n_of_client)
        self._strangers = Places(limits.n_of_strangers, limits.n_of_client)
        self._unknown = Places(limits.n_connections, limits.n_connections)  # of proxies, before their header
        self._told = ""

    @property
    def n_open(self) -> int:
        """Connections that are open now."""
        return len(self._opened)

    async def serve(self, listeners: Sequence[socket.socket]) -> None:
        """Accept until cancelled; connections still open are then cut."""
        listening: Listeners | None = None
        try:
            async with asyncio.TaskGroup() as group:
                listening = Listeners("dns streams", listeners, partial(self._begin, group))
                listening.start()
                await asyncio.Event().wait()
        finally:
            if listening is not None:
                listening.stop()
            for opened in self._opened:  # of tasks that had no turn yet
                opened.close()

    def _begin(self, group: asyncio.TaskGroup, opened: socket.socket, peer: str) -> None:
        is_proxy = any(ip_address(peer) in proxy for proxy in self._door.proxies)
        if not (is_proxy or self._door.limits.n_of_strangers or self._door.admits(peer)):
            self._counters.add("dns_streams_not_ours")
            opened.close()
            return
        self._opened.add(opened)
        self._count_for(opened, peer)
        group.create_task(self._meet(opened, peer, is_proxy))

    def _log_fault(self, fault: str) -> None:
        """Log a fault once, however many connections have it; the counters count them all."""
        if fault != self._told:
            self._told = fault
            log.warning("%s", fault)

    async def _meet(self, opened: socket.socket, peer: str, is_proxy: bool) -> None:
        """Serve a connection from accept to close."""
        try:
            await self._serve(opened, peer, is_proxy)
        except _ConnectionRefusal as refused:
            self._counters.add(refused.counter)
        except (OSError, EOFError):
            pass  # gone, or too slow: no one is left to tell
        except BadHeader as reason:
            self._counters.add("dns_proxy_refused")
            self._log_fault(f"dns streams: from {peer}: {reason}")
        except Exception:
            log.exception("dns streams: internal error; the connection from %s is closed; please report it", peer)
        finally:
            if self._turns.selector is not None:
                self._turns.selector.disown(opened)
            opened.close()
            self._opened.discard(opened)

    async def _serve(self, opened: socket.socket, peer: str, is_proxy: bool) -> None:
        """Raises BadHeader, _ConnectionRefusal, EOFError."""
        with contextlib.ExitStack() as held, contextlib.ExitStack() as unknown:
            async with asyncio.timeout(self._door.limits.handshake_s):
                if is_proxy:
                    unknown.enter_context(_place(self._unknown, peer, self._evict))
                client, use = await self._client_before_tls(opened, peer) if is_proxy else peer, None
                if client is not None:
                    use = held.enter_context(self._admitted(client))
                    unknown.close()
                if self._door.context is not None:  # a handshake is as much work as thirty queries
                    await self._turns.wait(self._counts_as(client or peer))
                reader, writer = await self._connected(opened)
                held.callback(writer.transport.abort)
                if client is None or use is None:
                    client = await _source(reader.read) or peer
                    use = held.enter_context(self._admitted(client))
                    unknown.close()
            if is_proxy:  # until now the connection counted for it
                self._count_for(opened, client)
            tls, is_stranger = writer.get_extra_info("ssl_object"), not self._door.admits(client)
            pause = partial(self._turns.wait, self._counts_as(client))
            await self._door.converse(Connection(reader, writer, client, tls, is_stranger, use, pause))
            await self._part(writer)

    async def _client_before_tls(self, opened: socket.socket, proxy: str) -> str | None:
        """The client by a proxy's header; None: the header is inside TLS.   Raises BadHeader, EOFError.

        HAProxy sends its header before TLS, as the protocol has it; dnsdist in TLS."""
        if self._door.context is not None and await _begins_tls(opened):
            return None
        return await _source(partial(asyncio.get_running_loop().sock_recv, opened)) or proxy

    def _admitted(self, client: str) -> "contextlib.AbstractContextManager[Callable[[], None]]":
        """A place for a client or a stranger; gives Connection.use.   Raises _ConnectionRefusal."""
        is_client = self._door.admits(client)
        if not is_client and not self._door.limits.n_of_strangers:
            raise _ConnectionRefusal("dns_streams_not_ours")
        beginnings = self._door.beginnings
        if beginnings is not None and beginnings.admit(client, time.monotonic_ns()) != "admitted":
            raise _ConnectionRefusal("dns_streams_refused")
        return _place(self._clients if is_client else self._strangers, client, self._evict)

    def _counts_as(self, client: str) -> Client:
        """Whose turn it is when this client goes on: strangers have one together."""
        return client_of(client) if self._door.admits(client) else ""

    def _count_for(self, opened: socket.socket, client: str) -> None:
        if self._turns.selector is not None:
            self._turns.selector.own(opened, self._counts_as(client))

    def _evict(self, task: "asyncio.Task[None]") -> None:
        self._counters.add("dns_streams_evicted")
        task.cancel()

    async def _connected(self, opened: socket.socket) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Make the stream of an accepted socket, after the handshake."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(BUFFER_OCTETS)
        protocol = asyncio.StreamReaderProtocol(reader)
        context = self._door.context() if self._door.context else None
        try:
            transport, _ = await loop.connect_accepted_socket(
                lambda: protocol,
                opened,
                ssl=context,
                ssl_handshake_timeout=self._door.limits.handshake_s if context else None,
                ssl_shutdown_timeout=GOODBYE_S if context else None,
            )
        except (OSError, asyncio.CancelledError):  # the latter where the time for it was over
            self._counters.add("dns_handshakes_failed")
            raise
        return reader, asyncio.StreamWriter(transport, protocol, reader, loop)

    async def _part(self, writer: asyncio.StreamWriter) -> None:
        """Close after the client has read what was written, or at the time limit."""
        writer.close()
        with contextlib.suppress(OSError):
            async with asyncio.timeout(GOODBYE_S):
                await writer.wait_closed()


@contextlib.contextmanager
def _place(places: Places, client: str, evict: Callable[["asyncio.Task[None]"], None]) -> Iterator[Callable[[], None]]:
    """Hold a place while this task serves its connection; gives what notes its use.   Raises _ConnectionRefusal."""
    task = asyncio.current_task()
    assert task is not None
    place = places.take(client, partial(evict, task))
    if place is None:
        raise _ConnectionRefusal("dns_streams_refused")
    try:
        yield partial(places.use, place)
    finally:
        places.give_back(place)


async def _begins_tls(opened: socket.socket) -> bool:
    """Whether the first octet begins a TLS handshake; it is not consumed.   Raises EOFError."""
    loop = asyncio.get_running_loop()
    is_there = asyncio.Event()
    loop.add_reader(opened, is_there.set)
    try:
        await is_there.wait()
    finally:
        loop.remove_reader(opened)
    first = opened.recv(1, socket.MSG_PEEK)
    if not first:
        raise EOFError
    return first[0] == _TLS_HANDSHAKE


async def _source(read: Callable[[int], Awaitable[bytes]]) -> str | None:
    """Read the client's address from a PROXY header; None: the proxy's own connection (LOCAL).

    Reads no octet after the header.   Raises BadHeader, EOFError."""
    octets = b""
    try:
        while (told := told_by(octets)) is None:
            if not (more := await read(octets_missing(octets))):
                raise EOFError
            octets += more
    except ValueError as reason:
        raise BadHeader(str(reason)) from None
    return told[0]
