"""The child's end of an escape: connections of packets of our own making, played step by step.

Its kernel knows none of them, and its resets for their ports must be kept from leaving: see evasion/campaign.py.
"""

import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Barrier
from typing import TypeVar

from support.evasion import frames
from support.evasion.connections import Connection, TcpConnection, UdpConnection
from support.evasion.frames import Ends
from support.evasion.player import Player, Wire
from support.evasion.segments import Row, Segment, Stream, pieces, whole
from support.packets.builders import ACK, PSH

C = TypeVar("C", bound=Connection)
ANSWER_S = 2.0
AGAIN_S = 0.3  # an unanswered segment is sent again, as every client does
CUT = 1200  # octets of a segment


@dataclass(frozen=True, slots=True)
class Server:
    """One of the lab's recording servers: whose address, and port."""

    node: str
    port: int


OPENSSL, PYTHON_HTTP = Server("foreign", 443), Server("foreign", 80)
NGINX_HTTP, MULTIPATH = Server("resolver", 80), Server("multipath", 443)
QUIC, QUIC_ELSEWHERE = Server("foreign", 443), Server("foreign", 8443)

STEPWISE = Row(name="stepwise", plan=whole)
NOTHING = Stream(b"", b"", b"")


class Heard(TcpConnection):
    """Knows when a packet of its server has come last, and how much of the stream its server has."""

    n_heard, heard_s, acked = 0, 0.0, 0

    def take(self, packet: bytes, at: int) -> None:
        super().take(packet, at)
        (ack,) = struct.unpack_from("!I", packet, at + 8)
        self.acked = max(self.acked, (ack - self.isn + (1 << 31)) % (1 << 32) - (1 << 31))
        self.n_heard += 1
        self.heard_s = time.monotonic()


class Child:
    """Where a program plays.

    addresses   by node, of one family;   name  the one that a row brings to a server
    all_paused  where the families meet whose rows stand between two steps"""

    def __init__(
        self, wire: Wire, addresses: dict[str, str], ports: Iterator[int], name: bytes, all_paused: Barrier
    ) -> None:
        self.wire, self.addresses, self.ports, self.name = wire, addresses, ports, name
        self._all_paused = all_paused
        self.player = Player(wire)
        self.is_v6 = ":" in addresses["child"]

    def ends(self, server: Server, port: int = 0, source: str = "") -> Ends:
        """From here to a server.   port 0: one that was never used"""
        framing = "IPv6" if self.is_v6 else "IPv4"
        source = source or self.addresses["child"]
        return Ends(source, self.addresses[server.node], port or next(self.ports), server.port, framing)

    def tcp(self, ends: Ends, window: int = STEPWISE.window) -> Heard:
        """A connection that is not begun."""
        row = Row(name="stepwise", plan=whole, window=window)
        return self._known(Heard(row, NOTHING, ends))

    def udp(self, ends: Ends) -> UdpConnection:
        return self._known(UdpConnection(STEPWISE, NOTHING, ends))

    def connect(self, *connections: Heard) -> None:
        """Shake hands with their servers."""
        self.player.connect(list(connections))
        for one in connections:
            assert one.is_open, f"no SYN/ACK at port {one.ends.port}"
            self.send(one, 0, flags=ACK)

    def open(self, server: Server, port: int = 0) -> Heard:
        one = self.tcp(self.ends(server, port))
        self.connect(one)
        return one

    def send(self, one: Connection, at: int, octets: bytes = b"", flags: int = ACK | PSH, **how: object) -> None:
        """Send octets at a stream position, in as many segments as it takes; the octets of UDP as one datagram."""
        whole_segments = len(octets) <= CUT or isinstance(one, UdpConnection)
        cut = [Segment(at=0, data=octets)] if whole_segments else pieces(octets, *range(CUT, len(octets), CUT))
        for piece in cut:
            segment = Segment(at=at + piece.at, data=piece.data, flags=flags, **how)  # type: ignore[arg-type]
            self.wire.send(one.packets(segment), self.is_v6)

    def ask(self, one: Connection, at: int, octets: bytes) -> bool:
        """Send octets, again if need be, until the server answers; says whether it has."""
        n_answers, until_s = one.n_answers, time.monotonic() + ANSWER_S
        while one.n_answers == n_answers and not one.is_reset and time.monotonic() < until_s:
            self.send(one, at, octets)
            self.wait(lambda: one.n_answers > n_answers or one.is_reset, AGAIN_S)
        if one.n_answers > n_answers and isinstance(one, Heard):
            self.send(one, at + len(octets), flags=ACK)
        return one.n_answers > n_answers

    def wait(self, holds: Callable[[], bool], within_s: float = ANSWER_S) -> bool:
        """Listen until something holds; says whether it does."""
        until_s = time.monotonic() + within_s
        while not holds() and time.monotonic() < until_s:
            self.player.listen(0.005)
        return holds()

    def hears(self, one: Heard, within_s: float) -> bool:
        """Listen until the connection's server says something; says whether it does."""
        n_heard = one.n_heard
        return self.wait(lambda: one.n_heard > n_heard, within_s)

    def forge(self, one: Heard, flags: int, octets: bytes = b"", by: int = 0, ack: int = 0) -> None:
        """Send a segment of the server's to ourselves, as if it came from there.

        by    how far behind the server's last octet;  ack: the stream position that it acknowledges"""
        sent = Segment(at=0, data=octets, flags=flags)
        back = _reversed(one.ends)
        data = frames.segment(back, sent, one.ack + by, one.isn + ack, STEPWISE.window)
        self.wire.send(frames.packets(back, sent, frames.TCP, data), self.is_v6)

    def forge_datagram(self, one: UdpConnection, octets: bytes) -> None:
        sent, back = Segment(at=0, data=octets), _reversed(one.ends)
        self.wire.send(frames.packets(back, sent, frames.UDP, frames.datagram(back, sent)), self.is_v6)

    def pause(self) -> None:
        """Wait until the lab has done what stands between two steps."""
        self._all_paused.wait()

    def _known(self, one: C) -> C:
        self.player.by_port[self.is_v6, one.protocol, one.ends.port] = one
        return one


def _reversed(ends: Ends) -> Ends:
    return Ends(ends.target, ends.source, ends.target_port, ends.port, ends.framing)
