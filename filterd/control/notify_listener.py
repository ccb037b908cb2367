"""Primaries tell that a zone has changed (NOTIFY), and it is pulled.

Invariants: however often a zone is told of, one pull of it runs and one more waits; where an address of ours is not
there yet, it is tried again and told, and the zones' refresh times decide meanwhile.
"""

import asyncio
from collections import Counter
from typing import Final

from dns.zones.notify_in import listening
from filterd.control.service import Control, guarded
from filterd.images.zone_updates import watched_zones

PAUSE_S: Final = 0.2  # between two looks at what was told: a primary that tells without end costs little
PULLS_OF_A_ZONE: Final = 2  # one that runs, and one that has been told of since it began
RETRY_S: Final = 10.0


async def watch_zones(control: Control) -> None:
    """Listen until cancelled."""
    while control.config.transfers.notify:
        await guarded(control, "notify", _Watch(control).run)
        await asyncio.sleep(RETRY_S)


class _Watch:
    """One time of listening."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._told: set[str] = set()
        self._has_told = asyncio.Event()
        self._n_pulls: Counter[str] = Counter()

    async def run(self) -> None:
        """Until it fails."""
        control = self._control
        async with listening(control.config.transfers.notify, lambda: watched_zones(control.config), self._tell):
            control.faults.pop("notify", None)
            async with asyncio.TaskGroup() as group:
                while True:
                    await self._has_told.wait()
                    self._begin_pulls(group)
                    await asyncio.sleep(PAUSE_S)

    def _tell(self, apex: bytes) -> None:
        self._told.update(self._control.lists_of_zone(apex))
        self._has_told.set()

    def _begin_pulls(self, group: asyncio.TaskGroup) -> None:
        self._has_told.clear()
        for list_id in self._told:
            if self._n_pulls[list_id] < PULLS_OF_A_ZONE:
                self._n_pulls[list_id] += 1
                group.create_task(self._pull(list_id))
        self._told.clear()

    async def _pull(self, list_id: str) -> None:
        await guarded(self._control, "zones", lambda: self._control.pull([list_id]))
        self._n_pulls[list_id] -= 1
