"""What a full packet queue has dropped: the kernel counts it and does not tell the one who empties the queue.

Absent on purpose: what a full queue lets pass (`gate.when_overloaded: open`).  The kernel has no number for that; the
rules count what is for the gate and what comes back from it (Kernel.n_unjudged).
*Source*: nfnetlink_queue.c in Linux, seq_show().   *Cost*: 20 µs a look.
"""

import logging
from pathlib import Path

from fastpath.report.counters import Counters

QUEUES = Path("/proc/net/netfilter/nfnetlink_queue")
NUMBER, QUEUE_DROPPED, USER_DROPPED = 0, 5, 6  # columns: the queue was full; its socket was

log = logging.getLogger("filterd.kernel.queue_drops")


class Overrun:
    """Counts the drops of queue `number` as `gate_queue_overrun`."""

    def __init__(self, number: int, counters: Counters, queues: Path = QUEUES) -> None:
        self._number, self._counters, self._queues = number, counters, queues
        self._n_dropped = 0
        self._is_told = False

    def tend(self) -> None:
        """Count what was dropped since the last call; where the kernel may not be asked, that is told once."""
        try:
            n_dropped = dropped(self._queues.read_text(), self._number)
        except OSError as reason:
            if not self._is_told:
                log.warning("%s; what the full queue drops is not counted; run as root or let us read it", reason)
            self._is_told = True
            return
        self._counters.add("gate_queue_overrun", max(0, n_dropped - self._n_dropped))
        self._n_dropped = n_dropped


def dropped(queues: str, number: int) -> int:
    """Packets that queue `number` has dropped by the kernel's table of queues; 0 where it has none of that number."""
    for line in queues.splitlines():
        columns = line.split()
        if columns[NUMBER] == str(number):
            return int(columns[QUEUE_DROPPED]) + int(columns[USER_DROPPED])
    return 0
