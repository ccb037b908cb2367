"""Plays connections of its own making, hundreds at a time.   python player.py < cases;  run in the child's namespace.

Standard input: {"interface", "gateway_mac", "cases": [[row's name, base, framing, name, source, target, port], …]}.
Standard output: one line of JSON: what came of each case, "reset", "answered" or "silence".
The kernel knows none of these connections: its resets for their ports must be kept from leaving, see campaign.py.
"""

import errno
import json
import select
import socket
import struct
import sys
import time
from collections.abc import Iterable
from typing import Any

from support.evasion import frames
from support.evasion.connections import Connection, TcpConnection, UdpConnection
from support.evasion.frames import Ends
from support.evasion.rows import build, is_quic

BATCH = 64  # a queue holds 1,024 packets, and a piece may be many
ROUND_S = 0.0005
QUIET_S = 0.5
ROOM_S = 10.0
ATTEMPTS = 3
CONNECT_S = 4.0
SYN_AGAIN_S = 0.4
ETHER = {False: 0x0800, True: 0x86DD}


class Wire:
    """Whole frames out of one interface, and into all: answers may come on another way."""

    def __init__(self, interface: str, gateway_mac: str) -> None:
        self.out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.out.bind((interface, 0))
        self.into = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0003))
        self.into.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE: every answer of a batch
        self.into.setblocking(False)
        self.target = bytes.fromhex(gateway_mac.replace(":", ""))
        self.source = self.out.getsockname()[4]

    def send(self, packets: Iterable[bytes], is_v6: bool) -> None:
        head = self.target + self.source + struct.pack("!H", ETHER[is_v6])
        for packet in packets:
            self._send(head + packet)

    def _send(self, frame: bytes) -> None:
        """Send a frame once the interface has room; a busy machine takes its time.   Raises OSError"""
        until = time.monotonic() + ROOM_S
        while True:
            try:
                self.out.send(frame)
            except OSError as reason:
                if reason.errno != errno.ENOBUFS or time.monotonic() > until:
                    raise
                time.sleep(ROUND_S)
            else:
                return

    def receive(self, wait_s: float) -> list[bytes]:
        """The IP packets that have come, after waiting for the first."""
        packets: list[bytes] = []
        if not select.select([self.into], [], [], wait_s)[0]:
            return packets
        while True:
            try:
                frame, where = self.into.recvfrom(65550)
            except BlockingIOError:
                return packets
            if where[2] != socket.PACKET_OUTGOING:
                packets.append(frame[14:])


class Player:
    """Plays connections, one batch after the other."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.by_port: dict[tuple[bool, int, int], Connection] = {}

    def listen(self, wait_s: float) -> bool:
        """Hand out what has come; says whether the outcome of a connection has changed."""
        has_changed = False
        for packet in self.wire.receive(wait_s):
            is_v6 = packet[0] >> 4 == 6
            at = 40 if is_v6 else (packet[0] & 15) * 4
            kind = packet[6 if is_v6 else 9]
            if kind in (frames.TCP, frames.UDP):
                one = self.by_port.get((is_v6, kind, struct.unpack_from("!H", packet, at + 2)[0]))
                if one is not None:
                    before = one.outcome
                    one.take(packet, at)
                    has_changed |= one.outcome != before
        return has_changed

    def play(self, batch: list[Connection]) -> None:
        self.by_port |= {(one.ends.is_v6, one.protocol, one.ends.port): one for one in batch}
        self.connect(batch)
        for one in batch:
            self.wire.send(one.begun(), one.ends.is_v6)
        pending = batch
        until_s = time.monotonic() + 10
        while pending and time.monotonic() < until_s:
            for one in pending:
                self.step(one)
            self.listen(ROUND_S)
            pending = [one for one in pending if not one.is_done]

    def finish(self) -> None:
        """Wait until nothing new has come for a while."""
        changed_s = time.monotonic()
        while time.monotonic() - changed_s < QUIET_S:
            if self.listen(QUIET_S / 10):
                changed_s = time.monotonic()

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
        if due is not None:
            self.wire.send(one.packets(due), one.ends.is_v6)
            one.sent()


def main(job: dict[str, Any]) -> list[str]:
    player = Player(Wire(job["interface"], job["gateway_mac"]))
    connections: list[Connection] = []
    for row_name, base, framing, name, source, target, port, target_port in job["cases"]:
        row, stream = build(row_name, base, name)
        kind = UdpConnection if is_quic(base) else TcpConnection
        connections.append(kind(row, stream, Ends(source, target, port, target_port, framing)))
    # as every client repeats what nobody acknowledges: a loaded box drops packets
    for _ in range(ATTEMPTS):
        silent = [one for one in connections if one.outcome == "silence"]
        for at in range(0, len(silent), BATCH):
            player.play(silent[at : at + BATCH])
        player.finish()
    return [one.outcome for one in connections]


if __name__ == "__main__":
    print(json.dumps(main(json.load(sys.stdin))))
