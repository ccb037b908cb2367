"""Plays a program of QUIC: its client, the gateway with the real gate, and a server whose reader we did not write.

actions → datagrams → QuicGateway (UDP's connection tracking, MARK_TABLE, GateLoop) → QuicReader → what was served
"""

import itertools
from dataclasses import dataclass, field

from adversary.actions import Hear, Others
from adversary.quic_actions import PATHS, Initial, Noise, Path, QuicAction, QuicProgram
from adversary.quic_gateway import Datagram, QuicGateway
from adversary.quic_hellos import client_hello, octets_of
from adversary.quic_readers import CONNECTION_ID_OCTETS, READERS
from adversary.world import Outcome, steer
from aioquic._buffer import Buffer
from aioquic.quic.packet import QuicPacketType, pull_quic_header
from fuzz import served
from support.packets.initials import (
    DRAFT_29,
    HANDSHAKE,
    INITIAL,
    PING,
    V1,
    V2,
    ZERO_RTT,
    ack,
    connection_close,
    crypto,
    initial,
    long_header,
    numbered,
    varint,
)

VERSION = {"v1": V1, "v2": V2, "draft-29": DRAFT_29}
FIRST, OTHER = b"\x11" * 8, b"\x22" * 12
BEFORE = {"": b"", "ping": PING, "ack": ack(), "close": connection_close(), "unknown": b"\x40\x99"}
FAR = 1 << 20
FIRST_OTHER = 2000  # the lowest port of connections that only take memory
MOST_RETRANSMISSIONS = 6
PIECE_OCTETS = 1100
PIECE_SIZE = 1200  # the least size of datagrams in one piece
MOST_OCTETS = 65000
LEAST_OCTETS = 100  # of a packet: a shorter one has no sample for its header protection


@dataclass
class QuicWorld:
    """One household and one server."""

    program: QuicProgram
    has_gate: bool = True
    ids: dict[str, bytes] = field(default_factory=lambda: {"first": FIRST, "other": OTHER})
    token: bytes = b""
    number: int = 0
    n_others: int = 0
    joined: bytes = b""
    pieces: list[bytes] = field(default_factory=list)
    """Datagrams that leave together with the next one."""
    waiting: list[Datagram] = field(default_factory=list)
    """The server's answers, where it is slow."""

    def __post_init__(self) -> None:
        self.gateway = QuicGateway(self.program.is_asymmetric, self.program.is_closed, self.arrive)
        self.gateway.is_there = self.has_gate
        self.reader = READERS[self.program.reader]()

    def arrive(self, d: Datagram) -> None:
        """A datagram that the gateway has forwarded."""
        if not d.is_taken:
            return
        if not d.is_client:
            self._learn(d)
            return
        for each in d.datagrams():
            answers = self.reader.take(each, d.path, float(self.gateway.now_s))
            self.waiting += [Datagram(octets, d.path, False) for octets in answers]
        if not self.program.is_slow:
            self.hear()

    def hear(self) -> None:
        """The server's answers come."""
        waiting, self.waiting = self.waiting, []
        for answer in waiting:
            self.gateway.take(answer)

    def _learn(self, d: Datagram) -> None:
        """The connection ID that the server has chosen, and the token of its Retry."""
        try:
            header = pull_quic_header(Buffer(data=d.octets), host_cid_length=CONNECTION_ID_OCTETS)
        except ValueError:
            return
        if header.packet_type is QuicPacketType.RETRY:
            self.ids["retry's"], self.token = header.source_cid, header.token
        elif header.packet_type is QuicPacketType.INITIAL:
            self.ids["server's"] = header.source_cid

    def run(self) -> Outcome:
        before = served.REPORTER.counters.values()
        for action in self.program.actions:
            self.play(action)
        self.gateway.judge_all()
        if self.program.is_honest:
            self._retransmit()
        after = served.REPORTER.counters.values()
        counted = frozenset(name for name, n in after.items() if n != before[name])
        misses = self.program.is_honest and not self.reader.served
        return Outcome(frozenset(self.reader.served), counted, self._novelty(counted), misses)

    def _novelty(self, counted: frozenset[str]) -> frozenset[object]:
        kind = ("quic", self.program.reader, self.program.is_asymmetric, self.program.is_closed)
        found: set[object] = {(*kind, pair) for pair in itertools.combinations(sorted(counted), 2)}
        found |= {(*kind, step) for step in self.gateway.steps}
        found.add((*kind, len(self.reader.served), frozenset(step[1] for step in self.gateway.steps)))
        return frozenset(found)

    # -- actions -------------------------------------------------------------------------------------------------------

    def play(self, action: QuicAction) -> None:
        match action:
            case Initial():
                self._send(self._initial(action), action)
            case Noise():
                self._noise(action)
            case Hear():
                self.hear()
            case Others():
                self._press(action)
            case _:
                steer(self.gateway, action)

    def _send(self, packet: bytes, action: Initial | Noise) -> None:
        self.joined += packet
        if action.is_joined:
            return
        octets, self.joined = self.joined[:MOST_OCTETS], b""
        if self.pieces and len(octets) > len(self.pieces[0]):  # the last one alone may be shorter
            self._leave(action)
        size = len(self.pieces[0]) if self.pieces else max(len(octets), PIECE_SIZE)
        self.pieces.append(octets.ljust(size, b"\0") if action.is_in_piece else octets)
        if not action.is_in_piece or (len(self.pieces) + 1) * size > MOST_OCTETS:
            self._leave(action)

    def _leave(self, action: Initial | Noise) -> None:
        """All datagrams that wait leave in one piece."""
        pieces, self.pieces = self.pieces, []
        size = len(pieces[0])
        self.gateway.take(Datagram(b"".join(pieces), PATHS[action.path], True, action.is_taken, size))

    def _initial(self, action: Initial) -> bytes:
        dcid = self.ids.get(action.dcid, FIRST)
        number = {-1: self.number, -2: self.number + FAR}.get(action.number, action.number)
        if action.number == -1:
            self.number += 1
        token = {"": b"", "retry": self.token, "junk": b"junk"}[action.token]
        _, scid = client_hello(())
        return initial(
            BEFORE[action.before] + self._frames(action),
            version=VERSION[action.version],
            dcid=dcid,
            scid=scid,
            token=token,
            number=number,
            number_octets=action.number_octets,
            keyed=self.ids.get(action.keyed, FIRST),
            size=max(LEAST_OCTETS, action.size - len(self.joined)),
            is_fixed=action.is_fixed,
        )

    def _frames(self, action: Initial) -> bytes:
        hellos = self.program.hellos
        whole = octets_of(hellos[action.hello % len(hellos)], action.text == "decoy")
        whole = bytes(len(whole)) if action.text == "zeros" else whole
        octets = whole[action.begin : action.end or len(whole)]
        size = -(-len(octets) // max(1, action.n_frames)) or 1
        frames = [
            crypto(max(0, action.begin + at + action.shift), octets[at : at + size])
            for at in range(0, len(octets), size)
        ]
        return b"".join(reversed(frames) if action.is_reversed else frames)

    def _noise(self, action: Noise) -> None:
        packet = {
            "short": b"\x40" + self.ids.get("server's", FIRST) + bytes(40),
            "handshake": numbered(HANDSHAKE, dcid=self.ids.get("server's", FIRST)),
            "0-RTT": numbered(ZERO_RTT, dcid=FIRST),
            "unknown version": long_header(INITIAL, 0x1A2A3A4A, FIRST).ljust(1200, b"\0"),
            "version negotiation": long_header(INITIAL, 0, FIRST, b"", bytes.fromhex("00000001")),
            "junk": bytes(range(100)),
            "empty token": long_header(INITIAL, V1, FIRST, b"", varint(0) + varint(30, 2) + bytes(30)),
            "ping": initial(PING, dcid=FIRST, number=self.number + 100, size=1200),
        }[action.kind]
        if action.is_outside:
            self.gateway.take(Datagram(packet, PATHS[action.path], False))
        else:
            self._send(packet, action)

    def _press(self, action: Others) -> None:
        client = PATHS[0].client if action.is_own else "192.0.2.77"
        for _ in range(action.n):
            self.n_others += 1
            dcid = self.n_others.to_bytes(8, "big")
            hello = octets_of("long hello")[: max(40, action.octets)]
            path = Path(client, FIRST_OTHER + self.n_others)
            self.gateway.press(path, initial(crypto(0, hello), dcid=dcid, size=1200))

    # -- an honest client ----------------------------------------------------------------------------------------------

    def _retransmit(self) -> None:
        """Send the whole hello again until the server has it."""
        hello = octets_of(self.program.hellos[0])
        sent = next(action for action in self.program.actions if isinstance(action, Initial))
        for _ in range(MOST_RETRANSMISSIONS):
            self.hear()
            if self.reader.served:
                return
            is_retried = bool(self.token)
            for at in range(0, len(hello), PIECE_OCTETS):
                name = "retry's" if is_retried else "first"
                again = Initial(0, at, at + PIECE_OCTETS, dcid=name, keyed=name, version=sent.version, path=sent.path)
                self.play(again._replace(token="retry" if is_retried else ""))
