"""A server's TCP as Linux has it, in front of a reader: which octets an application gets, and what is sent back.

Source: RFC 9293 §3.10, RFC 5961 (challenge acknowledgements), net/ipv4/tcp_input.c.
Absent on purpose: congestion, retransmission, windows that close.
"""

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

from adversary.readers import Reader
from adversary.segments import ACK, FIN, MODULUS, PSH, RST, SEGMENT_OCTETS, SYN, Segment, is_before

ISN_STEP = 64_000
# Of a SYN cookie: net/ipv4/syncookies.c.
COOKIE_BITS = 24
N_SIZES = 4  # of a client's segments, of which the cookie has one
COOKIE_S = 60
MOST_COOKIE_AGE = 2
RECEIVE_WINDOW = 1 << 20  # what window scaling gives to a fast connection
LARGE_WINDOW = 1 << 24  # and to a fast and long one


@dataclass(slots=True)
class Connection:
    """One connection of a server.   is_last_kept: of overlapping octets behind a gap the newer ones count."""

    port: int
    first: int
    """The sequence number of the client's SYN."""
    isn: int
    reader: Reader
    is_last_kept: bool
    next: int = 0
    sent: int = 0
    is_open: bool = False
    """The client has acknowledged the SYN/ACK."""
    has_ended: bool = False
    """The client's FIN has come, and all octets before it."""
    end: int | None = None
    """Where its FIN stands."""
    early: bytearray = field(default_factory=bytearray)
    """Octets from `next` on, where there is a gap; `has` says which of them have come."""
    has: bytearray = field(default_factory=bytearray)

    def __post_init__(self) -> None:
        self.next = (self.first + 1) % MODULUS
        self.sent = (self.isn + 1) % MODULUS


@dataclass(slots=True)
class Server:
    """The server at the other end, one connection for each client's port.   send: a segment to the gateway."""

    make_reader: Callable[[], Reader]
    send: Callable[[Segment], None]
    is_last_kept: bool = False
    is_slow: bool = False
    """Answers wait for `answer()`."""
    is_stateless: bool = False
    """It keeps nothing of a SYN: a connection begins where its client answers a SYN/ACK."""
    is_moved: bool = False
    """It begins wherever the number of its SYN/ACK fits, as Linux does; else where a SYN that it has answered says."""
    clock: Callable[[], int] = int
    window: int = RECEIVE_WINDOW
    answered: set[tuple[int, int, int]] = field(default_factory=set)
    connections: dict[int, Connection] = field(default_factory=dict)
    readers: list[Reader] = field(default_factory=list)
    answers: list[tuple[Connection, bytes]] = field(default_factory=list)
    isns: set[tuple[int, int]] = field(default_factory=set)
    """By port: the initial sequence numbers of its connections."""

    def take(self, p: Segment, isn: int) -> None:
        """One segment that has arrived.   isn: the server's, where it opens a connection."""
        c = self.connections.get(p.port)
        if p.flags & RST:
            self._reset(c, p)
        elif c is None and self.is_stateless and p.flags & (SYN | ACK):
            self._answer_or_believe(p)
        elif c is None:
            self._open(p, isn)
        elif p.flags & SYN and not p.flags & ACK:
            self._again(c, p)
        elif p.flags & ACK:
            self._data(c, p)

    def answer(self) -> None:
        """Send what waits."""
        answers, self.answers = self.answers, []
        for c, octets in answers:
            if self.connections.get(c.port) is c:
                for at in range(0, len(octets), SEGMENT_OCTETS):
                    self._say(c, PSH | ACK, octets[at : at + SEGMENT_OCTETS])

    def hang_up(self, port: int, is_reset: bool) -> None:
        """The server ends a connection from which it has received something, as after a time-out or garbage."""
        c = self.connections.get(port)
        if c is None or not c.is_open:
            return
        self._say(c, RST | ACK if is_reset else FIN | ACK)
        self.connections.pop(port, None)

    def _open(self, p: Segment, isn: int) -> None:
        if not p.flags & SYN or p.flags & ACK:
            if not p.flags & RST:
                self._speak(p.port, RST, p.ack, 0)
            return
        while (p.port, isn) in self.isns:  # no server begins two connections of the same ports alike (RFC 6528)
            isn = (isn + ISN_STEP) % MODULUS
        self.isns.add((p.port, isn))
        c = self._begin(p.port, p.seq, isn)
        self._speak(p.port, SYN | ACK, c.isn, c.next)

    def _begin(self, port: int, first: int, isn: int) -> Connection:
        reader = self.make_reader()
        self.readers.append(reader)
        c = self.connections[port] = Connection(port, first, isn, reader, self.is_last_kept)
        return c

    def cookie(self, p: Segment) -> int:
        """The number with which a SYN is answered: a hash of the time and the ports, the client's number, and its
        segments' size."""
        return self._cookie(p.port, p.seq, self.clock() // COOKIE_S, N_SIZES - 1 if p.options else 0)

    def _cookie(self, port: int, seq: int, count: int, size: int) -> int:
        whole, timed = (zlib.crc32(struct.pack("!HI", port, each)) for each in (0, count))
        return (whole + seq + (count << COOKIE_BITS) + (timed + size) % (1 << COOKIE_BITS)) % MODULUS

    def _answer_or_believe(self, p: Segment) -> None:
        """Answer a SYN; begin at what acknowledges a cookie of the last minutes, whatever the size in it."""
        if p.flags & SYN:
            if not p.flags & ACK:
                self.answered.add((p.port, p.seq, self.cookie(p)))
                self._speak(p.port, SYN | ACK, self.cookie(p), (p.seq + 1) % MODULUS)
            return
        first, isn, now = (p.seq - 1) % MODULUS, (p.ack - 1) % MODULUS, self.clock() // COOKIE_S
        cookies = [
            self._cookie(p.port, first, now - age, size) for age in range(MOST_COOKIE_AGE) for size in range(N_SIZES)
        ]
        if isn in cookies and (self.is_moved or (p.port, first, isn) in self.answered):
            c = self._begin(p.port, first, isn)
            c.is_open = True
            self._data(c, p)
        else:
            self._speak(p.port, RST, p.ack, 0)

    def _again(self, c: Connection, p: Segment) -> None:
        """A SYN on a connection: the same one again, or one that is only acknowledged (RFC 5961 §4)."""
        if not c.is_open and p.seq == c.first:
            self._speak(c.port, SYN | ACK, c.isn, c.next)
        else:
            self._say(c, ACK)

    def _reset(self, c: Connection | None, p: Segment) -> None:
        if c is None:
            return
        if p.seq == c.next:
            del self.connections[p.port]
        elif c.is_open and (p.seq - c.next) % MODULUS < self.window:
            self._say(c, ACK)

    def _data(self, c: Connection, p: Segment) -> None:
        """A segment of an open connection; one that acknowledges what was not sent is ignored."""
        if is_before(c.sent, p.ack):
            return
        if not c.is_open:
            if p.ack != c.sent:
                return
            c.is_open = True
        at = (p.seq + (p.flags & SYN > 0) - c.next) % MODULUS
        at = at - MODULUS if at >= MODULUS // 2 else at
        if not p.octets and not p.flags & FIN:
            return
        if p.flags & FIN and c.end is None and 0 <= at + len(p.octets) <= self.window:
            c.end = (c.next + at + len(p.octets)) % MODULUS
        arrived = self._assemble(c, at, p.octets)
        c.next = (c.next + len(arrived)) % MODULUS
        if c.end == c.next and not c.has_ended:
            c.has_ended = True
            c.next = (c.next + 1) % MODULUS
        self._say(c, ACK)
        self._read(c, arrived)

    def _assemble(self, c: Connection, at: int, octets: bytes) -> bytes:
        """Keep the octets of a segment; those that are now in order."""
        if at > self.window or c.has_ended:
            return b""
        if at <= 0 and not c.has:
            return octets[-at:]
        octets, at = octets[max(0, -at) :], max(0, at)
        missing = bytes(max(0, at + len(octets) - len(c.has)))
        c.early += missing
        c.has += missing
        self._keep(c, at, octets)
        n = c.has.find(0)
        n = len(c.has) if n < 0 else n
        found = bytes(c.early[:n])
        del c.early[:n], c.has[:n]
        return found

    def _keep(self, c: Connection, at: int, octets: bytes) -> None:
        """Octets behind a gap, and those that are there already by the rule of this host."""
        end = at + len(octets)
        if self.is_last_kept or not any(c.has[at:end]):
            c.early[at:end] = octets
        else:
            for place, octet in enumerate(octets, at):
                if not c.has[place]:
                    c.early[place] = octet
        c.has[at:end] = b"\x01" * len(octets)

    def _read(self, c: Connection, octets: bytes) -> None:
        answer = c.reader.feed(octets, c.has_ended)
        if answer:
            self.answers.append((c, answer))
            if not self.is_slow:
                self.answer()
        if c.reader.is_over and not self.is_slow:
            self.hang_up(c.port, is_reset=False)

    def _say(self, c: Connection, flags: int, octets: bytes = b"") -> None:
        sent = c.sent
        c.sent = (c.sent + len(octets)) % MODULUS
        self._speak(c.port, flags, sent, c.next, octets)

    def _speak(self, port: int, flags: int, seq: int, ack: int, octets: bytes = b"") -> None:
        self.send(Segment(port, flags, seq, ack, octets, is_client=False, is_outside=True))
