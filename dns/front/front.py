"""The DNS front of one worker: sockets, the loop's thread, the stream server, and supervision of upstreams.

    run() = thread(DnsLoop) + thread(StreamServer) + connecting to upstreams + flushing of reporters, until cancelled

Three threads: the UDP loop, which needs no Python; the streams, behind it and on an event loop of their own; and the
caller's, which has the upstreams' connections.
Invariants: it blocks from its first second, even without a network to its upstreams; no upstream is one of its own
endpoints; IPv4 and IPv6 have sockets of their own (no mapped addresses); UDP and TCP of an endpoint share its port;
several workers share an endpoint by SO_REUSEPORT.  The front owns its sockets, and gives tables to its loop alone.
A front with other settings can take the place of a running one: it is made with that one's sockets, which stay open.
"""

import asyncio
import logging
import socket
from collections.abc import Callable, Sequence
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from dns.base.endpoints import Endpoint, TlsEndpoint, Upstream, require_others
from dns.base.errors import UpstreamFailure
from dns.base.loop_thread import LoopThread
from dns.base.real_time import RealTime
from dns.base.stream_client import StreamUpstream
from dns.base.tcp_client import Ask, ask, ask_in_order
from dns.front.answers import AnswerPolicy
from dns.front.resolver_plan import DEFAULT_RESOLVER, ResolverPlan
from dns.front.streams.acceptor import BACKLOG
from dns.front.streams.answer_path import AnswerPath
from dns.front.streams.server import DEFAULT_PLAN, StreamPlan, StreamServer
from dns.front.streams.stream_thread import StreamThread
from dns.front.streams.turns import Turns
from fastpath.dns.admission import ClientGuard
from fastpath.dns.loop import DnsLoop
from fastpath.dns.stream_resolver import StreamResolver
from fastpath.images.tables import Handoff, TableSet
from fastpath.report.spool import Reporter

# 4 MiB: a quarter of a second of queries at 100,000 a second, 200 octets each with the kernel's own share.
BUFFER_OCTETS: Final = 4 << 20
TEND_EVERY_S: Final = 0.1
CONNECT_EVERY_S: Final = 1.0
# Queries of streams at the upstreams at once.  Over TCP each has a descriptor, and images need some, too.
MAX_ASKED: Final = 2048
# A port sends for 2 s, too short to find it by trying, and receives for 6 s more: longer than any query waits.
ROTATE_EVERY_S: Final = 0.25
PORTS_TRIED: Final = 10

_IP_PKTINFO: Final = 8  # <linux/in.h>; the socket module does not name it
_IP_MTU_DISCOVER: Final = 10
_IPV6_MTU_DISCOVER: Final = 23
# Ignore path MTUs that strangers claim, and never set DF: forged ICMP must not cut our answers (Linux ip(7)).
_PMTUDISC_OMIT: Final = 5

log = logging.getLogger("dns.front.front")


def open_udp(endpoint: Endpoint) -> socket.socket:
    """Open a UDP socket that answers from the address each query was sent to.

    Bound to a wildcard address, it asks the kernel for each query's destination (PKTINFO).  Bound to one address it
    does not need to, which saves a tenth of the kernel's work.   Raises OSError with a note on where."""
    opened = _bound(endpoint, socket.SOCK_DGRAM)
    is_any = int(ip_address(endpoint.host.partition("%")[0]).is_unspecified)
    if opened.family == socket.AF_INET6:
        opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, is_any)
        opened.setsockopt(socket.IPPROTO_IPV6, _IPV6_MTU_DISCOVER, _PMTUDISC_OMIT)
    else:
        opened.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, is_any)
        opened.setsockopt(socket.IPPROTO_IP, _IP_MTU_DISCOVER, _PMTUDISC_OMIT)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_OCTETS)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_OCTETS)
    return opened


def open_tcp(endpoint: Endpoint, is_alone: bool = False) -> socket.socket:
    """Open a listening TCP socket.   is_alone: no other has its port yet.   Raises OSError with a note on where."""
    opened = _bound(endpoint, socket.SOCK_STREAM, is_alone)
    try:
        opened.listen(BACKLOG)
    except OSError:
        opened.close()
        raise
    return opened


def _open_both(endpoint: Endpoint) -> tuple[socket.socket, socket.socket]:
    """Open UDP and TCP on one port; where the kernel chose a UDP port that is taken for TCP, try another."""
    left = 1 if endpoint.port else PORTS_TRIED
    while True:
        udp = open_udp(endpoint)
        try:
            return udp, open_tcp(Endpoint(endpoint.host, udp.getsockname()[1]), is_alone=not endpoint.port)
        except OSError:
            udp.close()
            left -= 1
            if not left:
                raise


def _bound(endpoint: Endpoint, kind: socket.SocketKind, is_alone: bool = False) -> socket.socket:
    """Bind a socket that others can join.

    Where it may be joined before it is bound, the kernel counts a port that another front has as free, too: of two
    fronts at ports of the kernel's choice, each would get half of the other's queries."""
    family = socket.AF_INET6 if ":" in endpoint.host else socket.AF_INET
    opened = socket.socket(family, kind)
    opened.setblocking(False)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, int(not is_alone and endpoint.port != 0))
    if family == socket.AF_INET6:
        opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    try:
        opened.bind(endpoint)
    except OSError as exc:
        opened.close()
        exc.add_note(f"dns listen {endpoint}: not bound; is the address on this box, and the port free and allowed")
        raise
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    return opened


class DnsFront:
    """The DNS front of one worker.

    listen      a port of 0 lets the kernel choose, see `bound`
    upstreams   in order of preference
    reporter, stream_reporter   of the loop and of the stream server: each is the one writer of its counters and spool
    heir_of     the front whose sockets this one has, instead of opening `listen`: run() that one no more before this
    Sockets are open once this returns; an upstream may still be unreachable.
    Raises OSError where one cannot be bound, UpstreamIsOurselves, BadCertificate, MemoryError."""

    def __init__(
        self,
        listen: Sequence[Endpoint],
        upstreams: Sequence[Upstream],
        reporter: Reporter,
        stream_reporter: Reporter,
        answers: AnswerPolicy,
        plan: StreamPlan = DEFAULT_PLAN,
        resolver: ResolverPlan = DEFAULT_RESOLVER,
        heir_of: "DnsFront | None" = None,
    ) -> None:
        require_others([*listen, *plan.tls], upstreams)
        self._upstreams = list(upstreams)
        self._over_streams = [StreamUpstream(each, resolver.upstream_ca) for each in upstreams]
        self._reporters = (reporter, stream_reporter)
        self._handoff = Handoff()
        self._udp: list[socket.socket] = []
        self._tcp: list[socket.socket] = []
        self._tls: list[socket.socket] = []
        self._https: list[socket.socket] = []
        self.bound: list[Endpoint] = []
        specs = answers.specs()
        specials, cookies = resolver.specials, resolver.cookie_master
        self._answering = StreamResolver(
            stream_reporter,
            specs,
            cache_octets=resolver.stream_cache_octets,
            guard=resolver.stream_guard(),
            forwarders=resolver.believed(),
            specials=specials,
            cookie_master=cookies,
        )
        if resolver.is_shut_without_images:
            self._answering.shut_without_images()
        path = AnswerPath(self._answering, stream_reporter.counters, self._ask)
        self._streams = StreamServer(path, plan, resolver.connection_guard())
        self._stream_thread = StreamThread(self._serve_streams, stream_reporter.counters)
        self._main: asyncio.AbstractEventLoop | None = None
        self._n_asked = 0  # of streams, in their thread
        if heir_of is None:
            self._open_all(listen, plan)
        else:
            self._udp, self._tcp, self._tls, self._https = heir_of.sockets
            self.bound = heir_of.bound
        self._loop = DnsLoop(
            self._udp,
            self._ways(),
            self._handoff,
            reporter,
            specs,
            cache_octets=resolver.cache_octets,
            guard=resolver.guard(),
            forwarders=resolver.believed(),
            specials=specials,
            cookie_master=cookies,
            proxies=ClientGuard([str(proxy) for proxy in plan.proxies]) if plan.proxies else None,
            streams=[each.open_insistent_end for each in self._over_streams],
        )
        if resolver.is_shut_without_images:
            self._loop.shut_without_images()
        self._real_time = RealTime()
        self._thread = LoopThread(self._loop, self._handoff, "dns-loop", self._real_time.begin)

    def _open_all(self, listen: Sequence[Endpoint], plan: StreamPlan) -> None:
        try:
            for endpoint in listen:
                self._open(endpoint)
            for opened, endpoints in ((self._tls, plan.tls), (self._https, plan.https)):
                for endpoint in endpoints:
                    opened.append(open_tcp(endpoint))
        except OSError:
            self.close()
            raise

    def _open(self, endpoint: Endpoint) -> None:
        udp, tcp = _open_both(endpoint)
        self._udp.append(udp)
        self._tcp.append(tcp)
        self.bound.append(Endpoint(endpoint.host, udp.getsockname()[1]))

    @property
    def sockets(self) -> tuple[list[socket.socket], ...]:
        """UDP, TCP, TLS and HTTPS."""
        return self._udp, self._tcp, self._tls, self._https

    def give_up_sockets(self) -> None:
        """Leave the sockets to an heir: they stay open when this front ends."""
        self._udp, self._tcp, self._tls, self._https = [], [], [], []

    @property
    def bound_tls(self) -> list[Endpoint]:
        """Endpoints of DNS over TLS."""
        return [Endpoint(*opened.getsockname()[:2]) for opened in self._tls]

    @property
    def bound_https(self) -> list[Endpoint]:
        """Endpoints of DNS over HTTPS."""
        return [Endpoint(*opened.getsockname()[:2]) for opened in self._https]

    def give(self, tables: TableSet) -> None:
        """Serve `tables` from the first packet on: before run()."""
        self._thread.give(tables)
        self._use_for_streams(tables)

    async def use(self, tables: TableSet) -> None:
        """Serve `tables`, or newer ones given meanwhile; returns once the loop does.

        tables   newer than any given before
        Raises TimeoutError where the loop does not take them in 5 s."""
        await self._thread.use(tables)
        self._use_for_streams(tables)

    def _use_for_streams(self, tables: TableSet) -> None:
        self._answering.use(tables)
        self._streams.use(tables)

    @property
    def n_turns(self) -> int:
        """Turns of the loop so far; at least one a second while it runs."""
        return self._loop.n_turns

    def upstreams(self) -> dict[str, bool]:
        """Upstream → whether it answers; those that are down are probed until they do."""
        down = set(self._loop.down())
        return {str(each): index not in down for index, each in enumerate(self._upstreams)}

    def connections(self) -> dict[str, int]:
        """Transport → connections of clients that are open now."""
        return self._streams.connections()

    async def run(self) -> None:
        """Serve until cancelled; then close everything."""
        try:
            await self._thread.run(self._serve())
        finally:
            self.close()

    async def _serve(self) -> None:
        """Run everything but the loop: streams, upstreams, counters and spools."""
        self._main = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._stream_thread.run())
            group.create_task(self._real_time.watch())
            group.create_task(self._connect())
            group.create_task(self._rotate())
            group.create_task(self._tend())
            for upstream in self._over_streams:
                group.create_task(upstream.run())

    async def _serve_streams(self, turns: Turns) -> None:
        await self._streams.serve(turns, self._tcp, self._tls, self._https)

    def close(self) -> None:
        """Close the sockets of a front that does not run."""
        for opened in self._udp + self._tcp + self._tls + self._https:
            opened.close()
        for upstream in self._over_streams:
            upstream.close()

    def _ways(self) -> list[tuple[str, int] | Callable[[], int]]:
        """How the loop reaches each upstream: an endpoint, or a factory of socket descriptors."""
        return [
            stream.open_end if isinstance(each, TlsEndpoint) else each
            for each, stream in zip(self._upstreams, self._over_streams, strict=True)
        ]

    def _ask_of(self, index: int) -> Ask:
        """How a query from a stream reaches the upstream."""
        upstream = self._upstreams[index]
        return partial(self._ask_over_tls, index) if isinstance(upstream, TlsEndpoint) else partial(ask, upstream)

    async def _ask_over_tls(self, index: int, query: bytes, patience_s: float) -> bytes:
        """Ask over the loop's own connection, which is the main thread's.   Raises UpstreamFailure."""
        assert self._main is not None
        asking = self._over_streams[index].ask(query, patience_s)
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(asking, self._main))

    async def _ask(self, query: bytes) -> bytes:
        """Ask the upstreams, from the streams' thread.   Raises UpstreamFailure."""
        if self._n_asked >= MAX_ASKED:
            raise UpstreamFailure(f"upstreams: {MAX_ASKED} queries of streams wait; not asked; are the upstreams slow")
        if self._loop.is_upstream_dead:
            raise UpstreamFailure("upstreams: all are away; not asked; see what was logged about each")
        asks = [self._ask_of(index) for index in self._loop.preference()]
        self._n_asked += 1
        try:
            return await ask_in_order(asks, query)
        finally:
            self._n_asked -= 1

    async def _connect(self) -> None:
        """Connect to the upstreams; retry until all have sockets: at boot, the network may come up after filterd."""
        logged: dict[int, str] = {}
        while missing := self._loop.connect_missing():
            if missing != logged:
                for index, reason in missing.items():
                    log.warning(
                        "dns upstream %s: out of reach (%s); still blocking; trying again; check the routes",
                        self._upstreams[index],
                        reason,
                    )
            logged = missing
            await asyncio.sleep(CONNECT_EVERY_S)
            require_others([*self.bound, *self.bound_tls], self._upstreams)
        if logged:
            log.info("dns upstreams: all are reachable now")

    async def _rotate(self) -> None:
        """Send by new ports all the time."""
        while True:
            await asyncio.sleep(ROTATE_EVERY_S)
            self._loop.rotate()

    async def _tend(self) -> None:
        known_down: set[int] = set()
        without_case: set[int] = set()
        while True:
            for reporter in self._reporters:
                reporter.tend()
            known_down = self._log_upstreams(known_down)
            without_case = self._log_case(without_case)
            await asyncio.sleep(TEND_EVERY_S)

    def _log_upstreams(self, known_down: set[int]) -> set[int]:
        """Log upstreams that went down or came back.   known_down: the state logged before;  returns the new one"""
        down = set(self._loop.down())
        for index in down - known_down:
            log.warning(
                "dns upstream %s: it does not answer; probed until it does; check the upstream and the route to it",
                self._upstreams[index],
            )
        for index in known_down - down:
            log.info("dns upstream %s: it answers again", self._upstreams[index])
        return down

    def _log_case(self, known: set[int]) -> set[int]:
        """Log upstreams that do not keep the case of letters.   known: the state logged before;  returns the new one"""
        found = set(self._loop.without_case())
        for index in found - known:
            log.warning(
                "dns upstream %s: its answers have letters in another case than the questions; asked in lower case for "
                "ten minutes, and easier to forge; use a resolver that keeps the case, or tls://",
                self._upstreams[index],
            )
        return found


async def serve(
    listen: Sequence[Endpoint],
    upstreams: Sequence[Upstream],
    tables: TableSet,
    answers: AnswerPolicy,
    workers: int,
    state: Path,
    resolver: ResolverPlan = DEFAULT_RESOLVER,
) -> None:
    """Run `workers` fronts on the same endpoints with the same tables until cancelled.

    state   a directory for their counters and spools: `dns-0`, `dns-0-tcp`, …"""
    fronts: list[DnsFront] = []
    for number in range(workers):
        reporter, stream_reporter = (_reporter(state, f"dns-{number}{part}") for part in ("", "-tcp"))
        endpoints = fronts[0].bound if fronts else listen
        fronts.append(DnsFront(endpoints, upstreams, reporter, stream_reporter, answers, resolver=resolver))
    async with asyncio.TaskGroup() as group:
        for front in fronts:
            group.create_task(front.run())
            await front.use(tables)


def _reporter(state: Path, name: str) -> Reporter:
    (state / "counters").mkdir(parents=True, exist_ok=True)
    return Reporter(state / "counters" / name, state / "spool" / name)
