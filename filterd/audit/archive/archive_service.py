"""The archive: makes files of the batches that control writes, finds records in them, removes what is old.

    control ─ batches ─→ tree ─→ files by ledger and day ─→ searches and bundles of web, piece by piece

It holds no key and no database, reads no spool, and cannot tell whose a record is.
Invariants: one process writes a folder of files, even where a second one is started; a household's records are in no
answer; a search that its asker has left is closed after IDLE_S; where the disk is full, batches stay what they are, and
are found as before; no batch becomes a file, and no day is removed, before the tree knows it; what legal holds name
is not removed.
"""

import asyncio
import logging
import os
import secrets
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import assert_never

import duckdb

from filterd.audit.archive.archive_proof import ArchiveProof
from filterd.audit.archive_messages import (
    ArchiveStatus,
    AskArchive,
    AskTree,
    Bundle,
    Close,
    Forget,
    ForgottenDays,
    KeepCheckpoint,
    More,
    NameOrders,
    NewestCheckpoint,
    Page,
    Piece,
    RecordProof,
    Records,
    RecordsFrom,
    Search,
    SearchHandle,
)
from filterd.audit.block_batches import BATCHES, LEDGERS, batch_numbers
from filterd.audit.block_export import exported
from filterd.audit.block_files import ARCHIVE_LOCK, Compaction, compact, days_due, forget, settle
from filterd.audit.block_search import SCRATCH, counted, page, search
from filterd.audit.folder_lock import hold_lock
from filterd.process.codec import FailureReply
from mgmt.ledger.bundle import NoCheckpoint
from mgmt.registers.records.block_archive import OrderName

LOOK_S = 2.0  # between two looks at the batches
OLD_S = 600.0  # a batch becomes a file after so long,
MANY = 1000  # or with so many others,
LARGE_OCTETS = 64 << 20  # or with so much; searches read all that wait
MOST_SEARCHES = 4  # at once: each has block_search.MEMORY
IDLE_S = 60.0
NUMBER_BITS = 52  # of a search

OfProof = Bundle | RecordProof | NewestCheckpoint | AskTree | KeepCheckpoint
Request = Search | Page | NameOrders | More | Close | OfProof | Forget | AskArchive | RecordsFrom

log = logging.getLogger("filterd.audit.archive")


@dataclass
class _Open:
    """A search.   begin  with the names of orders;   pieces  None: it has not begun

    used_s  when it was asked last, by the monotonic clock"""

    begin: Callable[[dict[int, OrderName]], Iterator[bytes]]
    used_s: float
    orders: dict[int, OrderName] = field(default_factory=dict)
    pieces: Iterator[bytes] | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Archive:
    """The folder of files, which no one else writes."""

    def __init__(self, folder: Path) -> None:
        """Raises MissingPart: another process has the folder;   OSError"""
        self._folder = folder
        self._searches: dict[int, _Open] = {}
        self._changing, self._paging = asyncio.Lock(), asyncio.Lock()
        self.faults: dict[str, str] = {}
        for ledger in LEDGERS:
            (folder / ledger).mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / BATCHES).mkdir(mode=0o700, exist_ok=True)
        self._lock = hold_lock(folder / LEDGERS[0] / ARCHIVE_LOCK)
        self._proof = ArchiveProof(folder)
        (folder / SCRATCH).mkdir(mode=0o700, exist_ok=True)
        for left in (folder / SCRATCH).iterdir():  # by a process that was killed
            shutil.rmtree(left, ignore_errors=True) if left.is_dir() else left.unlink()

    async def answer(self, request: Request) -> object:
        match request:
            case Search():
                return self._open(lambda orders: self._pieces(request, orders))
            case Bundle(first, last):
                return self._open(lambda _: self._proof.bundle(first, last))
            case Page():
                return await self._page(request)
            case NameOrders():
                return self._name(request)
            case More():
                return await self._more(request.search)
            case Close():
                self._searches.pop(request.search, None)
                return SearchHandle(request.search)
            case RecordProof():
                return await asyncio.to_thread(self._proof.record, request)
            case NewestCheckpoint():
                return await asyncio.to_thread(self._proof.newest, request)
            case AskTree():
                async with self._changing:
                    return await asyncio.to_thread(self._proof.head, request)
            case KeepCheckpoint():
                async with self._changing:
                    return await asyncio.to_thread(self._proof.keep, request)
            case Forget():
                async with self._changing:
                    return ForgottenDays(await asyncio.to_thread(self._forget, request))
            case RecordsFrom():
                async with self._changing:
                    return await asyncio.to_thread(self._proof.records_from, request)
            case AskArchive():
                return await asyncio.to_thread(self._status)
        assert_never(request)

    async def tend(self) -> None:
        """Make files of batches, now and whenever there are many."""
        while True:
            await self.compact_if_due()
            self._close_left()
            await asyncio.sleep(LOOK_S)

    async def compact_if_due(self) -> None:
        """Make files of the batches that are there, where they are many or old."""
        try:
            async with self._changing:
                while await asyncio.to_thread(self._is_due):
                    made = await asyncio.to_thread(self._compact)
                    if not made.n_batches:
                        break
                    log.debug("%d batches with %d records are files", made.n_batches, made.n_records)
            self.faults.pop("files", None)
        except (OSError, ValueError, sqlite3.Error) as reason:
            told = f"{reason}; batches stay as they are, and are found; make room, or put aside what is damaged"
            if self.faults.get("files") != told:
                log.error("%s", told)
            self.faults["files"] = told

    def close(self) -> None:
        """Release the folder."""
        self._proof.close()
        os.close(self._lock)

    # ------------------------------------------------------------------------------------------------------------------

    def _is_due(self) -> bool:
        paths = [self._folder / BATCHES / f"{number:010d}.batch" for number in batch_numbers(self._folder / BATCHES)]
        if len(paths) < 2:  # the newest one stays: it has the positions
            return False
        found = [path.stat() for path in paths]
        is_old = time.time() - found[0].st_mtime >= OLD_S
        return is_old or len(paths) > MANY or sum(each.st_size for each in found) >= LARGE_OCTETS

    def _compact(self) -> Compaction:
        """Make files of what the tree has taken."""
        settle(self._folder)  # or a compaction that did not end would leave batches that count for nothing
        self._proof.catch_up()
        return compact(self._folder)

    def _forget(self, due: Forget) -> int:
        # First: no hold is of a household, and what keeps a day from being cut keeps nothing of theirs.
        theirs = days_due(self._folder, "household", due.household_before_s, due.after_s)
        n = forget(self._folder, "household", theirs)
        self._proof.forget_put_aside(max(due.household_before_s, due.blocks_before_s))  # theirs may be in each
        return n + self._proof.forget(due.blocks_before_s, due.after_s, due.held)

    def _status(self) -> ArchiveStatus:
        files = [path for ledger in LEDGERS for path in (self._folder / ledger).glob("day=*/*.parquet")]
        days = sorted(path.parent.name.removeprefix("day=") for path in files)
        octets = sum(path.stat().st_size for path in files)
        n_batches = len(batch_numbers(self._folder / BATCHES))
        oldest = days[0] if days else None
        return ArchiveStatus(batches=n_batches, oldest=oldest, octets=octets, faults=dict(self.faults))

    def _open(self, begin: Callable[[dict[int, OrderName]], Iterator[bytes]]) -> SearchHandle | FailureReply:
        self._close_left()
        if len(self._searches) >= MOST_SEARCHES:
            return FailureReply(f"{MOST_SEARCHES} pulls run already; nothing was looked for; ask again in a minute")
        number = secrets.randbits(NUMBER_BITS)  # no one goes on with what another life, or another asker, has opened
        self._searches[number] = _Open(begin, time.monotonic())
        return SearchHandle(number)

    def _name(self, request: NameOrders) -> SearchHandle | FailureReply:
        one = self._searches.get(request.search)
        if one is None:
            return _closed(request.search)
        one.orders.update((each.number, each) for each in request.orders)
        return SearchHandle(request.search)

    async def _page(self, asked: Page) -> Records | FailureReply:
        async with self._paging:  # one at a time: each takes the memory of a search
            try:
                found = await asyncio.to_thread(
                    page, self._folder, "enforcement", asked.wanted, asked.skip, asked.limit
                )
            except (OSError, ValueError, OverflowError, duckdb.Error) as reason:
                log.error("a page was not found: %s", reason)
                return FailureReply(f"{' '.join(str(reason).split())}; nothing was found; ask again")
        return Records(found)

    async def _more(self, number: int) -> Piece | FailureReply:
        one = self._searches.get(number)
        if one is None:
            return _closed(number)
        async with one.lock:
            if one.pieces is None:
                one.pieces = one.begin(one.orders)
            try:
                data = await asyncio.to_thread(next, one.pieces, None)
            except NoCheckpoint as reason:
                self._searches.pop(number, None)
                return FailureReply(str(reason))
            except (OSError, ValueError, OverflowError, duckdb.Error, sqlite3.Error) as reason:
                self._searches.pop(number, None)
                log.error("a pull ended early: %s", reason)
                return FailureReply(f"{' '.join(str(reason).split())}; the pull ends here; ask again")
        one.used_s = time.monotonic()
        if data is None:
            self._searches.pop(number, None)
        return Piece(data or b"", data is None)

    def _pieces(self, asked: Search, orders: dict[int, OrderName]) -> Iterator[bytes]:
        if asked.form == "counts":
            return counted(self._folder, "enforcement", asked.wanted)
        return exported(search(self._folder, "enforcement", asked.wanted), asked.form, orders)

    def _close_left(self) -> None:
        """Close searches whose askers have left them."""
        now_s = time.monotonic()
        for number, one in list(self._searches.items()):
            if now_s - one.used_s >= IDLE_S and not one.lock.locked():
                del self._searches[number]


def _closed(number: int) -> FailureReply:
    return FailureReply(f"search {number}: it is not open; nothing was looked for; begin another one")
