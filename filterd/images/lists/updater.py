"""Runs the list jobs for control: pulling and taking in, in processes of their own, and what a person decides.

    clock → due → `filterd lists pull` (network) → waits → `filterd lists take` (reads it) → good → control compiles

Runs in the control role.
Invariants: this process never reads a list or a server's answer; a reader that is killed, or never ends, costs its own
list that one version and no other list anything; a fault is logged once when it begins and once when it ends.
"""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path

from filterd.config import Config
from filterd.config.schema import ListEntry
from filterd.images.lists.sources import shelf_of
from filterd.images.lists.status import due, faults_of, note_failure, refuse_waiting, waiting
from filterd.process.jobs import run_job, together
from rules.lists.versions import ListHistory, approved, asked_anew, rolled_back

NICENESS = 10
TAKE_S = 600.0  # for one list; ten million lines take a minute of a slow core
BY_CHARACTERS = 80  # of a person's name in logs
PULL_MORE_S = 60.0  # beyond the longest timeout of the lists that are pulled: start, fsync

Clock = Callable[[], float]

log = logging.getLogger("filterd.images.lists.jobs")


class ListsFailure(RuntimeError):
    """Our own command did not run: nothing is known of the lists by it, and nothing changed."""


class ListsRefusal(ValueError):
    """What a person asks of lists cannot be done; nothing changed."""


class ListUpdater:
    """Keeps the copies of the lists fresh."""

    def __init__(self, config_file: Path, clock: Clock = time.time) -> None:
        self._config_file, self._clock = config_file, clock
        self._pulling, self._taking = asyncio.Lock(), asyncio.Lock()
        self._zone_locks: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._told: dict[str, str] = {}

    async def due(self, config: Config) -> list[str]:
        """The lists whose url or primaries are to be asked now."""
        return await asyncio.to_thread(due, config, self._clock())

    async def pull(self, config: Config, ids: list[str]) -> None:
        """Ask the urls and primaries of the lists `ids`; the result is in their state.

        A zone is a job of its own: it may take long, and holds up no other list."""
        urls = [entry for entry in config.lists if entry.id in ids and entry.url is not None]
        zones = [entry for entry in config.lists if entry.id in ids and entry.zone is not None]
        works = [self._pull(config, [entry], self.zone_lock(entry)) for entry in zones]
        await together(*works, *([self._pull(config, urls, self._pulling)] if urls else []))

    def zone_lock(self, entry: ListEntry) -> asyncio.Lock:
        """One transfer of a zone at a time."""
        return self._zone_locks[entry.id]

    async def take(self, config: Config, settle_s: float) -> None:
        """Take in what waits.   settle_s: see filterd.images.lists.status.waiting.   Raises ListsFailure."""
        async with self._taking:
            ids = await asyncio.to_thread(waiting, config, self._clock(), settle_s)
            entries = [entry for entry in config.lists if entry.id in ids]
            before = {entry.id: shelf_of(config, entry).kept() for entry in entries}
            if entries and await self._run("take", entries, TAKE_S * len(entries)):
                await self._take_apart(config, entries)
            for entry in entries:
                _tell_good(entry, before[entry.id], shelf_of(config, entry).kept())

    def faults(self, config: Config) -> dict[str, str]:
        """What is wrong with the lists' sources now, by list."""
        faults = faults_of(config, self._clock())
        for list_id, fault in faults.items():
            if self._told.get(list_id) != fault and _kind(self._told.get(list_id)) != _kind(fault):
                log.warning("list %s: %s", list_id, fault)
        for list_id in self._told.keys() - faults.keys():
            log.info("list %s: no fault any more", list_id)
        self._told = faults
        return {f"list {list_id}": fault for list_id, fault in faults.items()}

    async def refresh(self, config: Config, ids: list[str]) -> None:
        """Pull the lists `ids` now, also what has not changed at its source.   Raises ListsRefusal."""
        chosen = [_known(config, list_id) for list_id in ids]
        for entry in chosen:
            shelf_of(config, entry).change(asked_anew)
        await self.pull(config, [entry.id for entry in chosen])

    def approve(self, config: Config, list_id: str, version: str, by: str) -> str:
        """Let the held version be good; its digest.   version  its start, "": any.   Raises ListsRefusal."""
        by = f"{by:.{BY_CHARACTERS}}"
        step = partial(approved, digest=version, at_s=self._clock(), by=by)
        return _change(config, list_id, step, f"approved by {by}")

    def roll_back(self, config: Config, list_id: str, version: str, by: str) -> str:
        """Let an earlier version be good again; its digest.   version  its start, "": the last one before

        Raises ListsRefusal."""
        by = f"{by:.{BY_CHARACTERS}}"
        return _change(config, list_id, partial(rolled_back, by=by, digest=version), f"rolled back by {by}")

    # ------------------------------------------------------------------------------------------------------------------

    async def _pull(self, config: Config, chosen: list[ListEntry], lock: asyncio.Lock) -> None:
        async with lock:
            began_s = self._clock()
            failure = await self._run("pull", chosen, max(entry.timeout for entry in chosen) + PULL_MORE_S)
            for entry in chosen if failure else ():
                note_failure(config, entry, f"the pull ended early ({failure})", began_s)

    async def _run(self, verb: str, entries: list[ListEntry], timeout_s: float) -> str:
        """Run `filterd lists VERB`; "" or how it was ended.   Raises ListsFailure where it could not do its work."""
        ids = [*(["--confined"] if verb == "pull" else []), *(entry.id for entry in entries)]
        try:
            ended = await run_job(["lists", verb, "--config", str(self._config_file), *ids], NICENESS, timeout_s)
        except TimeoutError:
            return f"no end within {timeout_s:g} s"
        if ended.stderr:
            log.warning("lists %s: %s", verb, ended.stderr)
        if ended.exit_code > 0:
            raise ListsFailure(f"lists {verb}: {ended.stderr or f'exit code {ended.exit_code}'}")
        return f"signal {-ended.exit_code}" if ended.exit_code else ""

    async def _take_apart(self, config: Config, entries: list[ListEntry]) -> None:
        """One of the lists has ended its reader: each in a process of its own, to find out which."""
        for entry in entries:
            ended = await self._run("take", [entry], TAKE_S)
            if ended:
                refuse_waiting(config, entry, f"its reader was ended ({ended})", self._clock())


def _known(config: Config, list_id: str) -> ListEntry:
    for entry in config.lists:
        if entry.id == list_id:
            return entry
    known = ", ".join(entry.id for entry in config.lists) or "none"
    raise ListsRefusal(f"list {list_id!r:.80}: not in the configuration; nothing done; {known} are")


def _change(config: Config, list_id: str, step: Callable[[ListHistory], ListHistory], done: str) -> str:
    entry = _known(config, list_id)
    try:
        kept = shelf_of(config, entry).change(step)
    except LookupError as reason:
        raise ListsRefusal(f"list {entry.id}: {reason.args[0]}; nothing changed") from reason
    good = kept.good.sha256 if kept.good else "none"
    log.warning("list %s: %s: version %s is good now", entry.id, done, good[:16])
    return good


def _tell_good(entry: ListEntry, before: ListHistory, after: ListHistory) -> None:
    good = after.good
    if good is not None and not good.is_same(before.good):
        log.info("list %s: version %s of %s is good: %d rules", entry.id, good.sha256[:16], good.origin, good.n_rules)


def _kind(fault: str | None) -> str:
    """A fault without its numbers: an age that grows is the same fault."""
    return "".join(c for c in fault or "" if not c.isdigit())
