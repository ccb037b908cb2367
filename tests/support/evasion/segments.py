"""An evading client's plan: the segments that it sends on one connection, and the rows that make plans."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from support.packets.builders import ACK, PSH

FRAMINGS = ("IPv4", "IPv4 with options", "IPv6", "IPv6 with extension headers")
DEFAULT_TTL = 64
NEAR_TTL = 3  # passes the gate and ends before the server, which looks far away
SEGMENT_OCTETS = 1280  # of an ordinary segment: fits every path with the headers of every framing


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One TCP segment, or what becomes of it below."""

    at: int
    """Stream position of its first octet; may lie outside the stream."""
    data: bytes = b""
    flags: int = ACK | PSH
    ttl: int = DEFAULT_TTL
    port_by: int = 0
    """Added to the client's port, of a datagram alone."""
    ack_by: int = 0
    """Added to the right acknowledgement number."""
    options: bytes = b""
    """TCP options, behind the timestamps if the connection has those."""
    clock_by: int = 0
    """Added to TSval."""
    urgent: int = 0
    is_checksum_bad: bool = False
    ip_id: int | None = None
    ip_options: bytes = b""
    extensions: bytes = b""
    """IPv6 extension headers, each with its own type in front: see frames.chain()."""
    says_no_length: bool = False
    """0 as the payload length of IPv6."""
    fragment_octets: int = 0
    """Cut the packet into IP fragments with so many octets each, a multiple of 8."""
    fragment_order: str = "in order"
    padding: bytes = b""
    """Behind the packet, in its frame."""
    pause_s: float = 0.0
    """Wait so long before it."""
    answering: Callable[[bytes], bytes] | None = None
    """Makes `data` of the last datagram of the server."""
    awaits_answer: bool = False
    """Wait until the server has sent something since the last segment."""


@dataclass(frozen=True, slots=True)
class Stream:
    """What the server shall get, and what the client would like the gate to believe."""

    octets: bytes
    decoy: bytes
    """The same for an allowed name, of the same length."""
    name: bytes

    @property
    def name_at(self) -> int:
        return self.octets.index(self.name)


Plan = Callable[[Stream], Sequence[Segment]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One named transform.

    passes      with the gate, an allowed name reaches the server: False where what was forwarded first contradicts what
                comes (rule R2: dropped whatever the name)
    reaches     without the gate, a server completes it
    has_clock   the connection negotiates timestamps
    on_syn      what is sent in front of the SYN
    server      which of the servers, where not all of them that speak the base's protocol"""

    name: str
    plan: Plan
    bases: tuple[str, ...] = ("classic",)
    framings: tuple[str, ...] = FRAMINGS
    passes: bool = True
    reaches: bool = True
    has_clock: bool = False
    on_syn: Plan | None = None
    window: int = 64000
    server: str = ""
    is_lost_unseen: bool = False
    """Where the gate sees nothing of the server, nothing proves what that has received:
    docs/internals/gate-rules.md, limits."""
    is_low_port: bool = False
    """The client's port is below the server's."""


def whole(stream: Stream) -> list[Segment]:
    """The stream as any client sends it."""
    return pieces(stream.octets)


def pieces(octets: bytes, *borders: int) -> list[Segment]:
    """The octets in segments that end at `borders`; none is longer than a path allows."""
    edges = sorted({0, len(octets), *borders, *range(SEGMENT_OCTETS, len(octets), SEGMENT_OCTETS)})
    edges = [edge for edge in edges if 0 <= edge <= len(octets)]
    return [Segment(at=a, data=octets[a:b]) for a, b in itertools.pairwise(edges)]
