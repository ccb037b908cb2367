"""Multipath TCP (RFC 8684): a hello over two subflows, and one whose halves come the wrong way round in one.

Two subflows are the kernel's own, and need its endpoints: see settings.py.  The second is there once data has been
acknowledged.  When the first then becomes a backup, what follows takes the second.

In one subflow each segment says where its octets stand in the stream.  So an allowed hello that stands before the
stream is old for the server, which puts the halves of another one behind it in their order.
"""

import hashlib
import os
import socket
import struct
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress

from support.escapes.child import MULTIPATH, NOTHING, OPENSSL, STEPWISE, Child, Heard
from support.escapes.streams import ALLOWED, hello
from support.evasion.connections import Connection, TcpConnection
from support.evasion.segments import Segment
from support.packets.builders import ACK, SYN

IPPROTO_MPTCP = 262  # <linux/in.h>
SOL_MPTCP, MPTCP_INFO = 284, 1  # <linux/mptcp.h>
SUBFLOW_S, ANSWER_S = 2.0, 4.0  # of a busy machine
MP_CAPABLE = b"\x1e\x04\x01\x01"  # of a SYN: version 1, HMAC-SHA256
HEARD_S = 0.3  # the server has acknowledged what it takes
KEY = bytes(range(8))  # of the server, for whoever has not been told


def two_subflows(child: Child) -> Connection:
    one = TcpConnection(STEPWISE, NOTHING, child.ends(OPENSSL))  # stands for the outcome alone
    octets = hello(child.name)
    border = octets.index(child.name) + 4
    with _socket(child, one.ends.port) as stream:
        stream.connect((child.addresses[MULTIPATH.node], MULTIPATH.port))
        stream.sendall(octets[:border])
        _await_subflow(stream)
        _set_backup(child, True)
        try:
            stream.sendall(octets[border:])
            one.has_answer = bool(stream.recv(1))
        except ConnectionError:
            one.is_reset = True
        except TimeoutError:
            pass
        _set_backup(child, False)
    return one


def two_options(child: Child) -> Connection:
    """The option stands twice in the SYN."""
    return _out_of_order(child, 2 * MP_CAPABLE)


def third_packet(child: Child) -> Connection:
    """A server that keeps nothing of a SYN (SYN cookies) believes the third packet; Linux over IPv4 alone."""
    return _out_of_order(child, b"")


ROWS: dict[str, Callable[[Child], Connection]] = {
    "two subflows": two_subflows,
    "multipath option twice": two_options,
    "multipath option in the third packet": third_packet,
}


def _out_of_order(child: Child, options: bytes) -> Heard:
    one, key = child.tcp(child.ends(MULTIPATH)), os.urandom(8)
    (first,) = struct.unpack("!Q", hashlib.sha256(key).digest()[-8:])
    child.wire.send(one.packets(Segment(at=-1, flags=SYN, options=options)), child.is_v6)
    if not child.wait(lambda: one.is_open, SUBFLOW_S):
        return one
    child.send(one, 0, flags=ACK, options=b"\x1e\x14\x01\x01" + key + KEY)
    decoy, octets = hello(ALLOWED), hello(child.name)
    half = octets.index(child.name) + 4
    at = 0
    for place, piece in ((-len(decoy), decoy), (half, octets[half:]), (0, octets[:half])):
        mapping = struct.pack("!QIH", (first + 1 + place) % (1 << 64), at + 1, len(piece))
        child.send(one, at, piece, options=b"\x1e\x12\x20\x0c" + mapping + b"\x01\x01")
        at += len(piece)
        child.hears(one, HEARD_S)
    child.wait(lambda: one.has_answer or one.is_reset, SUBFLOW_S)
    return one


def _socket(child: Child, port: int) -> socket.socket:
    family = socket.AF_INET6 if child.is_v6 else socket.AF_INET
    stream = socket.socket(family, socket.SOCK_STREAM, IPPROTO_MPTCP)
    stream.settimeout(ANSWER_S)
    stream.bind((child.addresses["child"], port))
    return stream


def _await_subflow(stream: socket.socket) -> None:
    """Wait until a second subflow is there; where the gateway lets none through, for a while.

    There is nothing to wait for where it has left no Multipath TCP."""
    until_s = time.monotonic() + SUBFLOW_S
    with suppress(OSError):
        while stream.getsockopt(SOL_MPTCP, MPTCP_INFO, 8)[0] == 0 and time.monotonic() < until_s:
            time.sleep(0.01)


def _set_backup(child: Child, is_backup: bool) -> None:
    flag = "backup" if is_backup else "nobackup"
    argv = ["ip", "mptcp", "endpoint", "change", child.addresses["child"], flag]
    subprocess.run(argv, check=True, timeout=5)
