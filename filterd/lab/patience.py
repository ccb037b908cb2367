"""Time limits for other processes, in which time without a core does not count.

The kernel counts how long any program has waited for a core (/proc/pressure/cpu, "some").  So a limit means the same on
a quiet machine and on one with ten times the work it has cores for.
Source: the kernel's Documentation/accounting/psi.rst.
"""

import time
from pathlib import Path

PRESSURE = Path("/proc/pressure/cpu")
LONGEST = 10  # times the limit, by the clock, on any machine


def idle_clock() -> float:
    """Seconds in which no program of this machine has waited for a core; the clock's where the kernel does not say."""
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
        """Whether what is waited for has had its time."""
        by_clock = time.monotonic() - self._began
        return by_clock > LONGEST * self._limit_s or idle_clock() - self._began_idle > self._limit_s
