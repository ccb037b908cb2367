"""What an adversary does with QUIC: a program of datagrams on the paths between a household and one server.

Values that can be stored, changed and pasted, as in actions.py.
"""

import json
from typing import NamedTuple

from adversary.actions import Hear, Hold, Judge, Others, Reload, Restart, Wait


class Path(NamedTuple):
    """Ends of a datagram: the client's address and port, the server's port."""

    client: str
    sport: int
    dport: int = 443


PATHS = (
    Path("192.0.2.1", 50000),
    Path("192.0.2.1", 50001),
    Path("192.0.2.1", 50000, 8443),
    Path("192.0.2.2", 50000),
    Path("2001:db8::1", 50000),
    Path("2001:db8::1:0:0:1", 50000, 8443),
)
CONNECTION_IDS = ("first", "other", "server's", "retry's")
VERSIONS = ("v1", "v2", "draft-29")
NOISE = ("short", "handshake", "0-RTT", "unknown version", "version negotiation", "junk", "empty token", "ping")


class Initial(NamedTuple):
    """One Initial of the client, with octets of a hello in CRYPTO frames.   end 0: up to its end

    text       true, decoy (the hello of the other name) or zeros
    shift      added to the offset of its octets
    dcid       the connection ID that is written, of CONNECTION_IDS;  keyed: the one that its keys come from
    number     its packet number; -1: the next one, -2: one far ahead
    n_frames   pieces that its octets come in;  is_reversed: the last one first
    before     a frame in front of them: ping, ack, close, unknown
    token      none, that of the server's Retry, or junk
    size       the datagram is padded up to it
    is_joined  the next action's packet is in the same datagram
    is_taken   it reaches the server
    is_in_piece  the next action's datagram leaves with this one in one piece (UDP_SEGMENT), and arrives as its own"""

    hello: int = 0
    begin: int = 0
    end: int = 0
    text: str = "true"
    shift: int = 0
    dcid: str = "first"
    keyed: str = "first"
    version: str = "v1"
    number: int = -1
    number_octets: int = 4
    n_frames: int = 1
    is_reversed: bool = False
    before: str = ""
    token: str = ""
    is_fixed: bool = True
    size: int = 1200
    path: int = 0
    is_joined: bool = False
    is_taken: bool = True
    is_in_piece: bool = False


class Noise(NamedTuple):
    """A packet without a hello, of NOISE, by the client; is_outside: from the server's side, in the server's name."""

    kind: str = "short"
    path: int = 0
    is_joined: bool = False
    is_outside: bool = False
    is_taken: bool = True
    is_in_piece: bool = False


QuicAction = Initial | Noise | Hear | Wait | Others | Restart | Reload | Hold | Judge
KINDS: dict[str, type[QuicAction]] = {
    kind.__name__: kind for kind in (Initial, Noise, Hear, Wait, Others, Restart, Reload, Hold, Judge)
}


class QuicProgram(NamedTuple):
    """What is played.   hellos: names of streams of CRYPTO octets, see quic_hellos.py

    reader     of quic_readers.py
    is_slow    the server's answers wait for Hear
    is_honest  the client is one: its hello has to come to the server"""

    hellos: tuple[str, ...]
    actions: tuple[QuicAction, ...]
    reader: str = "aioquic"
    is_asymmetric: bool = False
    is_closed: bool = True
    is_slow: bool = False
    is_honest: bool = False


def from_json(text: str) -> QuicProgram:
    """The program of actions.to_json()."""
    fields = json.loads(text)
    actions = tuple(KINDS[name](*values) for name, *values in fields.pop("actions"))
    return QuicProgram(tuple(fields.pop("hellos")), actions, **fields)
