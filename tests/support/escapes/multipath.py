"""A hello over two subflows of Multipath TCP (RFC 8684), by the kernel's own.   Needs its endpoints: see passage.py.

The second subflow is there once data has been acknowledged.  When the first then becomes a backup, what follows takes
the second.
"""

import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress

from support.escapes.child import MULTIPATH, NOTHING, OPENSSL, STEPWISE, Child
from support.escapes.streams import hello
from support.evasion.connections import Connection, TcpConnection

IPPROTO_MPTCP = 262  # <linux/in.h>
SOL_MPTCP, MPTCP_INFO = 284, 1  # <linux/mptcp.h>
SUBFLOW_S, ANSWER_S = 2.0, 4.0  # of a busy machine


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


ROWS: dict[str, Callable[[Child], Connection]] = {"two subflows": two_subflows}


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
