"""Lifecycle of a role: SIGTERM stops it, it sends READY and WATCHDOG, and it ends with its supervisor.

Invariants: a role never outlives the supervisor that started it, so that a second start finds ports and queues free.
"""

import asyncio
import contextlib
import ctypes
import os
import signal
import struct
from collections.abc import Callable

from filterd.process.sd_notify import notifying, watchdog_interval_s

PR_SET_PDEATHSIG = 1  # prctl(2)

# A tenth of a busy core: a delta is opened in 3 ms then, a base of ten million names in half a second.  SCHED_IDLE
# would make a swap take seconds on a full core, and hold a lock of the database for as long.
BEHIND_NICENESS = 10
# A loop that is woken waits for the rest of a slice: 3 ms, where the kernel knows no other (before Linux 6.12).
BEHIND_SLICE_NS = 100_000
SCHED_ATTR = struct.Struct("=IIQiIQQQ")  # <linux/sched/types.h>, its first version


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


def give_way(niceness: int = BEHIND_NICENESS) -> None:
    """Lower the priority of this thread for good, below the loops: its work can wait, and a query cannot."""
    niceness = max(niceness, os.getpriority(os.PRIO_PROCESS, 0))  # 0: this thread
    with contextlib.suppress(PermissionError):  # by a sandbox of the operator's: better late than never
        os.setpriority(os.PRIO_PROCESS, 0, niceness)
    wanted = SCHED_ATTR.pack(SCHED_ATTR.size, os.SCHED_OTHER, 0, niceness, 0, BEHIND_SLICE_NS, 0, 0)
    with contextlib.suppress(AttributeError):  # glibc before 2.41
        ctypes.CDLL(None).sched_setattr(0, wanted, 0)  # refused by a sandbox, or by an older kernel: longer slices
