"""How a role lives: told to stop by a signal, telling that it lives, gone when its supervisor is gone.

Invariant: a role never outlives the supervisor that started it, so that a second start finds ports and queues free.
"""

import asyncio
import contextlib
import ctypes
import os
import signal
from collections.abc import Callable

from filterd.notify import notify, watchdog_interval_s

PR_SET_PDEATHSIG = 1  # prctl(2)

# A tenth of a busy core: a delta is opened in 3 ms then, a base of ten million names in half a second.  A loop that is
# woken meanwhile waits for the rest of a slice, 3 ms at most (Linux 6.18), once a base of a million names.  SCHED_IDLE
# would spare it that (0.05 ms), but beside a full core a swap would take seconds.
BEHIND_NICENESS = 10


def stop_requested() -> asyncio.Event:
    """An event that SIGTERM and SIGINT set."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    return stopping


async def tell_we_live(is_alive: Callable[[], bool] = lambda: True) -> None:
    """Say that we are ready, and go on saying that we live, where somebody listens, as long as `is_alive` says so."""
    notify("READY=1")
    interval_s = watchdog_interval_s()
    while interval_s:
        await asyncio.sleep(interval_s)
        if is_alive():
            notify("WATCHDOG=1")


def end_with_supervisor() -> None:
    """Get SIGTERM when the supervisor that started this process dies, even by SIGKILL."""
    parent = os.environ.get("FILTERD_PARENT", "")
    if not parent:
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if str(os.getppid()) != parent:  # it died before we asked
        os.kill(os.getpid(), signal.SIGTERM)


def give_way() -> None:
    """Let this thread, for good, run behind the loops: what it does can wait, and a query cannot."""
    with contextlib.suppress(PermissionError):  # by a sandbox of the operator's: better late than never
        os.setpriority(os.PRIO_PROCESS, 0, max(BEHIND_NICENESS, os.getpriority(os.PRIO_PROCESS, 0)))  # 0: this thread
