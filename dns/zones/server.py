"""Serves response policy zones to secondaries: SOA over UDP, transfers over TCP, NOTIFY for each new edition.

    TableSet → update() → editions (in a thread) ─┬→ NOTIFY → secondaries
    request → Answerer → messages → portions (made in a thread) → the connection

Invariants: the event loop waits for no zone: editions and the messages of transfers are made in threads, a portion at a
time, and a portion is made when the one before has been taken; transfers at one moment are bounded, as are connections;
a secondary that stops reading is disconnected.
Source: RFC 5936 §4.1, RFC 1995 §2, RFC 7766.
"""

import asyncio
import logging
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from ipaddress import ip_address
from typing import Any, Final

from dns.base.endpoints import Endpoint
from dns.base.length_prefix import framed, read_framed
from dns.base.message import shown
from dns.front.streams.acceptor import Acceptor, Connection, Door, StreamLimits
from dns.zones.notify_out import notify_of_editions
from dns.zones.served_zone import ServedZone
from dns.zones.xfr_out import Answer, Answerer
from fastpath.images.tables import TableSet
from fastpath.report.counters import Counters

MAX_TRANSFERS: Final = 8  # at one moment; the others wait their turn
STALL_S: Final = 60.0  # without taking anything, a secondary is gone
PORTION_OCTETS: Final = 1 << 19  # of a transfer in memory, in addition to what the socket holds: some 10 ms to make
TELL_AGAIN_S: Final = 10.0  # between two lines about refusals, no matter who asks
LIMITS: Final = StreamLimits(idle_s=30.0, n_connections=200, n_of_client=50)

log = logging.getLogger("dns.zones")


class ZoneServer:
    """Serves zones on the given endpoints.

    Raises OSError if an endpoint cannot be bound, ValueError for two keys of one name."""

    def __init__(
        self,
        zones: Sequence[ServedZone],
        listen: Sequence[Endpoint],
        counters: Counters,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._zones = zones
        self._answerer = Answerer(zones, clock)
        self._acceptor = Acceptor(Door(self._converse, LIMITS), counters)
        self._slots = asyncio.Semaphore(MAX_TRANSFERS)
        self._unpublished: dict[bytes, str] = {}
        self._tell_from = 0.0
        self._n_refused = 0
        self._udp: list[socket.socket] = []
        self._tcp: list[socket.socket] = []
        self.bound: list[Endpoint] = []
        try:
            for endpoint in listen:
                self._open(endpoint)
        except OSError:
            self.close()
            raise

    async def run(self) -> None:
        """Serve until cancelled; then close everything."""
        loop = asyncio.get_running_loop()
        try:
            for opened in self._udp:
                loop.add_reader(opened, self._answer_datagram, opened)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._acceptor.serve(self._tcp))
                for zone in self._zones:
                    for secondary in zone.news:
                        group.create_task(notify_of_editions(zone, secondary, self._source_to(secondary)))
        finally:
            for opened in self._udp:
                loop.remove_reader(opened)
            self.close()

    async def update(self, tables: TableSet) -> None:
        """Serve the zones of `tables`.   One call at a time.   Raises ValueError for a confidential list."""
        for zone in self._zones:
            began = time.monotonic()
            edition, difference = await asyncio.to_thread(zone.prepare, tables)
            if zone.take(edition, difference):
                changed = "" if difference is None else f", {len(difference)} of them changed"
                log.info(
                    "zone %s: serial %d: %d records%s, %.2f s",
                    shown(zone.plan.name),
                    edition.serial,
                    edition.n_records,
                    changed,
                    time.monotonic() - began,
                )
            self._tell_unpublished(zone)

    def status(self) -> dict[str, Any]:
        """Status: for each zone serial, records and what was left out by reason; the number of refused
        requests."""
        zones = [
            {
                "zone": shown(zone.plan.name),
                "serial": edition.serial,
                "records": edition.n_records,
                "unpublished": dict(edition.unpublished),
            }
            for zone in self._zones
            if (edition := zone.edition) is not None
        ]
        return {"zones": zones, "refused": self._n_refused}

    def close(self) -> None:
        """Close the sockets of a server that does not run."""
        for opened in self._udp + self._tcp:
            opened.close()

    # ------------------------------------------------------------------------------------------------------------------

    def _open(self, endpoint: Endpoint) -> None:
        family = socket.AF_INET6 if ":" in endpoint.host else socket.AF_INET
        self._tcp.append(socket.create_server(endpoint, family=family))  # of IPv6: that alone
        self._tcp[-1].setblocking(False)
        bound = Endpoint(endpoint.host, self._tcp[-1].getsockname()[1])
        self._udp.append(socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK))
        if family == socket.AF_INET6:
            self._udp[-1].setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        self._udp[-1].bind(bound)
        self.bound.append(bound)

    def _source_to(self, secondary: Endpoint) -> str | None:
        """Our address that a secondary knows as its primary; None: as the route chooses."""
        for endpoint in self.bound:
            if (":" in endpoint.host) == (":" in secondary.host) and not ip_address(endpoint.host).is_unspecified:
                return endpoint.host
        return None

    def _tell_unpublished(self, zone: ServedZone) -> None:
        assert zone.edition is not None
        said = "; ".join(f"{n} {reason}" for reason, n in sorted(zone.edition.unpublished.items()))
        if said != self._unpublished.get(zone.plan.name, ""):
            log.warning("zone %s: owners left out: %s", shown(zone.plan.name), said or "none")
        self._unpublished[zone.plan.name] = said

    def _answer(self, octets: bytes, client: str, is_stream: bool) -> Answer | None:
        answer = self._answerer.answer(octets, client, is_stream)
        if answer is not None and answer.refused:
            self._n_refused += 1
            if time.monotonic() >= self._tell_from:
                log.warning("zones: to %s: %s; %d requests refused so far", client, answer.refused, self._n_refused)
                self._tell_from = time.monotonic() + TELL_AGAIN_S
        return answer

    def _answer_datagram(self, opened: socket.socket) -> None:
        try:
            octets, peer = opened.recvfrom(65535)
            answer = self._answer(octets, peer[0], is_stream=False)
            if answer is not None:
                opened.sendto(next(answer.messages), peer)
        except OSError:  # nothing there, or no one to send to: it asks again
            pass

    async def _converse(self, connection: Connection) -> None:
        """Answer requests one after another."""
        reader, writer = connection.reader, connection.writer
        while True:
            try:
                async with asyncio.timeout(LIMITS.idle_s):
                    octets = await read_framed(reader)
            except (asyncio.IncompleteReadError, TimeoutError):
                return
            answer = self._answer(octets, connection.client, is_stream=True)
            if answer is None:
                return
            if answer.title:
                await self._transfer(answer, connection)
            else:
                writer.write(framed(next(answer.messages)))
                await writer.drain()

    async def _transfer(self, answer: Answer, connection: Connection) -> None:
        async with self._slots:
            began, n_octets = time.monotonic(), 0
            while portion := await asyncio.to_thread(_portion, answer.messages):
                n_octets += len(portion)
                connection.writer.write(portion)
                async with asyncio.timeout(STALL_S):
                    await connection.writer.drain()
            log.info(
                "zone %s to %s: %d KiB, %.1f s",
                answer.title,
                connection.client,
                n_octets >> 10,
                time.monotonic() - began,
            )


def _portion(messages: Iterator[bytes]) -> bytes:
    """The next messages, framed; empty at the end."""
    found: list[bytes] = []
    n_octets = 0
    while n_octets < PORTION_OCTETS and (message := next(messages, None)) is not None:
        found.append(framed(message))
        n_octets += len(message)
    return b"".join(found)
