"""Lifecycle of a role: SIGTERM stops it, it sends READY and WATCHDOG, and it ends with its supervisor.

Invariants: a role never outlives the supervisor that started it, so that a second start finds ports and queues free;
what cannot start ends at once the first time, so that who started it learns of it, and after a pause each time after
that.
"""

import asyncio
import ctypes
import os
import signal
import time
from collections.abc import Callable
from typing import NoReturn

from filterd.box.errors import MissingPart
from filterd.process.instance import Instance
from filterd.process.sd_notify import notify, notifying, watchdog_interval_s

PR_SET_PDEATHSIG, PR_SET_DUMPABLE = 1, 4  # prctl(2)


def stop_requested() -> asyncio.Event:
    """An event that SIGTERM and SIGINT set."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    return stopping


_has_been_ready = False


async def tell_we_live(is_alive: Callable[[], bool] = lambda: True) -> None:
    """Send READY=1, then WATCHDOG=1 as often as a listener demands, as long as `is_alive` says so."""
    global _has_been_ready
    with notifying() as tell:
        tell("READY=1")
        _has_been_ready = True
        interval_s = watchdog_interval_s()
        while interval_s:
            await asyncio.sleep(interval_s)
            if is_alive():
                tell("WATCHDOG=1")


def end_with_fault(instance: Instance, fault: str, longest_s: float) -> NoReturn:
    """End a role that cannot do its work: `fault` stands in its lock.   Raises MissingPart.

    Under systemd, whose pauses between restarts do not shrink again, a role that has not become ready this time either
    waits first: 1 s, 2 s, 4 s, up to longest_s.  The supervisor's own pauses grow by themselves."""
    n_failed = instance.note_fault(fault, _has_been_ready)
    is_under_systemd = "NOTIFY_SOCKET" in os.environ and "FILTERD_PARENT" not in os.environ
    if is_under_systemd and not _has_been_ready:
        notify(f"STATUS={fault}")
        time.sleep(pause_s(n_failed, longest_s))
    raise MissingPart(fault)


def pause_s(n_failed: int, longest_s: float) -> float:
    """How long to wait after `n_failed` starts in a row."""
    return min(longest_s, 2.0 ** min(n_failed - 2, 10)) if n_failed > 1 else 0.0


def end_with_supervisor() -> None:
    """Get SIGTERM when the supervisor that started this process dies, even by SIGKILL."""
    parent = os.environ.get("FILTERD_PARENT", "")
    if not parent:
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if str(os.getppid()) != parent:  # it died before we asked
        os.kill(os.getpid(), signal.SIGTERM)


def keep_memory_private() -> None:
    """Leave no core dump, and let no other process of this account read our memory: confidential lists may be in it."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
