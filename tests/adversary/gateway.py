"""The gateway: the rules of filterd.kernel.ruleset on connection tracking, and the real gate at their queue.

Invariants: connection tracking sees a packet before any rule does; an entry is kept once its first packet has passed;
a verdict is written to the entry that its packet had when it was queued.
"""

import ctypes
import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from adversary.conntrack import Conntrack, Entry, Fate
from adversary.segments import ACK, FIN, RST, SYN, Segment, injected, wire
from fuzz import served

from fastpath.gate.loop import GateLoop
from fastpath.gate.marks import (
    MARK_ASK,
    MARK_ASKED,
    MARK_DROPPED,
    MARK_QUEUED,
    MARK_REPLY,
    MARK_STATE,
    MARK_SYN,
    MARK_UNTRACKED,
    FlowState,
)
from fastpath.gate.unfinished import octets_needed
from filterd.kernel.mark_table import MARK_TABLE, Event
from filterd.kernel.mark_table import Fate as Ending

EVENTS = {
    FlowState.RELEASED: Event.RELEASED,
    FlowState.BLOCKED: Event.BLOCKED,
    FlowState.ANSWERED: Event.ANSWERED,
    FlowState.ALLOWED: Event.ALLOWED,
    FlowState.ALLOWED_SPOKEN: Event.ALLOWED,
    FlowState.PARTIAL: Event.PARTIAL,
    FlowState.PARTIAL_AGAIN: Event.PARTIAL,
    FlowState.PARTIAL_SPOKEN: Event.PARTIAL,
    FlowState.OPENED: Event.OPENED,
}
GATE_PORTS = (443, 80)
HTTP_PORTS = (80,)
SUBSCRIBER, STRANGER = bytes([192, 0, 2, 1]), bytes([192, 0, 2, 77])
# Of the gate's hashes, always the same: a program comes to the same wherever it is played.  With this one the accounts
# of SUBSCRIBER and STRANGER begin in one place, as those of one pair in 65536 do.
KEY = struct.pack("<QQ", 22308, 13)
MAGIC = b"FLTRUNF2"  # as unfinished.pyx has it
# So small that forty half hellos use up memory, and six those of one client.
N_FLOWS, N_WINDOWS, SHARE = 48, 24, 6


# A gate's memory is millions of octets, of which a program touches few: always fresh pages, never cleared ones.
_M_MMAP_THRESHOLD, _LEAST_MAPPED = -3, 1 << 17
ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LEAST_MAPPED)


def new_gate(is_closed: bool, is_asymmetric: bool, unfinished: bytearray) -> GateLoop:
    """A gate with little memory, which has seen nothing yet.   unfinished: what one before it remembers"""
    return GateLoop(
        0,
        served.HANDOFF,
        served.REPORTER,
        [443],
        [80],
        is_closed,
        served.PAGES,
        N_FLOWS,
        n_windows=N_WINDOWS,
        share=SHARE,
        is_asymmetric=is_asymmetric,
        unfinished=unfinished,
    )


def first_memory() -> bytearray:
    """What a gate remembers beyond its own life, before its first one."""
    memory = bytearray(octets_needed(N_FLOWS))
    memory[: len(MAGIC) + len(KEY)] = MAGIC + KEY
    return memory


class Queued(NamedTuple):
    """A packet in the gate's queue, with what it had when it came there."""

    p: Segment
    entry: Entry | None
    mark: int


@dataclass(slots=True)
class Gateway:
    """One gateway between a subscriber and its server.   forward: what becomes of a packet that passes."""

    is_asymmetric: bool
    is_closed: bool
    server_port: int
    forward: Callable[[Segment], None]
    has_window_check: bool = True
    is_there: bool = True
    """False: it forwards everything."""
    now_s: int = served.NOW_S
    unfinished: bytearray = field(init=False)
    """What the gate remembers beyond its own life."""
    conntrack: Conntrack = field(init=False)
    gate: GateLoop = field(init=False)
    queue: deque[Queued] = field(default_factory=deque)
    is_held: bool = False
    steps: set[tuple[object, ...]] = field(default_factory=set)
    """What has happened to packets: their entry's state, their connection's, and the verdict on them."""

    def __post_init__(self) -> None:
        self.unfinished = first_memory()
        self.conntrack = Conntrack(self.has_window_check)
        self.restart()

    def restart(self) -> None:
        """Start the gate again: what it knew in memory of its own is gone, and what waited for it."""
        self.queue.clear()
        self.gate = new_gate(self.is_closed, self.is_asymmetric, self.unfinished)

    def take(self, p: Segment) -> None:
        """One packet that arrives from either side."""
        if not self.is_there:
            self.forward(p)
            return
        if self.is_asymmetric:
            if p.is_outside:  # it takes another path
                self.forward(p)
            else:
                self._untracked(p)
            return
        fate, entry = self.conntrack.take(p, self.now_s)
        if p.flags & SYN:
            self._opening(p, fate, entry)
        elif entry is not None and entry.mark & MARK_STATE == FlowState.RELEASED:
            self._pass(p, entry)
        elif entry is not None and fate is Fate.TRACKED:
            self._judged_port(p, entry)

    def judge_all(self) -> None:
        """The gate judges what waits for it, in order."""
        while self.queue:
            p, entry, mark = self.queue.popleft()
            verdict = self.gate.feed(wire(p, SUBSCRIBER, self.server_port), mark, self.now_s)
            if entry is not None:
                entry.mark = entry.mark & ~MARK_ASKED | (MARK_ASKED if verdict & MARK_ASK else 0)
            self._keep(p, entry, verdict & MARK_STATE)
            self._injected()

    def press(self, client: bytes, port: int, octets: bytes) -> None:
        """One segment of a connection of another address or port, which the gate judges and no server gets."""
        p = Segment(port, ACK, 1, 1, octets)
        mark = MARK_QUEUED | (MARK_UNTRACKED if self.is_asymmetric else FlowState.OPENED)
        if not self.is_asymmetric:
            syn_ack = Segment(port, SYN | ACK, 0, 1, is_client=False)
            self.gate.feed(wire(syn_ack, client, self.server_port), MARK_QUEUED | MARK_REPLY, self.now_s)
        self.gate.feed(wire(p, client, self.server_port), mark, self.now_s)
        self.gate.injected()

    # -- the chains ----------------------------------------------------------------------------------------------------

    def _opening(self, p: Segment, fate: Fate, entry: Entry | None) -> None:
        """The chains opening_judged and opening_server."""
        if p.octets or fate is Fate.INVALID or entry is None or p.is_client == p.is_outside:
            return
        state = entry.mark & MARK_STATE
        is_original = p.is_client == entry.is_client_first
        if p.flags & ACK:
            if p.is_client and p.port not in GATE_PORTS:
                if not is_original and state in (FlowState.RELEASED, FlowState.UNDECIDED):
                    self._pass(p, entry)  # to a client that begins from a judged port
                return
            if is_original:
                return  # a client answers no SYN
            if state == FlowState.UNDECIDED or entry.mark & MARK_SYN:
                entry.mark = FlowState.UNDECIDED
                self._queue(p, entry, MARK_QUEUED | MARK_REPLY)
                return
        elif not is_original or not p.is_client:
            return  # no server opens like this
        elif state != FlowState.UNDECIDED:
            entry.mark |= MARK_SYN
        if entry.is_confirmed and not p.flags & ACK:
            self._queue(p, entry, state | MARK_QUEUED)  # behind what waits there
        else:
            self._pass(p, entry)

    def _judged_port(self, p: Segment, entry: Entry) -> None:
        """What is neither a SYN nor invalid, by the state of its connection."""
        state = FlowState(entry.mark & MARK_STATE)
        is_from_client = p.is_client or p.port in GATE_PORTS
        if state in (FlowState.BLOCKED, FlowState.ANSWERED):
            self._reject(p, state, entry)
        elif is_from_client:
            port = self.server_port if p.is_client else p.port
            if p.octets or (p.flags & FIN and port in HTTP_PORTS):
                self._queue(p, entry, state | MARK_QUEUED)
            else:
                self._pass(p, entry)
        else:
            self._from_server(p, entry, state)

    def _from_server(self, p: Segment, entry: Entry, state: FlowState) -> None:
        """The chains speaking and asked.   Dropped where its source is not where it came from."""
        following = MARK_TABLE[state, Event.SERVER].state if p.octets else state
        is_asked = entry.mark & MARK_ASKED
        if (following is not state or is_asked) and p.is_client == p.is_outside:
            return
        entry.mark = entry.mark & ~MARK_STATE | following
        if is_asked:
            self._queue(p, entry, MARK_QUEUED | MARK_REPLY)
        else:
            self._pass(p, entry)

    def _untracked(self, p: Segment) -> None:
        is_opening = p.flags & SYN > 0
        if (is_opening and p.octets) or (is_opening and not p.flags & ACK and not p.is_client):
            return
        is_from_client = p.is_client or p.port in GATE_PORTS
        if is_from_client and (p.octets or p.flags & FIN or (is_opening and not p.flags & ACK)):
            self._queue(p, None, MARK_QUEUED | MARK_UNTRACKED)
        else:
            self._pass(p, None)

    def _queue(self, p: Segment, entry: Entry | None, mark: int) -> None:
        self.queue.append(Queued(p, entry, mark))
        if not self.is_held:
            self.judge_all()

    def _keep(self, p: Segment, entry: Entry | None, verdict: int) -> None:
        """The chain judged: what the verdict makes of the connection's mark, and of the packet."""
        before = entry.mark & MARK_STATE if entry is not None else 0
        self.steps.add((entry.state if entry is not None else "", before, verdict, p.is_client, len(p.octets) > 0))
        if verdict == MARK_DROPPED or (entry is not None and self.conntrack.is_dying(p.port, entry)):
            return
        if entry is None:
            if verdict in (FlowState.BLOCKED, FlowState.ANSWERED):
                self._reject(p, FlowState(verdict), None)
            else:
                self._pass(p, None)
            return
        state = FlowState(entry.mark & MARK_STATE)
        if verdict == FlowState.UNDECIDED:  # no verdict on the connection
            self._pass(p, entry)
            return
        step = MARK_TABLE[state, EVENTS[FlowState(verdict)]]
        entry.mark = entry.mark & ~MARK_STATE | step.state
        if step.fate is Ending.FORWARD:
            self._pass(p, entry)
        elif step.fate is not Ending.DROP:
            self._reject(p, step.state, entry)

    def _reject(self, p: Segment, state: FlowState, entry: Entry | None) -> None:
        """A reset for the sender.  The server is the only one that it matters to."""
        is_reply = entry is not None and p.is_client != entry.is_client_first
        if state is FlowState.ANSWERED and not is_reply and not p.flags & FIN:
            return  # dropped
        if entry is not None and not p.flags & RST:
            self.conntrack.close(entry, self.now_s)
        if p.flags & RST or p.is_client:
            return
        self.forward(Segment(p.port, RST, p.ack, 0, is_client=True))

    def _injected(self) -> None:
        for packet in self.gate.injected():
            is_for_server, p = injected(packet)
            if not self.is_asymmetric:
                self.conntrack.take(p, self.now_s)
            if is_for_server:
                self.forward(p)

    def _pass(self, p: Segment, entry: Entry | None) -> None:
        """A packet whose entry another one has overtaken is dropped: nf_ct_resolve_clash() allows none of TCP."""
        if entry is None or self.conntrack.confirm(p.port, entry, self.now_s):
            self.forward(p)
