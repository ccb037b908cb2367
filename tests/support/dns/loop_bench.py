"""A DNS loop between real client sockets and upstreams that the test plays."""

import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from dnslib import QTYPE, RR, A, DNSRecord
from support.images.opened import Entry, Images

from fastpath.dns.block_answers import AnswerSpec
from fastpath.dns.loop import DnsLoop
from fastpath.images.tables import Handoff, TableSet
from fastpath.images.verdict import Action, Reason
from fastpath.report.spool import Reporter

IP_PKTINFO = 8
SPLASH4 = bytes([192, 0, 2, 80])
SPECS = [AnswerSpec(SPLASH4, b"", 60, 16, Action.NO_ACTION)] * len(Reason)
WAIT_S = 60.0


def bound(host: str, is_listener: bool = False) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_DGRAM)
    if family == socket.AF_INET6:
        opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
    elif is_listener:
        opened.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
    opened.bind((host, 0))
    opened.settimeout(WAIT_S)
    return opened


class Bench:
    """A loop with one listener a host, two sockets an upstream, a client for each listener, and played upstreams.

    The loop's clock stands still between its turns, but for what a test adds (`ahead_s`): however long a busy machine
    takes for the test's own part, nothing runs out meanwhile, and no query is sent again."""

    def __init__(
        self,
        images: Images,
        stack: ExitStack,
        hosts: tuple[str, ...],
        n_upstreams: int = 1,
        patience_s: float = 4.5,
        **wanted: Any,
    ) -> None:
        self._stack = stack
        self.listeners = [self.open(host, True) for host in hosts]
        self.clients = [self.open(_loopback(host)) for host in hosts]
        self.upstreams = [self.open("127.0.0.1") for _ in range(n_upstreams)]
        self.upstream = self.upstreams[0]
        self.handoff = Handoff()
        self.folder = str(images.folder / "spool")
        self.reporter = Reporter(images.folder / "counters", self.folder)
        self.images = images
        upstreams = [each.getsockname() for each in self.upstreams]
        self.loop = DnsLoop(self.listeners, upstreams, self.handoff, self.reporter, SPECS, 2, patience_s, **wanted)
        self.ahead_s = 0.0
        self._left_out_ns, self._turned_ns = 0, time.monotonic_ns()

    def open(self, host: str, is_listener: bool = False) -> socket.socket:
        return self._stack.enter_context(bound(host, is_listener))

    def block(self, *entries: Entry) -> None:
        self.handoff.give(TableSet(self.images.names(entries)))

    def turn(self, timeout_ms: int) -> None:
        self._left_out_ns += time.monotonic_ns() - self._turned_ns
        self.loop.turn(timeout_ms, round(self.ahead_s * 1e9) - self._left_out_ns)
        self._turned_ns = time.monotonic_ns()

    def send(self, message: bytes, client: int = 0, host: str | None = None) -> None:
        listener = self.listeners[client].getsockname()
        self.clients[client].sendto(message, (host or _loopback(listener[0]), listener[1]))
        self.turn(100)

    def ask(self, name: str, qtype: str = "A", client: int = 0, **to: str) -> DNSRecord:
        """Send a query and run one turn of the loop; give the query."""
        query = DNSRecord.question(name, qtype)
        self.send(bytes(query.pack()), client, **to)
        return query

    def answer(self, client: int = 0) -> DNSRecord:
        return DNSRecord.parse(self.clients[client].recv(65535))

    def forwarded(self, upstream: int = 0) -> tuple[DNSRecord, tuple[str, int]]:
        """The next query that an upstream got, and its socket; probes stay unanswered, so that none looks faster."""
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            message, sender = self.upstreams[upstream].recvfrom(65535)
            asked = DNSRecord.parse(message)
            if asked.q.qname != ".":
                return asked, sender
        raise TimeoutError(f"upstream {upstream} was asked nothing but probes")

    def turn_until(self, is_so: Callable[[], bool]) -> None:
        deadline = time.monotonic() + WAIT_S
        while not is_so():
            assert time.monotonic() < deadline
            self.turn(10)

    def reply(self, message: bytes, to: tuple[str, int], upstream: int = 0) -> None:
        self.upstreams[upstream].sendto(message, to)
        self.turn(100)

    def counted(self, *names: str) -> tuple[int, ...]:
        values = self.reporter.counters.values()
        return tuple(values[name] for name in names)


def _loopback(host: str) -> str:
    return "::1" if ":" in host else "127.0.0.1"


def says_nothing(opened: socket.socket) -> bool:
    opened.setblocking(False)
    try:
        opened.recv(65535)
    except BlockingIOError:
        return True
    finally:
        opened.settimeout(WAIT_S)
    return False


def with_address(query: DNSRecord, address: str = "198.51.100.1", ttl_s: int = 30) -> bytes:
    reply = query.reply()
    reply.add_answer(RR(query.q.qname, QTYPE.A, rdata=A(address), ttl=ttl_s))
    return bytes(reply.pack())
