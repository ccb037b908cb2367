"""Gives what the desk says of the pages to all who show one, with what two persons have agreed to.

    approvals → database → state_dir/config/desk.json → web and splash, within a second
                                                      → gate workers, with an acknowledgement

Invariants: the file appears whole or not at all; where the database cannot be read, what was shown stays; what was said
while no control ran, or while a worker could not take it, is shown later without being asked for.
"""

import asyncio
from datetime import UTC, datetime

import msgspec

from filterd.config.desk_file import write_desk
from filterd.control.base.context import Context
from filterd.control.pages.agreed_settings import look
from filterd.images.lists.rails import proof_of
from filterd.process.worker_clients import configure_all, workers_of
from mgmt.contract.control import SettingsReceipt
from mgmt.ledger.trusted_clock import UNKNOWN
from mgmt.registers.settings.proposals import PAGES
from mgmt.registers.settings.shapes import DeskSettings
from mgmt.registers.settings.store import newest_number, said_by_desk
from mgmt.staff.approvals.store import has_open
from parental.store.database import reading, writing

GATE = "gate"  # the role whose workers show pages


class PageSettings:
    """What the desk says, and which of it is shown."""

    def __init__(self, context: Context) -> None:
        self._context, self._publishing = context, asyncio.Lock()
        self._shown: int | None = None  # the number of the last change that all have taken

    async def publish(self) -> SettingsReceipt:
        """Have it shown as the database has it now.   Raises DatabaseFault, OSError, ValueError."""
        async with self._publishing:
            await asyncio.to_thread(self._put_agreed)
            number, said = await asyncio.to_thread(self._read)
            config = self._context.config
            await asyncio.to_thread(write_desk, config, said)
            told = await configure_all(config.run_dir, workers_of(config), GATE)
            refused = {worker: why for worker, why in told.items() if why is not None}
            self._shown = None if refused else number
            return SettingsReceipt(refused)

    async def tend(self) -> None:
        """Have shown what is not.   Raises OSError too: a worker has refused it"""
        await asyncio.to_thread(self._put_agreed)
        number, _ = await asyncio.to_thread(self._read)
        if number == self._shown:
            return
        if refused := (await self.publish()).refused:
            raise OSError("; ".join(refused.values()))

    def _put_agreed(self) -> None:
        """Put in force what two persons have signed; where the time is not known, later."""
        engine, now_s = self._context.engine, self._context.now_s()
        with reading(engine) as conn:
            if now_s == UNKNOWN or not has_open(conn, PAGES):
                return
        with writing(engine) as conn:
            look(conn, proof_of(self._context.config), now_s, datetime.fromtimestamp(now_s, UTC))

    def _read(self) -> tuple[int, DeskSettings]:
        with reading(self._context.engine) as conn:
            try:
                return newest_number(conn), said_by_desk(conn)
            except msgspec.ValidationError as reason:
                raise ValueError(f"desk_settings: {reason}; not shown, the last ones stay; say it again") from reason
