"""Priority of a thread: what can wait runs behind the loops of its worker, which share a core with it."""

import contextlib
import ctypes
import os
import struct
from typing import Final

# A tenth of a busy core: a delta is opened in 3 ms then, a base of ten million names in half a second.  SCHED_IDLE
# would make a swap take seconds on a full core, and hold a lock of the database for as long.
BEHIND_NICENESS: Final = 10
# A loop that is woken waits for the rest of a slice: 3 ms, where the kernel knows no other (before Linux 6.12).
BEHIND_SLICE_NS: Final = 100_000
SCHED_ATTR: Final = struct.Struct("=IIQiIQQQ")  # <linux/sched/types.h>, its first version


def give_way(niceness: int = BEHIND_NICENESS) -> None:
    """Lower the priority of this thread for good, below the loops: its work can wait, and a query cannot."""
    niceness = max(niceness, os.getpriority(os.PRIO_PROCESS, 0))  # 0: this thread
    with contextlib.suppress(PermissionError):  # by a sandbox of the operator's: better late than never
        os.setpriority(os.PRIO_PROCESS, 0, niceness)
    wanted = SCHED_ATTR.pack(SCHED_ATTR.size, os.SCHED_OTHER, 0, niceness, 0, BEHIND_SLICE_NS, 0, 0)
    with contextlib.suppress(AttributeError):  # glibc before 2.41
        ctypes.CDLL(None).sched_setattr(0, wanted, 0)  # refused by a sandbox, or by an older kernel: longer slices
