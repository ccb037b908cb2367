"""Listens for NOTIFY: a primary says that a zone has changed, and the zone is pulled.

Invariants: however often a zone is notified, one pull of it runs and one more waits; where an address of ours is not
there yet, that is a fault and it is tried again, and the zones' refresh times decide meanwhile.
"""

import asyncio
from collections import Counter
from typing import Final

from dns.zones.notify_in import listening
from filterd.control.base.context import Context, guarded
from filterd.control.lists import Lists
from filterd.images.zone_updates import watched_zones

PAUSE_S: Final = 0.2  # between two looks at what was notified: a primary that notifies without end costs little
PULLS_OF_A_ZONE: Final = 2  # one that runs, and one that was notified since it began
PULLED: Final = "zones"  # the fault of pulls that were notified


class NotifyListener:
    """One time of listening."""

    def __init__(self, context: Context, lists: Lists) -> None:
        self._context, self._lists = context, lists
        self._notified: set[str] = set()
        self._has_notified = asyncio.Event()
        self._n_pulls: Counter[str] = Counter()

    async def run(self) -> None:
        """Until it fails."""
        context = self._context
        async with listening(context.config.transfers.notify, lambda: watched_zones(context.config), self._note):
            context.faults.pop("notify", None)
            try:
                async with asyncio.TaskGroup() as group:
                    while True:
                        await self._has_notified.wait()
                        self._begin_pulls(group)
                        await asyncio.sleep(PAUSE_S)
            finally:
                context.faults.pop(PULLED, None)  # no pull is left that could succeed

    def _note(self, apex: bytes) -> None:
        self._notified.update(self._lists.of_zone(apex))
        self._has_notified.set()

    def _begin_pulls(self, group: asyncio.TaskGroup) -> None:
        self._has_notified.clear()
        for list_id in self._notified:
            if self._n_pulls[list_id] < PULLS_OF_A_ZONE:
                self._n_pulls[list_id] += 1
                group.create_task(self._pull(list_id))
        self._notified.clear()

    async def _pull(self, list_id: str) -> None:
        await guarded(self._context.faults, PULLED, lambda: self._lists.pull([list_id]))
        self._n_pulls[list_id] -= 1
