"""Requests for which a window is too small: what does not fit must not hide what follows."""

from collections.abc import Callable

from support.escapes.child import AGAIN_S, NGINX_HTTP, PYTHON_HTTP, Child, Heard
from support.escapes.streams import ALLOWED, get
from support.evasion.connections import Connection
from support.evasion.http_rows import fillers
from support.packets.builders import request

CHUNK_OCTETS = 70_000
SOME_OCTETS, ATTEMPTS = 24_000, 6


def behind_long_chunk(child: Child) -> Connection:
    """The chunk begins as a request does; the next request is in the segment of its end."""
    one, chunk = child.open(NGINX_HTTP), b"GET /a HTTP/1.1\r\n".ljust(CHUNK_OCTETS, b"x")
    head = request(ALLOWED, method=b"POST", more=b"Transfer-Encoding: chunked\r\n")
    octets = head + b"%x\r\n" % len(chunk) + chunk
    _say(child, one, octets)
    child.ask(one, len(octets), b"\r\n0\r\n\r\n" + get(child.name))
    return one


def behind_long_fillers(child: Child) -> Connection:
    """The Host of a second request stands behind more than 64 KiB."""
    one, first = child.open(PYTHON_HTTP), get(ALLOWED)
    assert child.ask(one, 0, first)
    octets = first + b"GET / HTTP/1.1\r\n" + fillers(70, 990)
    _say(child, one, octets, len(first))
    child.ask(one, len(octets), b"Host: " + child.name + b"\r\n\r\n")
    return one


ROWS: dict[str, Callable[[Child], Connection]] = {
    "behind a long chunk": behind_long_chunk,
    "behind long fillers": behind_long_fillers,
}


def _say(child: Child, one: Heard, octets: bytes, start: int = 0) -> None:
    """Say the octets from `start` on, some of them at a time, and again what nobody acknowledges."""
    for at in range(start, len(octets), SOME_OCTETS):
        end = min(at + SOME_OCTETS, len(octets))
        for _ in range(ATTEMPTS):
            child.send(one, at, octets[at:end])
            if _has(child, one, end):
                break


def _has(child: Child, one: Heard, end: int) -> bool:
    """Whether the server has so many octets, or takes no more."""
    return child.wait(lambda: one.acked >= end or one.is_reset, AGAIN_S)
