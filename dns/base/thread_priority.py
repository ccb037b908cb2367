"""Priority of a thread: what can wait runs behind the loops of its worker, which share a core with it.

A loop that is woken runs before the rest of someone's slice, where its own slices are shorter than theirs (Linux 6.12
and later); else it waits for milliseconds.  A slice says nothing about the share of the core: that is the niceness.
Source: sched_setattr(2); Documentation/scheduler/sched-eevdf.rst.
"""

import contextlib
import ctypes
import os
import struct
from typing import Final

# A tenth of a busy core: a delta is opened in 3 ms then, a base of ten million names in half a second.  SCHED_IDLE
# would make a swap take seconds on a full core, and hold a lock of the database for as long.
BEHIND_NICENESS: Final = 10
LOOP_SLICE_NS: Final = 100_000  # the shortest there is; the kernel's own is 3 ms
# Short as well: the loop may be woken with less of a claim than it has, and the rest of a slice is what it waits for.
BEHIND_SLICE_NS: Final = 1_000_000
SCHED_ATTR: Final = struct.Struct("=IIQiIQQQ")  # <linux/sched/types.h>, its first version


def give_way(niceness: int = BEHIND_NICENESS) -> None:
    """Lower the priority of this thread for good, below the loops: its work can wait, and a query cannot."""
    niceness = max(niceness, os.getpriority(os.PRIO_PROCESS, 0))  # 0: this thread
    with contextlib.suppress(PermissionError):  # by a sandbox of the operator's: better late than never
        os.setpriority(os.PRIO_PROCESS, 0, niceness)
    _ask_for_slices(BEHIND_SLICE_NS, niceness)


def come_first() -> None:
    """Let this thread, a loop, run as soon as it is woken, before what shares its core; its share stays the same."""
    _ask_for_slices(LOOP_SLICE_NS, os.getpriority(os.PRIO_PROCESS, 0))


def _ask_for_slices(slice_ns: int, niceness: int) -> None:
    wanted = SCHED_ATTR.pack(SCHED_ATTR.size, os.SCHED_OTHER, 0, niceness, 0, slice_ns, 0, 0)
    with contextlib.suppress(AttributeError):  # glibc before 2.41
        ctypes.CDLL(None).sched_setattr(0, wanted, 0)  # refused by a sandbox, or by an older kernel: longer slices
