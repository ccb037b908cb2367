"""A port that is used again: what the gateway still holds of the connection before must not speak for the next."""

from collections.abc import Callable

from support.escapes.child import CUT, NGINX_HTTP, OPENSSL, Child, Heard
from support.escapes.streams import ALLOWED, get, hello, record_of_data
from support.evasion.connections import Connection
from support.packets.builders import ACK, RST

FURTHER_BACK = 10_000


def reopened(child: Child) -> Connection:
    """The server resets a released connection: it closes on garbage, and has not read all of it."""
    one, octets = child.open(OPENSSL), hello(ALLOWED)
    assert child.ask(one, 0, octets)
    garbage, n = record_of_data(16_000) + bytes(8_000), len(octets)
    child.send(one, n + CUT, garbage[CUT:])  # the server can read none of it before the rest comes
    child.send(one, n, garbage[:CUT])
    assert child.wait(lambda: one.is_reset), "the server goes on"
    return _again(child, one, hello(child.name))


def stray(child: Child) -> Connection:
    """The client resets a released connection, and says one thing more: so the kernel does not see the port reused."""
    one, end = _released(child)
    _reset_by_client(child, one, end)
    return _again(child, one, hello(child.name))


def stray_http(child: Child) -> Connection:
    """As above behind an answered request.   The next stream lies where the first has been judged."""
    one = child.open(NGINX_HTTP)
    request = get(ALLOWED)
    assert child.ask(one, 0, request)
    _reset_by_client(child, one, len(request))
    return _again(child, one, get(child.name))


ROWS: dict[str, Callable[[Child], Connection]] = {
    "reopened": reopened,
    "stray": stray,
    "stray over HTTP": stray_http,
}


def _released(child: Child) -> tuple[Heard, int]:
    """A connection that the gate has released, as data follows its answered hello; and where its next octet goes.

    The data is a part of a record: its server waits for the rest."""
    one = child.open(OPENSSL)
    octets, data = hello(ALLOWED), record_of_data(40)[:20]
    assert child.ask(one, 0, octets)
    child.send(one, len(octets), data)
    assert child.wait(lambda: one.acked >= len(octets + data)), "the data is not acknowledged"
    return one, len(octets + data)


def _reset_by_client(child: Child, one: Heard, at: int) -> None:
    child.send(one, at, flags=RST | ACK)
    child.send(one, at, flags=ACK)
    # its server answers such an acknowledgement with a reset: then both have passed
    child.wait(lambda: one.is_reset)


def _again(child: Child, before: Heard, octets: bytes) -> Connection:
    """The same ports once more, with a stream that begins a little further back."""
    one = child.tcp(before.ends)
    one.isn = (before.isn - FURTHER_BACK) & 0xFFFFFFFF
    child.connect(one)
    half = octets.index(child.name) + 6
    child.send(one, 0, octets[:half])
    child.ask(one, half, octets[half:])
    return one
