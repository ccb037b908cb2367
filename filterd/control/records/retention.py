"""What is old goes, each hour, and legal holds are looked at before it does.

    holds that two persons have agreed to → what stays → all else that is old is destroyed

Invariants: nothing is destroyed while it cannot be read which holds are in force; a hold that is signed when a pass
begins is kept to by it.
"""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy import Engine

from filterd.audit.archive_client import ArchiveClient
from filterd.audit.retention import Due, forget_due
from filterd.control.base.context import Context
from filterd.control.records.legal_holds import Holds, Moment, look
from filterd.images.lists.rails import proof_of
from mgmt.ledger import trusted_clock
from mgmt.ledger.trusted_clock import read_clocks
from mgmt.registers.records.block_archive import ArchiveFailure
from mgmt.registers.records.block_ledger import note_gone
from mgmt.registers.records.holds.proposals import HOLDS
from mgmt.staff.approvals.store import has_open
from parental.store.database import reading, writing

RETAIN_S = 3600.0  # between two looks at what is old;
MEND_S = 60.0  # sooner where the clock is not believed: it may get right
WANT_ROOM = ("retention", "audit records", "archive")  # faults that what is old may be the cure of


class Retention:
    """What goes and what stays.   records  as the role that keeps them.   Raises DatabaseFault"""

    def __init__(self, context: Context, records: Engine, forget_released: Callable[[int, int], None]) -> None:
        self._context, self._records, self._forget_released = context, records, forget_released
        self._archive = ArchiveClient(context.config.run_dir)
        self._passed_s: float | None = None  # when forget() was done last

    def look(self) -> None:
        """Begin and end legal holds.   Raises ValueError for holds that are not as they were signed"""
        with reading(self._context.engine) as conn:
            if not has_open(conn, HOLDS):
                return
        if faults := self._holds().faults:
            raise ValueError("; ".join(faults))

    def is_due(self) -> bool:
        """Whether forget() is."""
        wait_s = RETAIN_S if self._context.faults.keys().isdisjoint(WANT_ROOM) else MEND_S
        return self._passed_s is None or time.monotonic() - self._passed_s >= wait_s

    def forget(self) -> None:
        """Destroy what is old.   Raises ClockStep, OSError"""
        try:
            config, held = self._context.config, self._holds().scopes
            forget_due(self._records, config.retention, read_clocks(), self._forget_rest, self._forget_files, held)
        finally:
            self._passed_s = time.monotonic()

    # ------------------------------------------------------------------------------------------------------------------

    def _forget_rest(self, now_s: int, before_s: int) -> None:
        """Once records are gone: note it, and forget addresses that were released before."""
        with writing(self._context.engine) as conn:
            note_gone(conn, now_s - self._context.config.retention.blocks)
        self._forget_released(now_s, before_s)

    def _holds(self) -> Holds:
        config, kept_s = self._context.config, float(self._context.config.retention.blocks)
        known_s = self._known_s()
        with writing(self._context.engine) as conn:
            return look(conn, proof_of(config), Moment(datetime.now(UTC), known_s, kept_s))

    def _known_s(self) -> float | None:
        with writing(self._records) as conn:
            return trusted_clock.known(conn, read_clocks())

    def _forget_files(self, due: Due) -> None:
        try:
            asyncio.run(self._archive.forget(due))
        except ArchiveFailure as reason:
            raise OSError(f"{reason}; old files are kept until then") from reason
