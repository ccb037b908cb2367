"""The client's state of one case: what it sends next, and what it has received."""

import os
import struct
import time
from dataclasses import replace

from support.evasion import frames
from support.evasion.frames import Ends
from support.evasion.segments import Row, Segment, Stream
from support.packets.builders import ACK, RST, SYN

MSS = b"\x02\x04\x05\xa0"
FIRST_CLOCK = 1_000_000_000


class Connection:
    """What both transports share: the plan, and how far it has come."""

    protocol: int

    def __init__(self, row: Row, stream: Stream, ends: Ends) -> None:
        self.row, self.ends = row, ends
        self.plan = list(row.plan(stream))
        self.is_open = self.has_answer = self.is_reset = False
        self.next = self.n_answers = self.n_answers_used = 0
        self.sent_s = 0.0

    def due(self, now_s: float) -> Segment | None:
        """The next segment, if its time has come."""
        if self.next == len(self.plan) or not self.is_open:
            return None
        one = self.plan[self.next]
        if now_s - self.sent_s < one.pause_s or (one.awaits_answer and self.n_answers == self.n_answers_used):
            return None
        return one

    def sent(self) -> None:
        self.next += 1
        self.sent_s = time.monotonic()
        self.n_answers_used = self.n_answers

    @property
    def is_done(self) -> bool:
        # a reset ends an honest client; one that waits for an answer waits for ever
        return self.next == len(self.plan) or (self.is_reset and self.plan[self.next].awaits_answer)

    def opening(self) -> list[bytes]:
        raise NotImplementedError

    def begun(self) -> list[bytes]:
        raise NotImplementedError

    def packets(self, one: Segment) -> list[bytes]:
        raise NotImplementedError

    def take(self, packet: bytes, at: int) -> None:
        raise NotImplementedError

    @property
    def outcome(self) -> str:
        return "reset" if self.is_reset else "answered" if self.has_answer else "silence"


class TcpConnection(Connection):
    """Position 0 is the octet after the SYN."""

    protocol = frames.TCP

    def __init__(self, row: Row, stream: Stream, ends: Ends) -> None:
        super().__init__(row, stream, ends)
        self.on_syn = list(row.on_syn(stream)) if row.on_syn else []
        self.isn = struct.unpack("!I", os.urandom(4))[0]
        self.ack = self.echo = 0

    def packets(self, one: Segment) -> list[bytes]:
        options = b""
        if self.row.has_clock:
            echo = self.echo if self.is_open else 0
            options = b"\x01\x01\x08\x0a" + struct.pack("!II", FIRST_CLOCK + one.clock_by, echo)
        options = (MSS if one.flags & SYN else b"") + options + one.options
        ack = self.ack + one.ack_by if one.flags & ACK else 0
        data = frames.segment(self.ends, one, self.isn + one.at, ack, self.row.window, options)
        return frames.packets(self.ends, one, frames.TCP, data, (self.isn + self.next) & 0xFFFF | 1)

    def opening(self) -> list[bytes]:
        return [packet for one in [*self.on_syn, Segment(at=-1, flags=SYN)] for packet in self.packets(one)]

    def begun(self) -> list[bytes]:
        self.next = 0
        return self.packets(Segment(at=0, flags=ACK))

    def take(self, packet: bytes, at: int) -> None:
        """Take a packet for this connection; `at`: its TCP header."""
        seq, offset, flags = *struct.unpack_from("!I", packet, at + 4), packet[at + 12] >> 4, packet[at + 13]
        n_data = frames.octets_of(packet) - at - 4 * offset
        if flags & RST:
            self.is_reset = True
        elif flags & SYN:
            self.ack, self.is_open = seq + 1 & 0xFFFFFFFF, True
            self._note_clock(packet[at + 20 : at + 4 * offset])
        elif n_data > 0:
            self.has_answer = True
            self.n_answers += 1
            self.ack = max(self.ack, seq + n_data & 0xFFFFFFFF)

    def _note_clock(self, options: bytes) -> None:
        at = options.find(b"\x08\x0a")
        if at >= 0:
            self.echo = struct.unpack_from("!I", options, at + 2)[0]


class UdpConnection(Connection):
    """Every segment is a datagram."""

    protocol = frames.UDP
    last = b""

    def __init__(self, row: Row, stream: Stream, ends: Ends) -> None:
        super().__init__(row, stream, ends)
        self.is_open = True

    def packets(self, one: Segment) -> list[bytes]:
        if one.answering is not None:
            one = replace(one, data=one.answering(self.last))
        ends = replace(self.ends, port=self.ends.port + one.port_by)
        return frames.packets(ends, one, frames.UDP, frames.datagram(ends, one), self.next + 1)

    def opening(self) -> list[bytes]:
        return []

    def begun(self) -> list[bytes]:
        self.next = 0
        return []

    def take(self, packet: bytes, at: int) -> None:
        if not self.has_answer or self.row.server != "quic retry":
            self.last = packet[at + 8 :]
        self.has_answer = True
        self.n_answers += 1
