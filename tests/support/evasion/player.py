"""Plays connections of its own making, hundreds at a time.   python player.py < cases;  run in the child's namespace.

Standard input: {"interface", "gateway_mac", "cases": [[row's name, base, framing, name, source, target, port], …]}.
Standard output: one line of JSON: what came of each case, "reset", "answered" or "silence".
The kernel knows none of these connections: its resets for their ports must be kept from leaving, see campaign.py.
"""

import json
import os
import select
import socket
import struct
import sys
import time
from collections.abc import Iterable
from typing import Any

from support.evasion import frames
from support.evasion.frames import Ends
from support.evasion.rows import build
from support.evasion.segments import Row, Segment, Stream
from support.packets import ACK, RST, SYN

BATCH = 64  # a queue holds 1,024 packets, and a piece may be many
ROUND_S = 0.0005
QUIET_S = 0.5  # more than twice the time after which a server repeats what was not acknowledged
LAST_S = 3.0
ATTEMPTS = 3
CONNECT_S = 4.0
SYN_AGAIN_S = 0.4
ETHER = {False: 0x0800, True: 0x86DD}
MSS = b"\x02\x04\x05\xa0"


class Connection:
    """One case."""

    def __init__(self, row: Row, stream: Stream, ends: Ends) -> None:
        self.row, self.ends = row, ends
        self.plan = list(row.plan(stream))
        self.on_syn = list(row.on_syn(stream)) if row.on_syn else []
        self.isn = struct.unpack("!I", os.urandom(4))[0]
        self.clock = 1_000_000_000
        self.ack = self.echo = 0
        self.is_open = self.has_answer = self.is_reset = False
        self.next = 0
        self.sent_s = 0.0
        self.n_answers = self.n_answers_used = 0

    def segment(self, one: Segment) -> list[bytes]:
        """The packets of a segment; the SYN's octet stands before position 0."""
        options = b""
        if self.row.has_clock:
            echo = self.echo if self.is_open else 0
            options = b"\x01\x01\x08\x0a" + struct.pack("!II", (self.clock + one.clock_by) & 0xFFFFFFFF, echo)
        options = (MSS if one.flags & SYN else b"") + options + one.options
        ack = self.ack + one.ack_by if one.flags & ACK else 0
        data = frames.segment(self.ends, one, self.isn + one.at, ack, self.row.window, options)
        return frames.packets(self.ends, one, frames.TCP, data, (self.isn + self.next) & 0xFFFF | 1)

    def opening(self) -> list[bytes]:
        segments = [*self.on_syn, Segment(at=-1, flags=SYN)]
        return [packet for one in segments for packet in self.segment(one)]

    def due(self, now_s: float) -> Segment | None:
        """The next segment, if its time has come."""
        if self.next == len(self.plan):
            return None
        one = self.plan[self.next]
        if now_s - self.sent_s < one.pause_s or (one.awaits_answer and self.n_answers == self.n_answers_used):
            return None
        return one

    @property
    def is_done(self) -> bool:
        # a reset ends an honest client; one that waits for an answer waits for ever
        return self.next == len(self.plan) or (self.is_reset and self.plan[self.next].awaits_answer)

    def take(self, packet: bytes, at: int) -> None:
        """Take a TCP packet for this connection; `at`: its TCP header."""
        seq, offset, flags = *struct.unpack_from("!I", packet, at + 4), packet[at + 12] >> 4, packet[at + 13]
        size = (
            struct.unpack_from("!H", packet, 4)[0] + 40 if self.ends.is_v6 else struct.unpack_from("!H", packet, 2)[0]
        )
        data = size - at - 4 * offset
        if flags & RST:
            self.is_reset = True
        elif flags & SYN:
            self.ack, self.is_open = seq + 1 & 0xFFFFFFFF, True
            self._note_clock(packet[at + 20 : at + 4 * offset])
        elif data > 0:
            self.has_answer = True
            self.n_answers += 1
            self.ack = max(self.ack, seq + data & 0xFFFFFFFF)

    def _note_clock(self, options: bytes) -> None:
        at = options.find(b"\x08\x0a")
        if at >= 0:
            self.echo = struct.unpack_from("!I", options, at + 2)[0]

    @property
    def outcome(self) -> str:
        return "reset" if self.is_reset else "answered" if self.has_answer else "silence"


class Wire:
    """Whole frames out of and into one interface."""

    def __init__(self, interface: str, gateway_mac: str) -> None:
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0003))
        self.socket.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE: every answer of a batch
        self.socket.bind((interface, 0))
        self.socket.setblocking(False)
        self.target = bytes.fromhex(gateway_mac.replace(":", ""))
        self.source = self.socket.getsockname()[4]

    def send(self, packets: Iterable[bytes], is_v6: bool) -> None:
        head = self.target + self.source + struct.pack("!H", ETHER[is_v6])
        for packet in packets:
            self.socket.send(head + packet)

    def receive(self, wait_s: float) -> list[bytes]:
        """The IP packets that have come, after waiting for the first."""
        packets: list[bytes] = []
        if not select.select([self.socket], [], [], wait_s)[0]:
            return packets
        while True:
            try:
                frame, where = self.socket.recvfrom(65550)
            except BlockingIOError:
                return packets
            if where[2] != socket.PACKET_OUTGOING:
                packets.append(frame[14:])


class Player:
    """Plays connections, one batch after the other."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.by_port: dict[tuple[bool, int], Connection] = {}

    def listen(self, wait_s: float) -> bool:
        """Hand out what has come; says whether something has."""
        packets = self.wire.receive(wait_s)
        for packet in packets:
            is_v6 = packet[0] >> 4 == 6
            at = 40 if is_v6 else (packet[0] & 15) * 4
            if packet[6 if is_v6 else 9] == frames.TCP:
                one = self.by_port.get((is_v6, struct.unpack_from("!H", packet, at + 2)[0]))
                if one is not None:
                    one.take(packet, at)
        return bool(packets)

    def play(self, batch: list[Connection]) -> None:
        self.by_port |= {(one.ends.is_v6, one.ends.port): one for one in batch}
        self.connect(batch)
        for one in batch:
            self.wire.send(one.segment(Segment(at=0, flags=ACK)), one.ends.is_v6)
            one.next = 0
        pending = batch
        until_s = time.monotonic() + 10
        while pending and time.monotonic() < until_s:
            for one in pending:
                self.step(one)
            self.listen(ROUND_S)
            pending = [one for one in pending if not one.is_done]

    def finish(self) -> None:
        """Wait for the last answers."""
        until_s = time.monotonic() + LAST_S
        while self.listen(QUIET_S) and time.monotonic() < until_s:
            pass

    def connect(self, batch: list[Connection]) -> None:
        until_s = time.monotonic() + CONNECT_S
        while (waiting := [one for one in batch if not one.is_open]) and time.monotonic() < until_s:
            for one in waiting:
                self.wire.send(one.opening(), one.ends.is_v6)
            again_s = time.monotonic() + SYN_AGAIN_S
            while time.monotonic() < again_s and not all(one.is_open for one in batch):
                self.listen(0.01)

    def step(self, one: Connection) -> None:
        due = one.due(time.monotonic())
        if due is not None and one.is_open:
            self.wire.send(one.segment(due), one.ends.is_v6)
            one.next += 1
            one.sent_s = time.monotonic()
            one.n_answers_used = one.n_answers


def main(job: dict[str, Any]) -> list[str]:
    player = Player(Wire(job["interface"], job["gateway_mac"]))
    connections = []
    for row_name, base, framing, name, source, target, port, target_port in job["cases"]:
        row, stream = build(row_name, base, name)
        connections.append(Connection(row, stream, Ends(source, target, port, target_port, framing)))
    # as every client repeats what nobody acknowledges: a loaded box drops packets
    for _ in range(ATTEMPTS):
        silent = [one for one in connections if one.outcome == "silence"]
        for at in range(0, len(silent), BATCH):
            player.play(silent[at : at + BATCH])
        player.finish()
    return [one.outcome for one in connections]


if __name__ == "__main__":
    print(json.dumps(main(json.load(sys.stdin))))
