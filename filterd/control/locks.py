"""Locks and the kernel's sets: a subscriber's pause or schedule closes connections; suspect addresses go to the gate.

    people, clock ──────→ kernel's locked sets, connections cut
    addresses of lists ─→ kernel's sets of suspects        names of the help corridor ─→ kernel's sets of its addresses

Soft hours are no lock of the kernel: when they begin by the clock, what they close is cut as a tightened rule cuts it.

Invariants: a lock is in the kernel before the workers know of it; its connections end while they are informed.
"""

import asyncio
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from filterd.config import Config
from filterd.control.corridor import Corridor
from filterd.control.cut import Cuts
from filterd.control.lock_enforcer import LockKeeper
from filterd.control.publisher import Publisher
from filterd.kernel.suspect_addresses import Suspects
from mgmt.contract.control import Receipt

SETTLED = timedelta(seconds=1)  # a worker judges a batch by the second at which it began, and writes its labels later


class Locks:
    """The kernel's side of what the publisher puts in force."""

    def __init__(self, keeper: LockKeeper, publisher: Publisher, cuts: Cuts) -> None:
        self._keeper, self._publisher, self._cuts = keeper, publisher, cuts
        self._cut_again: datetime | None = datetime.now(UTC)  # what has begun while control was down
        self._suspects = Suspects()
        self._corridor = Corridor()
        self._cutting = ThreadPoolExecutor(1, "cut")
        self._has_looked, self._next_look = False, datetime.max.replace(tzinfo=UTC)

    async def policy_changed(self) -> Receipt:
        """Put subscribers, profiles and locks in force as the database has them; the kernel first: a lock hurries."""
        cuts: list[Future[int | None]] = []

        def lock() -> None:
            uncut = self._keeper.lock()
            cuts.append(self._cutting.submit(self._keeper.cut, uncut))

        receipt = await self._publisher.people_changed(lock)
        return replace(receipt, connections_ended=await asyncio.wrap_future(cuts[0]))

    @property
    def is_due_earlier(self) -> bool:
        """Whether refresh() is due before it has said: a tap has moved something, or the last one has failed."""
        due = self._keeper.next_change
        return self._keeper.has_tightened or not self._has_looked or (due is not None and due < self._next_look)

    async def refresh(self) -> datetime | None:
        """Lock, unlock and cut as the clock says; when to do so next."""
        self._has_looked = False
        next_look = await self._refresh()
        self._has_looked, self._next_look = True, next_look or datetime.max.replace(tzinfo=UTC)
        return next_look

    async def check_sessions(self) -> None:
        """Raises why the locks of sessions could not be read at the last look; all others are in force."""
        if (unread := self._keeper.unread) is not None:
            raise unread

    async def _refresh(self) -> datetime | None:
        def look() -> tuple[datetime | None, bool]:
            return self._keeper.refresh().next_change, self._keeper.take_tightened()

        next_change, has_begun = await asyncio.to_thread(look)
        now, again = datetime.now(UTC), self._cut_again
        if not has_begun and (again is None or now < again):
            return min((each for each in (next_change, again) if each is not None), default=None)
        self._cut_again = now  # by the next look, where the kernel refuses
        await asyncio.to_thread(self._cuts.of_hours, self._publisher.tables)
        self._cut_again = datetime.now(UTC) + SETTLED if has_begun else None
        return min((each for each in (next_change, self._cut_again) if each is not None), default=None)

    async def open_corridor(self, config: Config) -> float:
        """Have the kernel let locked lines reach the help corridor; the seconds until it is due again.

        Raises UpstreamFailure where a name could not be asked; the others are open."""
        try:
            return await self._corridor.look(config)
        finally:
            await asyncio.to_thread(self._keeper.open_corridor, self._corridor.networks)

    async def suspect(self) -> None:
        """Have the kernel ask the gate about every address that the names in force block for any client."""
        self._publisher.has_new_names.clear()
        suspects = await asyncio.to_thread(self._suspects.of, self._publisher.tables)
        await asyncio.to_thread(self._keeper.suspect, suspects)
