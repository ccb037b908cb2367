"""The wall clock, where it is set back: until that is believed, schedules close by both times.

    clock set ─→ trusted clock of the database ─→ seconds behind ─→ kernel's locks · images' manifest ─→ every worker

Families' hours follow the wall clock, so a clock that is set back would open what is closed.  What time it was goes on
by the counter of the machine, over restarts by what the database remembers (mgmt.ledger.trusted_clock).  While the
wall clock is behind that by more than its tolerance, a line is closed where either time closes it.

That ends when the clock is right again, when a person confirms it (`filterd audit clock --confirm`), or by itself after
DOUBTED_S, so that a clock that was wrong before, and is right now, shuts no one out forever.

What control decides on by time, of orders, approvals and lists, goes by what is known here: by the last look, and the
counter since.  Of families' hours alone the wall clock says what time it is.

Invariants: what is shown is whole seconds, and is the same as long as no one sets the clock.
Absent on purpose: a clock that is set forward, which is followed at once; of its way back nothing is doubted while the
machine runs, since the counter has not gone with it.
"""

import asyncio
import logging
import time
from collections.abc import Callable

from sqlalchemy import Engine

from mgmt.ledger.trusted_clock import MEND, TOLERANCE_S, UNKNOWN, Clocks, behind, known, read_clocks
from parental.store.database import writing

DOUBTED_S = 86_400  # each hour of the day comes once meanwhile, and an operator has had a day to look
STEADY_S = 5  # what a clock that is slewed gains in some hours
LOOK_S = 1.0
SET_S = 0.5  # more than slewing gains in a minute

log = logging.getLogger("filterd.control.service")


class Clock:
    """Whether the wall clock is doubted.   read  the clocks of this machine;   behind_s  0: it is not"""

    def __init__(self, engine: Engine, read: Callable[[], Clocks] = read_clocks) -> None:
        self._engine, self._read = engine, read
        self._since_s, self._believed_s = 0.0, 0.0
        self._known_s: float | None = None  # what the trusted clock shows where the machine's counter shows nothing
        self.behind_s = 0

    def look(self) -> int:
        """Look at the clock now; by how many seconds it is doubted.   Raises DatabaseFault.   Blocking."""
        clocks = self._read()
        with writing(self._engine) as conn:
            known_s, found_s = known(conn, clocks), behind(conn, clocks)
        self._known_s = None if known_s is None else known_s - clocks.boot_s
        if found_s <= TOLERANCE_S:
            self._believed_s = 0.0
        if abs(found_s - self._believed_s) <= TOLERANCE_S:
            self.behind_s = 0
        elif not self.behind_s or abs(found_s - self.behind_s) > STEADY_S:
            self._since_s = self._since_s if self.behind_s else clocks.boot_s
            self.behind_s = round(found_s)
            log.warning("%s", self.fault)
        elif clocks.boot_s - self._since_s >= DOUBTED_S:
            log.warning("clock: %d s behind for a day; believed from now on", self.behind_s)
            self._believed_s, self.behind_s = found_s, 0
        return self.behind_s

    def now_s(self) -> int:
        """What time it is, to decide by it: as it was known at the last look, and by the counter since.

        UNKNOWN until a look has found it out"""
        return UNKNOWN if self._known_s is None else int(self._known_s + self._read().boot_s)

    @property
    def fault(self) -> str | None:
        """What an operator has to know; None: nothing."""
        if not self.behind_s:
            return None
        effect = "lines are closed where their hours close them by either time, for a day at most"
        return f"clock: set back by {self.behind_s} s; {effect}; {MEND}"


def offset_s() -> float:
    """What the wall clock shows before the machine's start."""
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)


async def until_set(longest_s: float, offset: Callable[[], float] = offset_s, look_s: float = LOOK_S) -> bool:
    """Wait until the wall clock is set, at most so long; whether it was."""
    before, ends_s = offset(), time.monotonic() + longest_s
    while time.monotonic() < ends_s:
        await asyncio.sleep(look_s)
        if abs(offset() - before) > SET_S:
            return True
    return False
