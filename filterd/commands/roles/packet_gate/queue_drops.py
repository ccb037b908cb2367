"""Drops of a full packet queue: the kernel counts them and does not report them to the queue's reader.

Absent on purpose: packets that a full queue lets pass (`gate.when_overloaded: open`).  The kernel has no counter for
these; the rules count packets before and after the gate (Kernel.n_unjudged).
Source: nfnetlink_queue.c in Linux, seq_show().
Cost: 20 µs a call.
"""

import logging
from collections.abc import Callable
from pathlib import Path

from fastpath.report.counters import Counters
from filterd.process.passed_files import passed_files, read_whole

OPENED = "queues"  # the name of this table where systemd has opened it for us
QUEUES = Path("/proc/net/netfilter/nfnetlink_queue")
NUMBER, QUEUE_DROPPED, USER_DROPPED = 0, 5, 6  # columns: the queue was full; its socket was

log = logging.getLogger(__name__)


class Overrun:
    """Counts the drops of queue `number` as `gate_queue_overrun`."""

    def __init__(self, number: int, counters: Counters, read: Callable[[], str] | None = None) -> None:
        self._number, self._counters, self._read = number, counters, read or read_queues
        self._n_dropped = 0
        self._is_logged = False

    def tend(self) -> None:
        """Count the drops since the last call.   Where the kernel's table cannot be read, one warning is logged."""
        try:
            n_dropped = dropped(self._read(), self._number)
        except OSError as reason:
            if not self._is_logged:
                log.warning("%s; drops of a full queue are not counted; start it by the unit or as root", reason)
            self._is_logged = True
            return
        self._counters.add("gate_queue_overrun", max(0, n_dropped - self._n_dropped))
        self._n_dropped = n_dropped


def read_queues() -> str:
    """The kernel's table of queues.   Raises OSError."""
    opened = passed_files().get(OPENED)
    return QUEUES.read_text() if opened is None else read_whole(opened)


def dropped(queues: str, number: int) -> int:
    """Packets dropped by queue `number`, from the kernel's table of queues; 0 where it is missing."""
    for line in queues.splitlines():
        columns = line.split()
        if columns[NUMBER] == str(number):
            return int(columns[QUEUE_DROPPED]) + int(columns[USER_DROPPED])
    return 0
