"""The packet gate without a kernel: what a client sends goes in, marks and injected packets come out."""

import itertools
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from support.packets.builders import ACCEPTED, ACK, PSH, Client, hello, records

from fastpath.gate.loop import GateLoop
from fastpath.gate.marks import MARK_ASK, MARK_DROPPED, MARK_QUEUED, MARK_REPLY, MARK_STATE, MARK_VERDICT, FlowState
from fastpath.images.tables import Handoff, TableSet
from fastpath.images.verdict import Reason
from fastpath.report.hello_classes import Ja4Classes
from fastpath.report.spool import Reporter

UNDECIDED, RELEASED, BLOCKED, ALLOWED, SPOKEN, ANSWERED, PARTIAL, PARTIAL_AGAIN, PARTIAL_SPOKEN, OPENED = FlowState
DROPPED = MARK_DROPPED
NOW_S = 1_700_000_000
QUIC = Client(sport=50000)
PAGES: dict[str, dict[int, tuple[bytes, bytes]]] = {
    "ur": {
        Reason.ORDER: (b"HTTP/1.1 451 \r\n\r\nstopped: ", b" END"),
        Reason.CSAM: (b"HTTP/1.1 451 \r\n\r\nstopped", b""),
    },
    "en": {Reason.ORDER: (b"HTTP/1.1 451 \r\n\r\nin English: ", b" END")},
}


class Lab:
    """A gate and what its kernel would do with the marks."""

    def __init__(
        self,
        folder: Path,
        tables: TableSet,
        closed: int = 0,
        n_flows: int = 8,
        http_ports: tuple[int, ...] = (80,),
        ja4_classes: Ja4Classes | None = None,
        is_asymmetric: bool = False,
        is_h2c_let: bool = False,
        **limits: int,
    ) -> None:
        """limits   see GateLoop"""
        handoff = Handoff()
        handoff.give(tables)
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.reporter = Reporter(folder / "counters", folder / "spool")
        self.reporter.tend()
        self.gate = GateLoop(
            0,
            handoff,
            self.reporter,
            [443],
            [*http_ports],
            closed,
            PAGES,
            n_flows,
            ja4_classes=ja4_classes,
            unfinished=None,
            is_asymmetric=is_asymmetric,
            is_h2c_let=is_h2c_let,
            **limits,
        )
        self.now_s = NOW_S
        self.ports = (443, *http_ports)
        self.opened: dict[Client, int] = {}
        """By connection, without its initial sequence number: the one that its server's last SYN/ACK has answered."""
        self.is_asking = False
        """Whether the last client's packet asked for the server's next ones."""

    def open(self, client: Client) -> int:
        """Feed the SYN/ACK of a connection; the state that it has then."""
        self.opened[replace(client, isn=0, options=b"")] = client.isn
        return state_in(self.gate.feed(client.accepted(), ACCEPTED, self.now_s))

    def send(
        self, client: Client, at: int, octets: bytes, state: int = 0, flags: int = ACK | PSH, isn: bool = True
    ) -> int:
        """Feed a client's segment; the state of its connection then.   isn: one that begins, begins with a SYN/ACK"""
        if isn and state == UNDECIDED and client.dport in self.ports:
            if self.opened.get(replace(client, isn=0, options=b"")) != client.isn:
                self.open(client)
            state = OPENED
        verdict = self.gate.feed(client.segment(at, octets, flags), client.mark(state), self.now_s)
        self.is_asking = bool(verdict & MARK_ASK)
        return state_in(verdict)

    def answer(self, client: Client, acked: int, payload: bytes = b"", at: int = 0, state: int = SPOKEN) -> int:
        """Feed a packet of the server's that the gate has asked for; the state that the connection has then."""
        mark = client.mark(state) | MARK_REPLY
        return state_in(self.gate.feed(client.answer(acked, payload, at), mark, self.now_s))

    def send_datagram(self, datagram: bytes, client: Client = QUIC, state: int = 0, bits: int = 0) -> int:
        """Send one UDP datagram.   bits: of its mark, besides MARK_QUEUED"""
        verdict = self.gate.feed(client.datagram(datagram), MARK_QUEUED | bits | state, self.now_s)
        return state_in(verdict)

    def send_all(self, client: Client, pieces: list[tuple[int, bytes]], isn: bool = True) -> int:
        """Send pieces as one client would; the state that the flow ends with."""
        state = 0
        for at, octets in pieces:
            state = self.send(client, at, octets, state, isn=isn)
            if state in (BLOCKED, ANSWERED):
                break
        return state

    def counted(self, name: str) -> int:
        return self.reporter.counters.values()[name]


def state_in(mark: int) -> int:
    """The state in the mark of a verdict, or DROPPED."""
    assert mark & (MARK_VERDICT | MARK_QUEUED) == MARK_VERDICT
    return mark & MARK_STATE


def cut(octets: bytes, *borders: int) -> list[tuple[int, bytes]]:
    edges = [0, *borders, len(octets)]
    return [(a, octets[a:b]) for a, b in itertools.pairwise(edges)]


def bytewise(octets: bytes) -> list[tuple[int, bytes]]:
    return [(at, octets[at : at + 1]) for at in range(len(octets))]


APPDATA = records(b"x" * 40, kind=23)
CCS = b"\x14\x03\x03\x00\x01\x01"
DECOY = hello(b"www.allowed.test")
REAL = hello(b"www.blocked.test")
ARRIVALS: dict[str, Callable[[bytes], list[tuple[int, bytes]]]] = {
    "one octet a segment": bytewise,
    "reversed": lambda octets: list(reversed(bytewise(octets))),
    "two halves, second first": lambda octets: list(reversed(cut(octets, 60))),
    "every piece twice": lambda octets: [piece for piece in cut(octets, 40, 90) for _ in range(2)],
    "overlapping, equal": lambda octets: [(0, octets[:80]), (40, octets[40:120]), (100, octets[100:])],
    "shuffled": lambda octets: random.Random(7).sample(bytewise(octets), len(octets)),
    "octets before the first": lambda octets: [(-9, b"\x16\x03\x01junk!!" + octets[:40]), (40, octets[40:])],
}
