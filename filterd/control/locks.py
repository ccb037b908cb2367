"""Locks and the kernel's sets: a subscriber's pause or schedule closes connections; suspect addresses go to the gate.

    people, clock ──────→ kernel's locked sets, connections cut
    addresses of lists ─→ kernel's sets of suspects        names of the help corridor ─→ kernel's sets of its addresses

Invariants: a lock is in the kernel before the workers know of it.
"""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

from filterd.config import Config
from filterd.control.corridor import Corridor
from filterd.control.publisher import Publisher
from filterd.kernel.lock_enforcer import LockKeeper
from filterd.kernel.suspect_addresses import Suspects
from mgmt.control_protocol import Receipt


class Locks:
    """The kernel's side of what the publisher puts in force."""

    def __init__(self, keeper: LockKeeper, publisher: Publisher) -> None:
        self._keeper, self._publisher = keeper, publisher
        self._suspects = Suspects()
        self._corridor = Corridor()

    async def policy_changed(self) -> Receipt:
        """Put subscribers, profiles and locks in force as the database has them; the kernel first: a lock hurries."""
        n_cut: int | None = None

        def lock() -> None:
            nonlocal n_cut
            n_cut = self._keeper.refresh(datetime.now(UTC)).n_cut

        receipt = await self._publisher.people_changed(lock)
        return replace(receipt, connections_ended=n_cut)

    async def refresh(self) -> datetime | None:
        """Lock and unlock as the clock says; when the next lock changes."""
        return (await asyncio.to_thread(self._keeper.refresh, datetime.now(UTC))).next_change

    async def open_corridor(self, config: Config) -> float:
        """Have the kernel let locked lines reach the help corridor; the seconds until it is due again.

        Raises UpstreamFailed where a name could not be asked; the others are open."""
        try:
            return await self._corridor.look(config)
        finally:
            await asyncio.to_thread(self._keeper.open_corridor, self._corridor.networks)

    async def suspect(self) -> None:
        """Have the kernel ask the gate about every address that the names in force block for any client."""
        self._publisher.has_new_names.clear()
        suspects = await asyncio.to_thread(self._suspects.of, self._publisher.tables)
        await asyncio.to_thread(self._keeper.suspect, suspects)
