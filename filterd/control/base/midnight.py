"""Midnight: the weeks of profiles are made again at each date of their zones, and when the operator announces dates.

    cards, dates ─midnight→ weeks in the database ─→ publisher, kernel        clock that goes back ─→ grants end earlier

A week is exact for seven days, so that this may come late: a control that was down over midnight makes them at its
start, and the data plane goes on with the week that it has.

Invariants: a week that is the same is not written; the database is written in batches, so that no tap waits for all of
them; the wall clock that goes back gives no one more minutes, as it is held against one that never does.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from parental.calendar import exceptions, screen_time, weeks
from parental.calendar.day_sets import Range
from parental.calendar.plans import announced_of
from parental.policy.held import BATCH
from parental.store.database import reading, writing

LONGEST_SLEEP_S = 60.0  # how long announced dates, and a step of the clock, can go unseen
STEP_S = 2.0  # between two looks; slewing gains a fiftieth of it


@dataclass(slots=True)
class Midnight:
    """What was done for which date.

    ticks     seconds of a clock that is never set
    behind_s  that the wall clock was set back, while that is doubted: dates go on by the time before"""

    engine: Engine
    publish: Callable[[], Awaitable[object]]
    ticks: Callable[[], float] = lambda: time.clock_gettime(time.CLOCK_BOOTTIME)
    behind_s: int = 0
    _days: dict[str, date] = field(default_factory=dict)  # by zone
    _announced: tuple[Range, ...] | None = None
    _offset_s: float | None = None  # of the wall clock to that of ticks

    async def tend(self, at: datetime) -> float:
        """Make every week again that is due, and publish what has changed; the seconds until it is due again.

        Raises DatabaseFault: what is in force stays in force, tend() again"""
        changed = await asyncio.to_thread(self._tend, at)
        if changed:
            await self.publish()
        return await asyncio.to_thread(self._wait_s, at)

    def _tend(self, at: datetime) -> bool:
        stepped = self._look_at_clock(at)
        at += timedelta(seconds=self.behind_s)
        with reading(self.engine) as conn:
            zones, announced = weeks.zones_of(conn), announced_of(conn)
        today = {zone: at.astimezone(ZoneInfo(zone)).date() for zone in zones}
        due = {zone for zone in zones if self._days.get(zone) != today[zone] or announced != self._announced}
        renewed = self._renew(due, at)
        self._days, self._announced = today, announced
        return stepped or renewed

    def _renew(self, zones: set[str], at: datetime) -> bool:
        """Make the weeks of these zones again; whether any has changed.   Cost: 0.3 s for a thousand profiles"""
        with reading(self.engine) as conn:
            found = [number for numbers in weeks.iter_planned(conn, zones) for number in weeks.due(conn, numbers, at)]
        changed = False
        for n in range(0, len(found), BATCH):
            with writing(self.engine) as conn:
                changed |= bool(weeks.renew(conn, found[n : n + BATCH], at))
        return changed

    def _look_at_clock(self, at: datetime) -> bool:
        """Where the wall clock has gone back, have what is open for a while end as much earlier; whether any was."""
        offset_s = at.timestamp() - self.ticks()
        back_s, self._offset_s = (self._offset_s or offset_s) - offset_s, offset_s
        if back_s < STEP_S:
            return False
        with writing(self.engine) as conn:
            moved = exceptions.set_back(conn, round(back_s), at) + screen_time.set_back(conn, round(back_s), at)
        return bool(moved)

    def _wait_s(self, at: datetime) -> float:
        behind = timedelta(seconds=self.behind_s)
        midnight = weeks.next_midnight(self._days, at + behind)
        until_s = LONGEST_SLEEP_S if midnight is None else (midnight - behind - datetime.now(UTC)).total_seconds()
        return min(max(until_s, 0.0), LONGEST_SLEEP_S)
