"""Telling whoever started us: ready, still alive, stopping.

The supervisor listens in the same way as systemd, so a role does not know which of the two it has.
Invariant: without NOTIFY_SOCKET everything here does nothing.   Source: sd_notify(3), sd_watchdog_enabled(3).
"""

import os
import socket
from collections.abc import Mapping


def notify(*states: str, environ: Mapping[str, str] = os.environ) -> None:
    """Send states such as "READY=1" in one datagram; MAINPID goes along, for a listener that has many senders."""
    address = environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):  # the abstract namespace
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.connect(address)
        sender.send("\n".join((*states, f"MAINPID={os.getpid()}")).encode())


def watchdog_interval_s(environ: Mapping[str, str] = os.environ) -> float | None:
    """How often to send WATCHDOG=1 (half of what is demanded), or None where nobody waits for it."""
    demanded_us = environ.get("WATCHDOG_USEC", "")
    if not demanded_us.isdecimal() or environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    return int(demanded_us) / 2_000_000
