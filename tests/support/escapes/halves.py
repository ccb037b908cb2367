"""Halves of one stream of QUIC that come from two ports."""

import os
from collections.abc import Callable

from support.escapes.child import QUIC, Child
from support.evasion.connections import Connection
from support.evasion.quic_rows import HELLOS, datagrams, frames_of


def two_ports(child: Child) -> Connection:
    """The server knows a connection by its ID alone."""
    first, second = child.udp(child.ends(QUIC)), child.udp(child.ends(QUIC))
    one, *others = datagrams(frames_of(HELLOS["QUIC post-quantum"](child.name)), os.urandom(8))
    assert child.ask(first, 0, one.data)
    for other in others:
        child.ask(second, 0, other.data)
    return second


ROWS: dict[str, Callable[[Child], Connection]] = {"two ports": two_ports}
