"""The gateway for QUIC: the rules of filterd.kernel.ruleset on connection tracking of UDP, and the real gate.

Invariants: as of gateway.py.  Absent on purpose: listed addresses, refusals of QUIC.
Source: net/netfilter/nf_conntrack_proto_udp.c of Linux 6.12.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from adversary.gateway import EVENTS, first_memory, new_gate
from adversary.quic_actions import Path
from fuzz import served
from support.packets.builders import Client

from fastpath.gate.loop import GateLoop
from fastpath.gate.marks import MARK_DROPPED, MARK_QUEUED, MARK_REPLY, MARK_STATE, MARK_UNTRACKED, FlowState
from fastpath.wire.quic import VERSIONS
from filterd.kernel.mark_table import MARK_TABLE
from filterd.kernel.mark_table import Fate as Ending
from filterd.kernel.ruleset import SEVERAL_OCTETS

QUIC_PORT = 443
TIMEOUT_S, ANSWERED_S = 30, 120
SERVERS = {4: "203.0.113.1", 6: "2001:db8:1::1"}


class Datagram(NamedTuple):
    """One datagram on a path, or several in one piece.   is_client: by the client;  is_taken: it reaches the other end

    size   after so many octets the next one begins; 0: it is one"""

    octets: bytes
    path: Path
    is_client: bool = True
    is_taken: bool = True
    size: int = 0

    def datagrams(self) -> list[bytes]:
        """What the other end gets."""
        size = self.size or len(self.octets) or 1
        return [self.octets[at : at + size] for at in range(0, len(self.octets), size)]

    def packet(self) -> bytes:
        """The IP packet."""
        ends = Client(self.path.client, server_of(self.path), self.path.sport, self.path.dport)
        if not self.is_client:
            ends = Client(ends.dst, ends.src, ends.dport, ends.sport)
        return ends.datagram(self.octets)


def server_of(path: Path) -> str:
    """The server's address on a path."""
    return SERVERS[6 if ":" in path.client else 4]


@dataclass(slots=True)
class Entry:
    """One entry of connection tracking."""

    is_client_first: bool
    mark: int = 0
    has_reply: bool = False
    until_s: int = 0


@dataclass(slots=True)
class QuicGateway:
    """One gateway.   forward: what becomes of a datagram that passes"""

    is_asymmetric: bool
    is_closed: bool
    forward: Callable[[Datagram], None]
    is_there: bool = True
    """False: it forwards everything."""
    now_s: int = served.NOW_S
    gate: GateLoop = field(init=False)
    unfinished: bytearray = field(init=False)
    """What the gate keeps over its restarts."""
    entries: dict[Path, Entry] = field(default_factory=dict)
    queue: deque[tuple[Datagram, Entry, int]] = field(default_factory=deque)
    is_held: bool = False
    steps: set[tuple[object, ...]] = field(default_factory=set)
    """What has happened to packets: their entry's state, and the verdict on them."""

    def __post_init__(self) -> None:
        self.unfinished = first_memory()
        self.restart()

    def restart(self) -> None:
        """Start the gate again: what it knew is gone, and what waited for it."""
        self.queue.clear()
        self.gate = new_gate(self.is_closed, self.is_asymmetric, self.unfinished)

    def take(self, d: Datagram) -> None:
        """One datagram that arrives from either side."""
        if not self.is_there or (self.is_asymmetric and not d.is_client):  # its answers take another path
            self.forward(d)
            return
        entry = self._entry(d)
        mark = self._mark_of(d, entry)
        if mark:
            self.queue.append((d, entry, entry.mark | mark))
            if not self.is_held:
                self.judge_all()
        elif entry.mark & MARK_STATE != FlowState.BLOCKED:
            self._pass(d, entry)

    def judge_all(self) -> None:
        """The gate judges what waits for it, in order."""
        while self.queue:
            d, entry, mark = self.queue.popleft()
            verdict = self.gate.feed(d.packet(), mark, self.now_s) & MARK_STATE
            self.gate.injected()
            self._keep(d, entry, verdict)

    def press(self, path: Path, octets: bytes) -> None:
        """An Initial of another connection, which the gate judges and no server gets."""
        self.gate.feed(Datagram(octets, path).packet(), MARK_QUEUED, self.now_s)
        self.gate.injected()

    # -- the chains ----------------------------------------------------------------------------------------------------

    def _entry(self, d: Datagram) -> Entry:
        entry = self.entries.get(d.path)
        if entry is None or self.now_s >= entry.until_s:
            entry = Entry(d.is_client)
        entry.has_reply |= d.is_client != entry.is_client_first
        return entry

    def _mark_of(self, d: Datagram, entry: Entry) -> int:
        """The bits with which a datagram is queued, 0 where it is not: chains long_headers, several_datagrams."""
        is_long = len(d.octets) > 0 and d.octets[0] & 0x80 > 0
        is_several = len(d.packet()) >= SEVERAL_OCTETS
        if not (is_long or is_several) or entry.mark & MARK_STATE not in (FlowState.UNDECIDED, FlowState.PARTIAL):
            return 0
        is_reply = d.is_client != entry.is_client_first
        sport, dport = (d.path.sport, d.path.dport) if d.is_client else (d.path.dport, d.path.sport)
        if dport == QUIC_PORT:
            return MARK_QUEUED
        is_known = not is_long or int.from_bytes(d.octets[1:5], "big") in VERSIONS
        if (sport == QUIC_PORT and is_reply) or not is_known:
            return 0
        return MARK_QUEUED | MARK_UNTRACKED * self.is_asymmetric | MARK_REPLY * is_reply

    def _keep(self, d: Datagram, entry: Entry, verdict: int) -> None:
        """The chain judged."""
        before = FlowState(entry.mark & MARK_STATE)
        self.steps.add((before, verdict, d.is_client, d.path.dport))
        if verdict == MARK_DROPPED:
            return
        if verdict != FlowState.UNDECIDED:
            step = MARK_TABLE[before, EVENTS[FlowState(verdict)]]
            entry.mark = entry.mark & ~MARK_STATE | step.state
            if step.fate is not Ending.FORWARD:
                return
        self._pass(d, entry)

    def _pass(self, d: Datagram, entry: Entry) -> None:
        entry.until_s = self.now_s + (ANSWERED_S if entry.has_reply else TIMEOUT_S)
        self.entries[d.path] = entry
        self.forward(d)
