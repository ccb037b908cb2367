"""The lists, as control keeps them: taking in, pulling, small zone changes live at once, what a person decides.

    clock | NOTIFY | person → due → zone change live at once, or jobs pull and take → good copies changed → publisher

Invariants: this process reads no list and no server's answer but the small changes of a zone
(filterd.images.zone_updates); filterd.images.lists.updater runs the jobs that do.
"""

import asyncio
import json
import logging
import time
from collections.abc import Collection
from functools import partial

from msgspec import UNSET

from filterd.config.schema import ListEntry
from filterd.control.base.context import Context
from filterd.control.publisher import Publisher
from filterd.images.compile import CompileFailure
from filterd.images.lists.self_test import self_test_faults
from filterd.images.lists.sources import shelf_of
from filterd.images.lists.status import SETTLE_S, told
from filterd.images.lists.updater import NICENESS, ListsFailure, ListsRefusal, ListUpdater
from filterd.images.lists.zone_copies import zone_timers
from filterd.images.zone_updates import confirm_zone, keep_news, zone_news
from filterd.process.codec import FailureReply, Message
from filterd.process.control_messages import InForce, ListsApprove, ListsRefresh, ListsRequest, ListsRollback
from filterd.process.jobs import run_job, together
from mgmt.contract.control import Cut, Diff
from mgmt.ledger.event import SETTINGS, Actor, Event
from rules.base.canonical import canonical_wire

DIFF_S = 120.0  # two versions of a million rules take ten seconds of a free core
DIFF_SHOWN = 20  # changes of each kind

log = logging.getLogger("filterd.control.service")


class Lists:
    """Keeps the lists' copies fresh and has the publisher compile what has changed."""

    def __init__(self, context: Context, publisher: Publisher) -> None:
        self._context, self._publisher = context, publisher
        self._updater = ListUpdater(context.config_file)
        self._comparing = asyncio.Lock()

    async def take(self, settle_s: float) -> None:
        """Take in new versions.   settle_s  how long a file must have been left alone.   Raises ListsFailure."""
        await self._updater.take(self._context.config, settle_s)

    async def compile_if_changed(self, settle_s: float = 0.0) -> Cut | None:
        """Take in new versions, and compile where the good copies have changed: Publisher.compile().

        Raises CompileFailure, ListsFailure."""
        await self.take(settle_s)
        await self.faults()  # new ones are logged
        return await self._publisher.compile_if_changed()

    async def tend(self) -> None:
        """Take in files that were dropped, and what was pulled or agreed to.   Raises CompileFailure, ListsFailure."""
        await self.compile_if_changed(SETTLE_S)

    async def pull_due(self) -> None:
        """Pull from the URLs and primaries that are due, and put what they give in force.

        Raises CompileFailure, ListsFailure."""
        await self.pull(await self._updater.due(self._context.config))

    async def pull(self, ids: Collection[str]) -> None:
        """Pull the lists `ids` now; the same."""
        zones = [entry for entry in self._context.config.lists if entry.id in ids and entry.zone is not None]
        are_done = await together(*map(self._update_zone, zones))
        left = set(ids) - {entry.id for entry, is_done in zip(zones, are_done, strict=True) if is_done}
        if left:
            await self._updater.pull(self._context.config, list(left))
            await self.compile_if_changed(SETTLE_S)

    def of_zone(self, apex: bytes) -> list[str]:
        """The lists that a zone is transferred to."""
        zones = ((entry.id, entry.zone) for entry in self._context.config.lists if entry.zone is not None)
        return [list_id for list_id, zone in zones if canonical_wire(zone) == apex]

    async def change(self, request: ListsRequest) -> InForce | FailureReply:
        """Do what a person asks of lists; it is in force when the reply comes."""
        try:
            changed = await self._decide(request)
            if changed:
                await asyncio.to_thread(self._note, request, changed)
            cut = await self.compile_if_changed()
        except ListsRefusal as reason:
            return FailureReply(str(reason))
        except (CompileFailure, ListsFailure) as reason:
            self._context.note_fault("lists", reason)
            return FailureReply(str(reason))
        return InForce(
            list=changed.get("list", UNSET),
            version=changed.get("version", UNSET),
            generations=self._publisher.generations,
            cut=UNSET if cut is None else cut,
            faults=await self.faults(),
        )

    def kept(self) -> list[Message]:
        """Which versions of each list are kept; one whose state cannot be read has its fault alone."""
        config, now_s = self._context.config, time.time()
        found: list[Message] = []
        for entry in config.lists:
            try:
                kept = shelf_of(config, entry).kept()
            except ValueError as reason:
                found.append({"list": entry.id, "tier": entry.tier, "sealed": entry.sealed, "faults": [str(reason)]})
                continue
            found.append(told(entry, kept, zone_timers(config, entry, kept), now_s))
        return found

    async def diff(self, list_id: str, version: str) -> Diff | FailureReply:
        """What a kept version would change of a list, found by a job that reads both; one at a time."""
        entry = next((each for each in self._context.config.lists if each.id == list_id), None)
        if entry is None or not version.isalnum():
            return FailureReply(
                f"list {list_id!r:.80}: not in the configuration, or no version; not compared; load it again"
            )
        if self._comparing.locked():
            return FailureReply(f"list {entry.id}: another comparison goes on; not compared; ask again in a minute")
        chosen = [entry.id, "--to", version, "--json", "--most", str(DIFF_SHOWN), "--confined"]
        async with self._comparing:
            try:
                ended = await run_job(
                    ["lists", "diff", *chosen, "--config", str(self._context.config_file)],
                    NICENESS,
                    DIFF_S,
                    keeps_stdout=True,
                )
            except TimeoutError:
                return FailureReply(
                    f"list {entry.id}: no end within {DIFF_S:g} s; not compared; run filterd lists diff"
                )
        said = [json.loads(line) for line in ended.stdout.splitlines()]
        if not said:
            return FailureReply(ended.stderr or f"list {entry.id}: the comparison ended early; not compared; ask again")
        return Diff(said[0], said[1:])

    async def faults(self) -> dict[str, str]:
        """What is wrong with the lists' sources, or with their self-tests, by "list ID"."""
        config = self._context.config
        failed = {f"list {list_id}": said for list_id, said in self_test_faults(config, self._publisher.tables).items()}
        return failed | await asyncio.to_thread(self._updater.faults, config)

    # ------------------------------------------------------------------------------------------------------------------

    def _note(self, request: ListsRequest, changed: dict[str, str]) -> None:
        """Write down, in the ledger, what a person decided of a list; `by` is who the command says runs it."""
        action = "list approved" if isinstance(request, ListsApprove) else "list rolled back"
        self._context.note_event(Event(SETTINGS, action, Actor("account", request.by), dict(changed)))

    async def _decide(self, request: ListsRequest) -> dict[str, str]:
        """What the reply names besides what is in force."""
        config = self._context.config
        match request:
            case ListsRefresh(lists):
                await self._updater.refresh(config, lists or [entry.id for entry in config.lists])
                return {}
            case ListsApprove(list_id, version, by):
                return {"list": list_id, "version": self._updater.approve(config, list_id, version, by)}
            case ListsRollback(list_id, version, by):
                return {"list": list_id, "version": self._updater.roll_back(config, list_id, version, by)}

    async def _update_zone(self, entry: ListEntry) -> bool:
        """Put what is new of a zone in force at once, where it is little.   False: pull it."""
        began = time.monotonic()
        async with self._updater.zone_lock(entry):
            config, live = self._context.config, self._publisher.live
            news = None if live is None else await zone_news(config, entry, live)
            if news is None:
                return False
            if news.differences:
                await self._publisher.names_changed(partial(keep_news, config, entry, news))
                took_ms = (time.monotonic() - began) * 1000
                log.info("list %s: serial %d in force, %.0f ms", entry.id, news.differences[-1].serial, took_ms)
            await asyncio.to_thread(confirm_zone, config, entry, time.time())
        return True
