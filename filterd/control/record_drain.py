"""Moves block events from spools into batches, and counts into the database.

Invariants: it works in a thread of its own, so that blocks that come faster than they can be recorded wait in the
spool, and hold up nothing.
"""

import asyncio
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from dns.base.thread_priority import give_way
from filterd.audit.block_batches import BATCHES, CONTROL_LOCK
from filterd.audit.block_drain import BlockDrain, refuse_rows
from filterd.audit.drain import Ledger, drain_confidential
from filterd.audit.folder_lock import hold_lock
from filterd.audit.list_counts import drain_counted
from filterd.box.places import BLOCKS, SPOOL, counters_files, keep_out_of_backups
from filterd.control.base.context import Context
from filterd.control.publisher import Publisher

# A sixtieth of a busy core: the spool holds ten million events, and nothing else here can wait for so long.
DRAIN_NICENESS = 19

T = TypeVar("T")


class RecordDrain:
    """The drain of this box's spools."""

    def __init__(self, context: Context, publisher: Publisher, ledger: Ledger) -> None:
        self._context, self._publisher, self._ledger = context, publisher, ledger
        self._spool = context.config.state_dir / SPOOL
        self._batches = context.config.state_dir / BLOCKS / BATCHES
        self._drain: BlockDrain | None = None
        self._lock: int | None = None
        self._behind = ThreadPoolExecutor(1, "drain", give_way, (DRAIN_NICENESS,))

    async def begin(self) -> None:
        """End what an earlier process has left.   Raises as drain()"""
        await self._run(self._begin)

    async def drain(self) -> float | None:
        """Move what is there; 0 s: there may be more.

        Raises MissingPart: filterd audit move works on the folder;   OSError, DatabaseFault"""
        return 0.0 if await self._run(self._move) else None

    def refuse_rows(self) -> None:
        """Look for rows that are in no file.   Blocking.   Raises MissingPart, DatabaseFault"""
        refuse_rows(self._ledger)

    def close(self) -> None:
        """Wait for what is being moved."""
        self._behind.shutdown()
        if self._lock is not None:
            os.close(self._lock)

    # ------------------------------------------------------------------------------------------------------------------

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._behind, work)

    def _begin(self) -> None:
        keep_out_of_backups(self._spool)
        self._opened()

    def _hold(self) -> None:
        """Keep filterd audit move away for as long as this process lives."""
        if self._lock is None:
            self._batches.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = hold_lock(self._batches / CONTROL_LOCK)

    def _move(self) -> int:
        n = self._opened().drain()
        counters, publisher = list(counters_files(self._context.config.run_dir)), self._publisher
        drain_confidential(counters, publisher.tables.list_ids, int(time.time()), self._ledger)
        drain_counted(counters, publisher.tables.lists, self._ledger.engine, self._ledger.node, publisher.shadows)
        return n

    def _opened(self) -> BlockDrain:
        """The drain; it is begun when it can be, which may be later than control."""
        if self._drain is None:
            self._hold()
            context = self._context
            drain = BlockDrain(self._spool, self._batches, self._ledger, lambda: context.config.retention.household > 0)
            drain.begin()
            self._drain = drain
        return self._drain
