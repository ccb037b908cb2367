"""Plays a program: its client, the gateway with the real gate, and a server whose readers we did not write.

actions → segments → Gateway (conntrack, MARK_TABLE, GateLoop) → Server (TCP) → Reader → what was served
"""

import itertools
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from adversary.actions import (
    ISNS,
    PORTS,
    SERVER_ISNS,
    Action,
    Answer,
    Control,
    HangUp,
    Hear,
    Hold,
    Judge,
    KeepAlive,
    Others,
    Program,
    Reboot,
    Reload,
    Restart,
    Send,
    Syn,
    Wait,
)
from adversary.gateway import STRANGER, SUBSCRIBER, Gateway
from adversary.readers import READERS, TLS_READERS, Reader
from adversary.segments import ACK, FIN, MODULUS, PSH, RST, SEGMENT_OCTETS, SYN, URG, Segment
from adversary.server import LARGE_WINDOW, RECEIVE_WINDOW, Server
from adversary.streams import HTTP, TLS, octets_of
from fuzz import served
from support.packets.builders import max_segment, md5, timestamps

from fastpath.images.tables import TableSet

FLAGS = {
    "S": SYN,
    "SA": SYN | ACK,
    "A": PSH | ACK,
    "FA": FIN | ACK,
    "R": RST,
    "RA": RST | ACK,
    "U": URG | ACK,
    "N": PSH,
    "SR": SYN | RST,
}
OPTIONS = {"": b"", "md5": md5(), "old": timestamps(7), "new": timestamps(7000)}
FAR = 1 << 23
A_START = 1 << 27  # by which a server's numbers go on while a device starts again: eight seconds of Linux's clock
FIRST_OTHER = 2000  # the lowest port of connections that only take memory
MOST_RETRANSMISSIONS = 16
MOST_SYNS = 3


class Outcome(NamedTuple):
    """What a program came to.   novelty: what it has shown of the gate, its kernel and the server"""

    served: frozenset[str]
    counted: frozenset[str]
    novelty: frozenset[object]
    misses: bool = False
    """An honest client was not served."""


def steer(gateway: Any, action: object) -> None:
    """What is done to a gateway of either game: time, its gate's life, and its queue."""
    match action:
        case Wait():
            gateway.now_s += action.seconds
        case Restart():
            gateway.restart()
        case Reload():
            served.HANDOFF.give(TableSet(*served.IMAGES))
        case Hold():
            gateway.is_held = True
        case Judge():
            gateway.is_held = False
            gateway.judge_all()
        case _:
            raise TypeError(f"{action}: of neither game")


@dataclass(slots=True)
class End:
    """What the client knows of one of its ports."""

    isn: int = 0
    first_isn: int = 0
    """Of the first of its SYNs, which a later one may contradict."""
    server_next: int = 0
    server_first: int = 0
    answered: int = 0
    """What its server has acknowledged last."""
    has_heard: bool = False
    is_accepted: bool = False
    """A SYN/ACK has come."""
    sent: int = 0
    """How many octets of the connection it has sent, from its first one on."""


@dataclass
class World:
    """One path and its two ends."""

    program: Program
    has_gate: bool = True
    has_window_check: bool = True
    """False: nf_conntrack_tcp_be_liberal, as no operator should set it."""
    ends: dict[int, End] = field(default_factory=dict)
    server_isn: int = 0
    n_others: int = 0

    def __post_init__(self) -> None:
        p = self.program
        self.server_port = TLS if p.reader in TLS_READERS else HTTP
        self.gateway = Gateway(p.is_asymmetric, p.is_closed, self.server_port, self.arrive, self.has_window_check)
        self.gateway.is_there = self.has_gate
        self.server = Server(
            self.make_reader,
            self.gateway.take,
            p.is_last_kept,
            p.is_slow,
            p.is_stateless,
            any(isinstance(action, Answer) and (action.by or action.ack_by) for action in p.actions),
            lambda: self.gateway.now_s,
            LARGE_WINDOW if any(len(self._octets(stream)) > RECEIVE_WINDOW for stream in p.streams) else RECEIVE_WINDOW,
        )

    def _octets(self, stream: tuple[str, ...]) -> bytes:
        return octets_of(self.server_port, stream)

    def make_reader(self) -> Reader:
        return READERS[self.program.reader]()

    def arrive(self, p: Segment) -> None:
        """A segment that the gateway has forwarded."""
        if p.is_client:
            if p.is_taken:
                self.server.take(p, self.server_isn)
        elif p.is_outside and (end := self.ends.get(p.port)) is not None:
            self._learn(end, p)

    def _learn(self, end: End, p: Segment) -> None:
        if p.flags & SYN:
            end.server_first = p.end
        end.server_next, end.answered = p.end, p.ack
        end.has_heard = True
        end.is_accepted |= p.flags & SYN > 0

    def run(self) -> Outcome:
        before = served.REPORTER.counters.values()
        for action in self.program.actions:
            self.play(action)
        self.gateway.judge_all()
        if self.program.is_honest:
            self._retransmit()
        after = served.REPORTER.counters.values()
        counted = frozenset(name for name, n in after.items() if n != before[name])
        names = frozenset(name for reader in self.server.readers for name in reader.served)
        misses = self.program.is_honest and self.misses()
        return Outcome(names, counted, self._novelty(counted), misses)

    def _novelty(self, counted: frozenset[str]) -> frozenset[object]:
        """Single steps, pairs of what was counted, and how far the readers came: each by its mode and protocol."""
        kind = (self.server_port, self.program.is_asymmetric, self.program.is_closed, self.program.is_stateless)
        found: set[object] = {(*kind, pair) for pair in itertools.combinations(sorted(counted), 2)}
        found |= {(*kind, step) for step in self.gateway.steps}
        readers = tuple((min(len(each.served), 3), each.is_over) for each in self.server.readers[:3])
        found.add((*kind, readers, frozenset(step[2] for step in self.gateway.steps)))
        return frozenset(found)

    # -- actions -------------------------------------------------------------------------------------------------------

    def play(self, action: Action) -> None:
        match action:
            case Syn():
                self._syn(action)
            case Answer():
                self._answer(action)
            case Reboot():
                self._reboot(action)
            case Control():
                self._control(action)
            case Send():
                self._send(action)
            case KeepAlive():
                self._keep_alive(action)
            case Hear():
                self.server.answer()
            case HangUp():
                if self.program.is_honest:
                    self._retransmit()
                self.server.hang_up(PORTS[action.port], action.is_reset)
            case Others():
                self._press(action)
            case _:
                steer(self.gateway, action)

    def _syn(self, action: Syn, on: int = 0) -> None:
        port = PORTS[action.port]
        isn = ISNS[action.isn] + 1
        first = self.ends[port].first_isn if port in self.ends else isn
        end = self.ends[port] = End(isn, first)
        options = max_segment(action.mss) if action.mss else b""
        p = Segment(port, SYN, ISNS[action.isn], 0, is_taken=action.is_taken, options=options)
        self.server_isn = (
            self.server.cookie(p) if self.program.is_stateless else (SERVER_ISNS[action.server_isn] + on) % MODULUS
        )
        end.server_next = end.server_first = (self.server_isn + 1) % MODULUS
        self.gateway.take(p)

    def _reboot(self, action: Reboot) -> None:
        syn = Syn(action.port, action.isn, action.server_isn)
        for _ in range(MOST_SYNS):
            self._syn(syn, A_START)
            end = self.ends[PORTS[action.port]]
            if end.is_accepted:
                return
            if end.has_heard:
                self._control(Control(action.port, "R", "answered"))

    def _answer(self, action: Answer) -> None:
        port = PORTS[action.port]
        end = self.ends.setdefault(port, End())
        end.isn = (end.isn + action.by) % MODULUS
        end.server_next = end.server_first = (end.server_first + action.ack_by) % MODULUS
        self.gateway.take(Segment(port, ACK, end.isn, end.server_next))

    def _control(self, action: Control) -> None:
        port = PORTS[action.port]
        end = self.ends.setdefault(port, End())
        mine, theirs = (end.isn + end.sent) % MODULUS, end.server_next
        seqs = {
            "next": mine,
            "first": (end.isn - 1) % MODULUS,
            "far": (mine + FAR) % MODULUS,
            "answered": end.answered,
        }
        acks = {"right": theirs, "first": end.server_first, "ahead": (theirs + 1000) % MODULUS}
        seq, ack = seqs[action.seq], acks[action.ack]
        if action.is_spoofed:
            seq, ack = acks[action.ack], seqs[action.seq]
        flags = FLAGS[action.flags]
        self.gateway.take(Segment(port, flags, seq, ack, b"", not action.is_spoofed, is_taken=action.is_taken))
        if flags & FIN and action.is_taken and not action.is_spoofed and action.seq == "next":
            end.sent += 1

    def _send(self, action: Send) -> None:
        port = PORTS[action.port]
        end = self.ends.setdefault(port, End())
        if self.program.is_honest:
            self._retransmit(max((each for each in self._piece_ends() if each <= action.begin), default=-1))
        whole = self._text(action)
        octets = whole[action.begin : action.end or len(whole)]
        for begin in range(0, len(octets), SEGMENT_OCTETS):
            self._send_one(
                action, port, end, action.begin + begin + action.shift, octets[begin : begin + SEGMENT_OCTETS]
            )

    def _send_one(self, action: Send, port: int, end: End, at: int, octets: bytes) -> None:
        acks = {"right": end.server_next, "first": end.server_first, "ahead": (end.server_next + 1000) % MODULUS}
        seq, ack = ((end.first_isn if action.is_first_isn else end.isn) + at) % MODULUS, acks[action.ack]
        if action.is_spoofed:
            seq, ack = ack, seq
        elif action.is_taken:
            end.sent = max(end.sent, at + len(octets) + (action.flags == "FA"))
        is_taken = action.is_taken and action.options != "md5"
        options = OPTIONS[action.options]
        p = Segment(port, FLAGS[action.flags], seq, ack, octets, not action.is_spoofed, False, is_taken, options)
        self.gateway.take(p)

    def _text(self, action: Send) -> bytes:
        streams = self.program.streams
        stream = streams[action.stream % len(streams)]
        octets = octets_of(self.server_port, stream, action.text == "decoy")
        return bytes(len(octets)) if action.text == "zeros" else octets

    def _keep_alive(self, action: KeepAlive) -> None:
        port = PORTS[action.port]
        end = self.ends.setdefault(port, End())
        seq = (end.isn + end.sent - 1) % MODULUS
        self.gateway.take(Segment(port, ACK, seq, end.server_next, bytes(action.octets)))

    def _press(self, action: Others) -> None:
        client = SUBSCRIBER if action.is_own else STRANGER
        octets = octets_of(self.server_port, ("hello",) if self.server_port == TLS else ("GET",))[: action.octets]
        for _ in range(action.n):
            self.n_others += 1
            self.gateway.press(client, FIRST_OTHER + self.n_others, octets)

    # -- an honest client ----------------------------------------------------------------------------------------------

    def _piece_ends(self) -> list[int]:
        stream = self.program.streams[0]
        return [len(self._octets(stream[: n + 1])) for n in range(len(stream))]

    def _retransmit(self, until: int = 0) -> None:
        """Send again what the server has not acknowledged of a piece, and what comes behind its answer.

        until   where to end; 0: at the end of the stream"""
        octets = self._octets(self.program.streams[0])
        for _ in range(MOST_RETRANSMISSIONS):
            self.server.answer()
            for port, c in list(self.server.connections.items()):
                end = self.ends[port]
                at = (c.next - end.isn) % MODULUS
                if at < (until or len(octets)) and until >= 0:
                    self.gateway.now_s += 1
                    piece = octets[at : min((at + SEGMENT_OCTETS, *(each for each in self._piece_ends() if each > at)))]
                    self.gateway.take(Segment(port, PSH | ACK, c.next, end.server_next, piece))

    def misses(self) -> bool:
        """Whether a connection was not served what its octets ask for; not one that its client was started again in."""
        reader = self.make_reader()
        reader.feed(self._octets(self.program.streams[0]), False)
        opened = [type(action) for action in self.program.actions if isinstance(action, Syn | Reboot)]
        found = [each.served for each in self.server.readers]
        if len(found) < len(opened):
            return True
        whole = [names for names, following in zip(found, [*opened[1:], Syn], strict=False) if following is Syn]
        return any(names != reader.served for names in whole)
