"""Several datagrams that leave their sender in one piece (UDP_SEGMENT), as over a bridge to a machine next door."""

import os
import socket
from collections.abc import Callable
from contextlib import suppress

from support.escapes.child import NOTHING, QUIC, STEPWISE, Child
from support.evasion.connections import Connection, UdpConnection
from support.evasion.quic_rows import HELLOS, datagrams, frames_of

UDP_SEGMENT = 103  # <linux/udp.h>
ANSWER_S = 2.0
SHORT_HEADER = b"\x40"


def one_piece(child: Child) -> Connection:
    """A datagram of another connection, then a hello."""
    one = UdpConnection(STEPWISE, NOTHING, child.ends(QUIC))  # stands for the outcome alone
    hello = [each.data for each in datagrams(frames_of(HELLOS["QUIC"](child.name)), os.urandom(8))]
    size = len(hello[0])
    with socket.socket(socket.AF_INET6 if child.is_v6 else socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind((child.addresses["child"], one.ends.port))
        sender.setsockopt(socket.SOL_UDP, UDP_SEGMENT, size)
        sender.settimeout(ANSWER_S)
        sender.connect((child.addresses[QUIC.node], QUIC.port))
        with suppress(OSError):
            sender.send(SHORT_HEADER + bytes(size - 1) + b"".join(hello))
            one.has_answer = bool(sender.recv(65535))
    return one


ROWS: dict[str, Callable[[Child], Connection]] = {"one piece": one_piece}
