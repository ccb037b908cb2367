"""Sends the sd_notify states: ready, still alive.

The supervisor listens in the same way as systemd, so a role does not know which of the two started it.
Invariants: without NOTIFY_SOCKET everything here does nothing.
Source: sd_notify(3), sd_watchdog_enabled(3).
"""

import contextlib
import os
import socket
from collections.abc import Callable, Iterator, Mapping


def notify(*states: str, environ: Mapping[str, str] = os.environ) -> None:
    """Send states such as "READY=1" in one datagram; MAINPID goes along, for a listener that has many senders."""
    with notifying(environ) as tell:
        tell(*states)


@contextlib.contextmanager
def notifying(environ: Mapping[str, str] = os.environ) -> Iterator[Callable[..., None]]:
    """Give a notify() for many uses, also when no descriptor is left: its socket stays open while the block lasts."""
    address = environ.get("NOTIFY_SOCKET", "")
    if not address:
        yield lambda *_states: None
        return
    if address.startswith("@"):  # the abstract namespace
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.connect(address)

        def tell(*states: str) -> None:
            sender.send("\n".join((*states, f"MAINPID={os.getpid()}")).encode())

        yield tell


def watchdog_interval_s(environ: Mapping[str, str] = os.environ) -> float | None:
    """How often to send WATCHDOG=1 (half of what is demanded), or None where no listener demands it."""
    demanded_us = environ.get("WATCHDOG_USEC", "")
    if not demanded_us.isdecimal() or environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    return int(demanded_us) / 2_000_000
