"""Memory that is made to run out: what was not judged must not come back as harmless."""

import os
from collections.abc import Callable, Sequence

from support.escapes.child import AGAIN_S, CUT, NGINX_HTTP, OPENSSL, QUIC, Child, Heard
from support.escapes.streams import ALLOWED, asking_for_retry, get, hello, long_hello
from support.evasion.connections import Connection
from support.evasion.quic_rows import HELLOS, SCID, connection_ids, datagrams, frames_of
from support.packets.initials import initial

N_OWN = 60  # each holds a large window; a client's share is 42 of them
N_CROWD, N_PREFIXES = 270, 9
ATTEMPTS = 6
BATCH = 30  # connections; a queue holds 1,024 packets
HALF_OCTETS = 5 * CUT  # more than a small window holds


def half_head_over_http(child: Child) -> Connection:
    one, end = _asked(child)
    head, rest = _halves(child.name)
    child.send(one, end, head)
    press(child)
    child.ask(one, end + len(head), rest)
    return one


def second_piece_first(child: Child) -> Connection:
    one, end = _asked(child)
    head, rest = _halves(child.name)
    press(child)
    child.send(one, end + len(head), rest)
    child.ask(one, end, head)
    return one


def between_two_hellos(child: Child) -> Connection:
    one = child.open(OPENSSL)
    first = asking_for_retry(ALLOWED)
    assert child.ask(one, 0, first)
    press(child)
    child.ask(one, len(first), hello(child.name))
    return one


def between_two_hellos_second_piece_first(child: Child) -> Connection:
    one = child.open(OPENSSL)
    first, second = asking_for_retry(ALLOWED), hello(child.name)
    assert child.ask(one, 0, first)
    press(child)
    border = second.index(child.name) + 4
    child.send(one, len(first) + border, second[border:])
    child.ask(one, len(first), second[:border])
    return one


def half_hello_over_quic(child: Child) -> Connection:
    """The rest comes under the connection ID that the server has chosen."""
    one, dcid = child.udp(child.ends(QUIC)), os.urandom(8)
    first, *others = frames_of(HELLOS["QUIC post-quantum"](child.name))
    assert child.ask(one, 0, datagrams([first], dcid)[0].data)
    press(child)
    theirs = connection_ids(one.last)[1]
    rest = initial(b"".join(others), dcid=theirs, keyed=dcid, scid=SCID, number=1, size=1200, number_octets=2)
    child.send(one, 0, rest)
    return one


def crowd(child: Child) -> Connection:
    """Half hellos from all over one subscriber's prefix."""
    sources = [f"2001:db8:1:{number:x}::2" for number in range(1, N_PREFIXES + 1)]
    return _half_hellos(child, [sources[number % N_PREFIXES] for number in range(N_CROWD)])


def press(child: Child) -> None:
    _half_hellos(child, [""] * N_OWN)


ROWS: dict[str, Callable[[Child], Connection]] = {
    "half a head, pressure": half_head_over_http,
    "pressure, second piece first": second_piece_first,
    "pressure between two hellos": between_two_hellos,
    "pressure between two hellos, second piece first": between_two_hellos_second_piece_first,
    "half a hello over QUIC, pressure": half_hello_over_quic,
    "crowd": crowd,
}


def _half_hellos(child: Child, sources: Sequence[str]) -> Connection:
    """One from each source.   Returns the last connection."""
    connections: list[Heard] = []
    for at in range(0, len(sources), BATCH):
        connections = [child.tcp(child.ends(OPENSSL, source=source)) for source in sources[at : at + BATCH]]
        _say_half(child, connections)
    return connections[-1]


def _say_half(child: Child, connections: Sequence[Heard]) -> None:
    half = long_hello(ALLOWED, 2 * HALF_OCTETS)[:HALF_OCTETS]
    child.connect(*connections)
    for _ in range(ATTEMPTS):
        for one in connections:
            if one.acked < HALF_OCTETS:
                child.send(one, 0, half)
        if child.wait(lambda: all(one.acked >= HALF_OCTETS for one in connections), AGAIN_S):
            return  # what the server has, the gate has seen
    raise AssertionError("some half hellos are not acknowledged")


def _asked(child: Child) -> tuple[Heard, int]:
    """A connection whose first request is answered; and where its next octet goes."""
    one, request = child.open(NGINX_HTTP), get(ALLOWED)
    assert child.ask(one, 0, request)
    return one, len(request)


def _halves(name: bytes) -> tuple[bytes, bytes]:
    request = get(name, more=b"Accept: */*\r\n")
    border = request.index(name) + 4
    return request[:border], request[border:]
