"""Packets in a server's name that its client writes, and entries that begin the wrong way round."""

import os
from collections.abc import Callable
from dataclasses import replace

from support.escapes.child import NGINX_HTTP, OPENSSL, QUIC_ELSEWHERE, Child, Heard
from support.escapes.streams import ALLOWED, get, hello, record_of_data
from support.evasion.connections import Connection
from support.evasion.decoys import MD5
from support.evasion.quic_rows import HELLOS, datagrams, frames_of
from support.evasion.segments import NEAR_TTL
from support.packets.builders import ACK, PSH, RST, SYN

AHEAD = 100_000  # of the true start: all real octets lie before the one that is believed
BEHIND = 2_000  # of the true start: what is there, the server takes for old
WORDS = b"\x16\x03\x03\x00\x02\x02\x00"
HTTP_PORT = 80
FORGED_S = 0.2
SILENCE_S = 1.2  # longer than the gateway's kernel remembers a closed connection
PROBE_S = 5.0


def synack(child: Child) -> Connection:
    """The client writes another SYN/ACK, so that its stream seems to begin further on."""
    one = child.open(OPENSSL)
    _forged(child, one, SYN | ACK, by=-1, ack=AHEAD)
    child.ask(one, 0, hello(child.name))
    return one


def spoken(child: Child) -> Connection:
    """A decoy is behind its hello, so the server's first word frees the connection: the client writes it."""
    one = child.open(OPENSSL)
    decoy = hello(ALLOWED) + record_of_data(40)
    child.send(one, 0, decoy, ttl=NEAR_TTL)
    _await_judged(child, one)
    _forged(child, one, ACK | PSH, WORDS)
    child.ask(one, 0, hello(child.name))
    return one


def acknowledged(child: Child) -> Connection:
    """As `spoken`, and what the client writes for its server says that it has the decoy."""
    one = child.open(OPENSSL)
    decoy = hello(ALLOWED) + record_of_data(40)
    child.send(one, 0, decoy, ttl=NEAR_TTL)
    _await_judged(child, one)
    _forged(child, one, ACK | PSH, WORDS, ack=len(decoy))
    child.ask(one, 0, hello(child.name))
    return one


def spoofed(child: Child) -> Connection:
    """Both: the decoy is old for the server, and first for one who believes the client's SYN/ACK."""
    one = child.open(OPENSSL)
    _forged(child, one, SYN | ACK, by=-1, ack=-BEHIND)
    child.send(one, -BEHIND, hello(ALLOWED) + record_of_data(40))
    _await_judged(child, one)
    _forged(child, one, ACK | PSH, WORDS)
    child.ask(one, 0, hello(child.name))
    return one


def begun(child: Child) -> Connection:
    """A datagram in the server's name comes first: the client's hello is an answer to it."""
    one = child.udp(child.ends(QUIC_ELSEWHERE))
    child.forge_datagram(one, b"\x40" + bytes(40))
    child.wait(lambda: one.n_answers > 0)
    one.n_answers = 0
    for datagram in datagrams(frames_of(HELLOS["QUIC"](child.name)), os.urandom(8)):
        child.ask(one, 0, datagram.data)
    return one


def reversed_entry(child: Child) -> Connection:
    """The entry ends with a reset that no server takes, and the server's probe for a window begins it again.

    Both ports are a server's: which side is the client can be read either way."""
    one = child.tcp(child.ends(NGINX_HTTP, HTTP_PORT))
    child.connect(one)
    first, second = get(ALLOWED), get(child.name)
    one.row = replace(one.row, window=0)
    child.send(one, 0, first)
    child.send(one, len(first), flags=RST, options=MD5)
    _await_probe(child, one)
    one.row = replace(one.row, window=64000)
    child.send(one, len(first), second[:30])
    child.ask(one, len(first) + 30, second[30:])
    child.send(one, len(first + second), flags=RST | ACK)  # the port is needed again
    return one


ROWS: dict[str, Callable[[Child], Connection]] = {
    "synack": synack,
    "spoken": spoken,
    "acknowledged": acknowledged,
    "spoofed": spoofed,
    "begun": begun,
    "reversed": reversed_entry,
}


def _forged(child: Child, one: Heard, flags: int, octets: bytes = b"", by: int = 0, ack: int = 0) -> None:
    """Forge a segment and wait until it has come back to us, if it does."""
    before = one.ack
    child.forge(one, flags, octets, by, ack)
    child.hears(one, FORGED_S)
    one.ack, one.n_answers, one.has_answer = before, 0, False


def _await_judged(child: Child, one: Heard) -> None:
    """An octet that the server has is acknowledged again: then all that was sent before has passed the gate."""
    child.send(one, -1, b"x")
    child.hears(one, FORGED_S)


def _await_probe(child: Child, one: Heard) -> None:
    """Wait for a segment of the server that follows a silence."""
    before = one.heard_s
    while one.heard_s - before < SILENCE_S:
        before = one.heard_s
        assert child.hears(one, PROBE_S), "no probe"
