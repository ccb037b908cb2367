"""Time limits for what happens in other processes: who has no core is not late.

The kernel counts how long somebody has waited for a core (/proc/pressure/cpu, "some").  That time does not count, so a
limit means the same on a quiet machine and on one with ten times the work it has cores for.
"""

import time
from pathlib import Path

PRESSURE = Path("/proc/pressure/cpu")
LONGEST = 10  # times the limit, by the clock: whatever the machine does


def idle_clock() -> float:
    """Seconds in which nobody on this machine has waited for a core; the clock's where the kernel does not tell."""
    try:
        some = PRESSURE.read_text(encoding="ascii").splitlines()[0].rpartition("total=")[2]
        return time.monotonic() - int(some) / 1e6
    except (OSError, ValueError, IndexError):
        return time.monotonic()


class Patience:
    """A limit that has begun."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._began, self._began_idle = time.monotonic(), idle_clock()

    def is_over(self) -> bool:
        """Whether whoever is waited for would have been done."""
        by_clock = time.monotonic() - self._began
        return by_clock > LONGEST * self._limit_s or idle_clock() - self._began_idle > self._limit_s
