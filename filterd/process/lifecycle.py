"""Lifecycle of a role: SIGTERM stops it, it sends READY and WATCHDOG, and it ends with its supervisor.

Invariants: a role never outlives the supervisor that started it, so that a second start finds ports and queues free.
"""

import asyncio
import ctypes
import os
import signal
from collections.abc import Callable

from filterd.process.sd_notify import notifying, watchdog_interval_s

PR_SET_PDEATHSIG = 1  # prctl(2)


def stop_requested() -> asyncio.Event:
    """An event that SIGTERM and SIGINT set."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    return stopping


async def tell_we_live(is_alive: Callable[[], bool] = lambda: True) -> None:
    """Send READY=1, then WATCHDOG=1 as often as a listener demands, as long as `is_alive` says so."""
    with notifying() as tell:
        tell("READY=1")
        interval_s = watchdog_interval_s()
        while interval_s:
            await asyncio.sleep(interval_s)
            if is_alive():
                tell("WATCHDOG=1")


def end_with_supervisor() -> None:
    """Get SIGTERM when the supervisor that started this process dies, even by SIGKILL."""
    parent = os.environ.get("FILTERD_PARENT", "")
    if not parent:
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if str(os.getppid()) != parent:  # it died before we asked
        os.kill(os.getpid(), signal.SIGTERM)
