"""Honest clients that are odd."""

import os
from collections.abc import Callable

from support.escapes.child import OPENSSL, PYTHON_HTTP, QUIC, Child, Heard
from support.escapes.streams import ALLOWED, record_of_data, unpadded_hello
from support.evasion.connections import Connection
from support.evasion.quic_rows import HELLOS, datagrams, frames_of
from support.packets.builders import ACK, request

N_CONNECTIONS = 5
ACKNOWLEDGED_S = 0.2
GARBAGE = b"\0"  # of a keep-alive (RFC 9293 §3.8.4), as Windows sends it


def five(child: Child) -> Connection:
    """Connections between one port and one server."""
    one = child.udp(child.ends(QUIC))
    for number in range(N_CONNECTIONS):
        octets = HELLOS["QUIC"](b"%d.allowed.test" % number)
        for datagram in datagrams(frames_of(octets), os.urandom(8)):
            child.ask(one, 0, datagram.data)
    return one


def keep_alive_before_answer(child: Child) -> Connection:
    """The server waits for a body."""
    one, body = child.open(PYTHON_HTTP), b"four"
    head = request(ALLOWED, method=b"POST", more=b"Content-Length: %d\r\n" % len(body))
    child.send(one, 0, head)
    _keep_alive(child, one, len(head))
    child.ask(one, len(head), body)
    return one


def keep_alive_behind_hello(child: Child) -> Connection:
    """The answer to what follows, an alert, shows that the connection lives."""
    one, octets, data = child.open(OPENSSL), unpadded_hello(ALLOWED), record_of_data(40)
    assert child.ask(one, 0, octets)
    _keep_alive(child, one, len(octets))
    one.has_answer = False
    child.ask(one, len(octets), data)
    return one


def keep_alive_within_hello(child: Child) -> Connection:
    one, octets = child.open(OPENSSL), unpadded_hello(ALLOWED)
    child.send(one, 0, octets[:100])
    _keep_alive(child, one, 100)
    child.ask(one, 100, octets[100:])
    return one


ROWS: dict[str, Callable[[Child], Connection]] = {
    "five": five,
    "keep-alive before the answer": keep_alive_before_answer,
    "keep-alive within a hello": keep_alive_within_hello,
    "keep-alive behind a hello": keep_alive_behind_hello,
}


def _keep_alive(child: Child, one: Heard, end: int) -> None:
    """One octet again that the server has, three times, and its acknowledgement of each."""
    child.wait(lambda: one.acked >= end)
    for _ in range(3):
        child.send(one, end - 1, GARBAGE, flags=ACK)
        child.hears(one, ACKNOWLEDGED_S)
