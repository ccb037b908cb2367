"""The control role's work: what is in the database and in the lists becomes images, locks and records.

    good copies ─compile┐  (with the orders of that moment)
    orders ─────delta───┼─→ images → manifest → workers ─ack→ receipt
    people ─────delta───┘
    people, clock ──────────→ kernel's locked sets, connections cut
    addresses of lists ─────→ kernel's sets of suspects
    spools, counters ───────→ ledger

Invariants: one publication at a time; the manifest is written before the workers are told, so a worker that starts
meanwhile is right, too; a failure leaves what was in force and is told in every status until it is mended.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from dns.zones.server import ZoneServer
from fastpath.images.tables import TableSet
from fastpath.wire.address import rule_text
from filterd.audit.list_counts import met, shadowed
from filterd.config import BadConfig, Config, load
from filterd.config.schema import ListEntry
from filterd.images.attribution import Attribution
from filterd.images.compile import Compiled, CompileFailed, compile_base, inputs_of
from filterd.images.live_delta import OrderDelta
from filterd.images.store import ImageStore
from filterd.images.zone_updates import ZoneKeeper
from filterd.kernel.lock_enforcer import LockKeeper
from filterd.kernel.suspect_addresses import Suspects
from filterd.lists.jobs import SETTLE_S
from filterd.lists.updater import ListKeeper, ListsFailed
from filterd.lookup.explain import CHANNELS, decide_on_url, explain, explain_url, read_asked
from filterd.process.jobs import together
from filterd.process.json_socket import Message
from filterd.process.worker_clients import ask_status, tell_all, workers_of
from mgmt.orders.store import find_orders, orders_revision
from parental.database import reading
from rules.category import category_name
from rules.compiler.manifest import Kind, read_manifest
from rules.names.canonical import canonical_wire

WHILE_SERVING = 10  # niceness: a list of a million names takes one core for some seconds, which the workers may need

log = logging.getLogger("filterd.control.service")


class Control:
    """The control role without its socket, its clock and its drain (filterd.roles.control)."""

    def __init__(self, config: Config, config_file: Path, engine: Engine, locks: LockKeeper) -> None:
        self.config = config
        self.locks = locks
        self.lists = ListKeeper(config_file)
        self.zones = ZoneKeeper()
        self.faults: dict[str, str] = {}
        self._config_file, self._engine = config_file, engine
        self._images = ImageStore(config.state_dir)
        self._publishing, self._compiling = asyncio.Lock(), asyncio.Lock()
        self._orders: OrderDelta | None = None
        self._attribution: Attribution | None = None
        self._tables = TableSet()
        self.has_overgrown = asyncio.Event()  # the orders' delta: merge() has work
        self.published = asyncio.Event()  # tables are others than when it was cleared
        self.has_new_names = asyncio.Event()  # suspect() has work
        self.rpz: ZoneServer | None = None
        self._suspects = Suspects()

    async def start(self) -> None:
        """Put everything in force as it is now.   Raises CompileFailed where there are no names to begin with."""
        compiled = self._images.compiled()
        if compiled is None or self._is_of_another_database(compiled):
            await self.lists.take(self.config, settle_s=0.0)
            await self._compile()
            names = self._write_orders
        else:
            names = partial(self._write, self._beside(compiled))
        async with self._publishing:
            await self._publish(names, self._write_people_bases)

    async def reload(self) -> Message:
        """Read configuration and lists again, and compile what has changed."""
        try:
            self.config = load(self._config_file)
            self.faults.pop("configuration", None)
            await self.compile_if_changed()
            self.faults.pop("lists", None)
        except (BadConfig, CompileFailed, ListsFailed) as reason:
            self._note_fault("configuration" if isinstance(reason, BadConfig) else "lists", reason)
            return {"ok": False, "error": str(reason)}
        return {"ok": True, "generations": self._tables.generations, "faults": await self._list_faults()}

    async def compile_if_changed(self, settle_s: float = 0.0) -> None:
        """Take in new versions of lists, and compile where the good copies are not what the base was made of.

        settle_s  how long a file must have been left alone to be taken.   Raises CompileFailed, ListsFailed."""
        await self.lists.take(self.config, settle_s)
        await self._list_faults()  # what is new of them is logged
        async with self._compiling:  # what is being compiled now may be it
            if self._orders is None or await asyncio.to_thread(inputs_of, self.config) != self._orders.compiled.inputs:
                await self._compile_now()

    async def tend_lists(self) -> None:
        """Files that were dropped, and what was pulled.   Raises CompileFailed, ListsFailed."""
        await self.compile_if_changed(SETTLE_S)

    async def pull_lists(self) -> None:
        """Ask the urls and primaries whose time has come, and put what they give in force.

        Raises CompileFailed, ListsFailed."""
        await self.pull(await self.lists.due(self.config))

    async def pull(self, ids: Collection[str]) -> None:
        """Ask the urls or primaries of the lists `ids` now; the same."""
        zones = [entry for entry in self.config.lists if entry.id in ids and entry.zone is not None]
        are_done = await together(*map(self._refresh_zone, zones))
        left = set(ids) - {entry.id for entry, is_done in zip(zones, are_done, strict=True) if is_done}
        if left:
            await self.lists.pull(self.config, list(left))
            await self.compile_if_changed(SETTLE_S)

    def lists_of_zone(self, apex: bytes) -> list[str]:
        """The lists that a zone is transferred to."""
        zones = ((entry.id, entry.zone) for entry in self.config.lists if entry.zone is not None)
        return [list_id for list_id, zone in zones if canonical_wire(zone) == apex]

    async def change_lists(self, request: Message) -> Message:
        """What a person wants of lists, in force when the reply comes."""
        said = await self.lists.decide(self.config, request)
        if not said["ok"]:
            return said
        try:
            await self.compile_if_changed()
        except (CompileFailed, ListsFailed) as reason:
            self._note_fault("lists", reason)
            return {"ok": False, "error": str(reason)}
        return said | {"generations": self._tables.generations, "faults": await self._list_faults()}

    async def mend(self) -> None:
        """Compile anew where the names base on the disk has gone bad: a worker that starts must find a good one.

        Raises CompileFailed.   Cost: one read of the image."""
        if await asyncio.to_thread(self._images.compiled) is None:
            await self._compile()

    async def merge(self) -> None:
        """Compile anew where the orders' delta has grown large: the new base includes them.

        Raises CompileFailed; base and delta then stay as they are, and nothing is lost."""
        self.has_overgrown.clear()
        if self._orders is not None and self._orders.is_overgrown:
            await self._compile()

    async def orders_changed(self) -> Message:
        """Put the orders in force as the database has them now."""
        began = time.monotonic()
        async with self._publishing:
            acks = await self._publish(self._write_orders)
        if self._orders and self._orders.is_overgrown:
            self.has_overgrown.set()
        return self._receipt("names", began, acks)

    async def suspect(self) -> None:
        """Have the kernel ask the gate about every address that the names in force close to anybody."""
        self.has_new_names.clear()
        suspects = await asyncio.to_thread(self._suspects.of, self._tables)
        await asyncio.to_thread(self.locks.suspect, suspects)

    async def policy_changed(self) -> Message:
        """Put subscribers, profiles and locks in force as the database has them; the kernel first: a lock hurries."""
        began = time.monotonic()
        async with self._publishing:
            refreshed = await asyncio.to_thread(self.locks.refresh, datetime.now(UTC))
            acks = await self._publish(self._write_people)
        return self._receipt("policy", began, acks) | {"connections_ended": refreshed.n_cut}

    async def renew_people(self) -> None:
        """New bases of subscribers and policy; once a day, as a policy image knows two turns of a zone's clocks."""
        async with self._publishing:
            await self._publish(self._write_people_bases)

    def explain(self, name: str | None, address: str | None, channel: str) -> Message:
        """What is decided for a name or URL and an address.   Raises ValueError for one that is none, or a channel."""
        if channel not in CHANNELS:
            raise ValueError(f"channel {channel!r}: none; write one of {', '.join(CHANNELS)}")
        now = datetime.now(UTC)
        at_s, tables, attribution = int(now.timestamp()), self._tables, self._attribution
        wire, url = read_asked(name) if name else (None, None)
        if url is None:
            found = explain(tables, wire, address, at_s, channel, attribution)
            decision = tables.decide(wire, address, at_s)
        else:
            found = explain_url(tables, url, address, at_s, channel, attribution)
            decision = decide_on_url(tables, url, address, at_s, channel)
        until = self.locks.end_of_lock(decision.subscriber, now) if decision.subscriber is not None else None
        more = {
            "name": url.decode("ascii") if url else rule_text(wire) if wire else None,
            "category": category_name(decision.category) if decision.category else None,
            "order": decision.order or None,
            "until": until.isoformat() if until else None,
        }
        return {"ok": True} | found | more | self._order_words(decision.order)

    async def status(self) -> Message:
        """Generations, ages, lists, workers, and everything that went wrong and is not mended."""
        images = self.config.state_dir / "images"
        report = self._orders.compiled.report if self._orders else {"lists": []}
        return {
            "ok": True,
            "generations": self._tables.generations,
            "delta_names": self._orders.n_names if self._orders else 0,
            "ages_s": {kind: round(_age_s(images, kind), 1) for kind in self._tables.generations},
            "lists": [
                {"id": each["list"], "rules": each["rules"], "skipped": sum(each["skipped"].values())}
                for each in report["lists"]
            ],
            "shadowed": await asyncio.to_thread(shadowed, self._engine, self._tables.lists),
            "ways_around": await asyncio.to_thread(met, self._engine, self._tables.lists),
            "unjudged": await asyncio.to_thread(self.locks.n_unjudged),
            "faults": self.faults | await self._list_faults(),
            "rpz": self.rpz.status() if self.rpz else {},
            "workers": await ask_status(self.config.run_dir, workers_of(self.config)),
        }

    async def answer(self, request: Message) -> Message:
        """One request of control.sock."""
        match request:
            case {"op": "orders_changed"}:
                return await self.orders_changed()
            case {"op": "policy_changed"}:
                return await self.policy_changed()
            case {"op": "reload"}:
                return await self.reload()
            case {"op": "lists_refresh" | "lists_approve" | "lists_rollback"}:
                return await self.change_lists(request)
            case {"op": "status"}:
                return await self.status()
            case {"op": "explain"}:
                return await asyncio.to_thread(self._explain_request, request)
            case _:
                known = "orders_changed, policy_changed, explain, status, reload, lists_refresh|approve|rollback"
                return {"ok": False, "error": f"op is none of {known}"}

    @property
    def tables(self) -> TableSet:
        """What is in force."""
        return self._tables

    @property
    def generations(self) -> dict[str, tuple[int, int]]:
        """(base, delta) of each kind in force."""
        return self._tables.generations

    # ------------------------------------------------------------------------------------------------------------------

    def _explain_request(self, request: Message) -> Message:
        name, address, channel = request.get("name"), request.get("address"), request.get("channel", "dns")
        if not (isinstance(name, str | None) and isinstance(address, str | None) and isinstance(channel, str)):
            return {"ok": False, "error": "name, address and channel are texts"}
        try:
            return self.explain(name, address, channel)
        except ValueError as reason:
            return {"ok": False, "error": str(reason)}

    async def _refresh_zone(self, entry: ListEntry) -> bool:
        """Put what is new of a zone in force at once, where it is little.   False: pull it."""
        if self._orders is None:
            return False
        began = time.monotonic()
        async with self.lists.zone_lock(entry):
            news = await self.zones.ask(self.config, entry, self._orders)
            if news is None:
                return False
            if news.differences:
                async with self._publishing:  # a new base shortens the journal
                    await asyncio.to_thread(self.zones.keep, self.config, entry, news)
                    await self._publish(self._write_orders)
                took_ms = (time.monotonic() - began) * 1000
                log.info("list %s: serial %d in force, %.0f ms", entry.id, news.differences[-1].serial, took_ms)
            await asyncio.to_thread(self.zones.confirm, self.config, entry, time.time())
        if self._orders.is_overgrown:
            self.has_overgrown.set()
        return True

    async def _compile(self) -> None:
        """Compile the lists and put them in force; the images in force serve meanwhile.   Raises CompileFailed."""
        async with self._compiling:
            await self._compile_now()

    async def _compile_now(self) -> None:
        """The same; the caller has the lock."""
        log.info("compiling %d lists", len(self.config.lists))
        niceness = WHILE_SERVING if self._orders else 0
        compiled = await compile_base(self.config, self._config_file, niceness)
        orders = await asyncio.to_thread(self._beside, compiled)
        async with self._publishing:
            await self._publish(partial(self._write, orders))
            await asyncio.to_thread(self.zones.forget, self.config, orders)
        self.faults.pop("lists", None)
        log.info(
            "names %d in force: %d names, %.1f s",
            compiled.generation,
            compiled.report["names"],
            compiled.report["seconds"],
        )

    async def _publish(self, *writers: Callable[[], None]) -> dict[str, tuple[str | None, float]]:
        """Write images, then tell the workers: worker → (why it refused, ms)."""
        for write in writers:
            await asyncio.to_thread(write)
        known = [*self._tables.images, *(self._orders.base.images if self._orders else ())]
        before = self._tables.images[:2]
        self._tables = await asyncio.to_thread(self._images.open_tables, known)
        self.published.set()
        if self._tables.images[:2] != before:
            self.has_new_names.set()
        began = time.monotonic()
        told = await tell_all(self.config.run_dir, self._images.manifest, workers_of(self.config))
        for worker, refusal in told.items():
            if refusal:
                log.warning("worker %s: %s", worker, refusal)
        return {worker: (refusal, (time.monotonic() - began) * 1000) for worker, refusal in told.items()}

    def _write(self, orders: OrderDelta) -> None:
        with reading(self._engine) as conn:
            orders.catch_up(conn)
        self.zones.catch_up(self.config, orders)
        self._images.publish_orders(orders)
        if orders is not self._orders:
            self._orders, self._attribution = orders, self._images.open_attribution(orders.compiled)

    def _write_orders(self) -> None:
        if self._orders is None:
            raise CompileFailed("orders: no names image yet; stored, not in force; look at the lists' faults")
        self._write(self._orders)

    def _write_people(self) -> None:
        with reading(self._engine) as conn:
            self._images.publish_people(conn, datetime.now(UTC))

    def _write_people_bases(self) -> None:
        with reading(self._engine) as conn:
            self._images.publish_people_bases(conn, datetime.now(UTC))

    def _beside(self, compiled: Compiled) -> OrderDelta:
        """What orders have changed since a base was compiled."""
        base = self._images.open_base(compiled)
        with reading(self._engine) as conn:
            return OrderDelta(base, compiled, conn)

    def _is_of_another_database(self, compiled: Compiled) -> bool:
        """Whether the base holds orders that the database does not know yet: it was put back from a copy."""
        with reading(self._engine) as conn:
            return compiled.orders_revision > orders_revision(conn)

    def _order_words(self, order: int) -> dict[str, Any]:
        """What the page says of an order."""
        if not order:
            return {}
        with reading(self._engine) as conn:
            rows = [row for row in find_orders(conn, str(order)) if row.id == order]
        if not rows:
            return {}
        received = datetime.fromtimestamp(rows[0].received_ms / 1000, UTC)
        return {
            "issuer": rows[0].issuer,
            "order_ref": rows[0].ref,
            "order_date": received.date().isoformat(),
            "ground": rows[0].ground,
        }

    def _receipt(self, kind: Kind, began: float, acks: dict[str, tuple[str | None, float]]) -> Message:
        generation = max(self._tables.generations[kind])
        return {
            "ok": True,
            "generation": generation,
            "acks": [
                {"worker": worker, "generation": generation, "ms": ms, "refused": refusal}
                for worker, (refusal, ms) in acks.items()
            ],
            "ms": (time.monotonic() - began) * 1000,
            "at": datetime.now(UTC).isoformat(),
            "connections_ended": None,
        }

    async def _list_faults(self) -> dict[str, str]:
        return await asyncio.to_thread(self.lists.faults, self.config)

    def _note_fault(self, where: str, reason: Exception) -> None:
        self.faults[where] = str(reason)
        log.warning("%s: %s", where, reason)


async def guarded(control: Control, where: str, work: Callable[[], Awaitable[None]]) -> None:
    """Do what may fail without ending the role: the fault stays in the status until the same work succeeds."""
    try:
        await work()
    except Exception as reason:  # the edge: what is in force stays in force
        fault = f"{type(reason).__name__}: {reason}"
        if control.faults.get(where) != fault:  # told once, however often it is tried
            log.exception("%s", where)
        control.faults[where] = fault
    else:
        control.faults.pop(where, None)


def _age_s(images: Path, kind: str) -> float:
    pair = read_manifest(images).pair(kind)  # type: ignore[arg-type]  # the kinds of a TableSet are those of a manifest
    newest = pair.delta or pair.base
    return time.time() - (images / newest).stat().st_mtime if newest and (images / newest).exists() else 0.0
