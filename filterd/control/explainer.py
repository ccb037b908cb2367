"""Answers of control that change nothing: the explanation of a decision, and the status of the box.

Invariants: an explanation names no entry of a confidential list (filterd.images.explain.explain).
"""

import asyncio
import socket
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from dns.zones.server import ZoneServer
from fastpath.images.verdict import Reason
from fastpath.people.left_open import left_open
from filterd.audit.drain import late_since_s
from filterd.audit.list_counts import attempts, shadowed
from filterd.box.places import IMAGES, SPOOL
from filterd.config.web_settings import held_kinds
from filterd.control.base.context import DATABASE, Context
from filterd.control.cut import Cuts
from filterd.control.lists import Lists
from filterd.control.lock_enforcer import LockKeeper
from filterd.control.publisher import Publisher
from filterd.control.watches.siem import SiemWatch
from filterd.images.explain.explain import CHANNELS, asked_text, decide_on_url, explain, explain_url, read_asked
from filterd.images.lists.self_test import self_tests
from filterd.images.lists.status import age_states, confirmed_s
from filterd.images.words import word
from filterd.process.box_state import role_states
from filterd.process.control_messages import ControlStatus, Explanation, ListRules
from filterd.process.worker_clients import ask_status, workers_of
from mgmt.contract.control import LAW, ClosureReason
from mgmt.orders.approvals import broader_by
from mgmt.orders.base.model import EntryStatus
from mgmt.orders.deadlines.notices import counts
from mgmt.orders.store import find_order_by_id
from mgmt.registers.records.holds.proposals import holds_in_force
from mgmt.registers.records.holds.shapes import line_of
from parental.store.database import reading
from parental.store.errors import DatabaseFault
from rules.base.category import NUMBERS, category_name
from rules.base.manifest import read_manifest

DATABASE_S = 2.0  # of a status: who asks waits for five seconds, and has to get the rest
NOTHING_STORED: Mapping[str, Any] = {
    "shadowed": {},
    "ways_around": {},
    "notices": {},
    "records_late_since_s": None,
    "legal_holds": [],
}


class Explainer:
    """Reads what the other parts have put in force."""

    def __init__(
        self,
        context: Context,
        publisher: Publisher,
        lists: Lists,
        keeper: LockKeeper,
        cuts: Cuts,
        siem: SiemWatch,
    ) -> None:
        self._context, self._publisher, self._lists = context, publisher, lists
        self._keeper, self._cuts, self._siem = keeper, cuts, siem
        self.rpz: ZoneServer | None = None  # while zones are served to other resolvers
        self._splash_probes = 0

    def explain(self, name: str | None, address: str | None, channel: str) -> Explanation:
        """What is decided for a name or URL and an address.   Raises ValueError for an unknown channel, a bad name or
        address.   Blocking."""
        if channel not in CHANNELS:
            raise ValueError(f"channel {channel!r:.40}: unknown; nothing explained; write one of {', '.join(CHANNELS)}")
        now = datetime.now(UTC)
        # Without confidential lists: neither what they decide nor that they do is shown here.
        at_s, tables, attribution = int(now.timestamp()), self._publisher.tables.public(), self._publisher.attribution
        wire, url = read_asked(name) if name else (None, None)
        if url is None:
            found = explain(tables, wire, address, at_s, channel, attribution)
            decision = tables.decide(wire, address, at_s)
        else:
            found = explain_url(tables, url, address, at_s, channel, attribution)
            decision = decide_on_url(tables, url, address, at_s, channel)
        until = self._keeper.end_of_lock(decision.subscriber, now) if decision.subscriber is not None else None
        words = self._order_words(decision.order, wire)
        return Explanation(
            **(found | ({"enforceability": EntryStatus.ENFORCED_BROADER} if "approved_until" in words else {})),
            name=asked_text(wire, url),
            category=category_name(decision.category) if decision.category else None,
            order=decision.order or None,
            until=until.isoformat() if until else None,
            **words,
        )

    def why_closed(self, name: str | None, address: str | None) -> ClosureReason:
        """What the splash shows for a name: an order and a confidential list are one reason.   Raises as explain().

        Cost: the same for both, and the same as for a name that nothing speaks of: no database, no attribution."""
        now = datetime.now(UTC)
        wire = read_asked(name)[0] if name else None
        decision = self._publisher.tables.decide(wire, address, int(now.timestamp()))
        until = self._keeper.end_of_lock(decision.subscriber, now) if decision.subscriber is not None else None
        category = category_name(decision.category) if decision.category else None
        if decision.reason in (Reason.CSAM, Reason.ORDER):
            return ClosureReason(LAW, None, None)
        if decision.reason == Reason.SOFT_LOCK and address and not self._leaves_open(address, int(now.timestamp())):
            return ClosureReason(word(Reason.SCHEDULE), None, until)
        return ClosureReason(word(decision.reason), category, until)

    def _leaves_open(self, address: str, now_s: int) -> bool:
        """Whether a list in force holds anything that soft hours leave open: else nothing is open in them."""
        bits = left_open(self._publisher.tables, address, now_s) or 0
        return any(bits >> NUMBERS[kind] & 1 for kind in self._kinds())

    def _kinds(self) -> set[str]:
        """Categories and services that a list in force holds."""
        listed = self._publisher.live.compiled.report["lists"] if self._publisher.live else []
        filled = {each["list"] for each in listed if each["rules"]}
        return set(held_kinds(entry for entry in self._context.config.lists if entry.id in filled))

    def probed(self, questions: int) -> int:
        """Count questions beyond what one client may ask the splash; all of them so far."""
        self._splash_probes += questions
        return self._splash_probes

    async def status(self) -> ControlStatus:
        """Generations, ages, lists, workers, and every fault that stands."""
        config, publisher = self._context.config, self._publisher
        images = config.state_dir / IMAGES
        listed = publisher.live.compiled.report["lists"] if publisher.live else []
        stored, unread = await self._stored()
        return ControlStatus(
            **stored,
            generations=publisher.generations,
            delta_names=publisher.live.n_names if publisher.live else 0,
            levels=await asyncio.to_thread(publisher.level_states),
            ages_s={kind: round(_age_s(images, kind), 1) for kind in publisher.generations},
            lists=[ListRules(each["list"], each["rules"], sum(each["skipped"].values())) for each in listed],
            unjudged=await asyncio.to_thread(self._keeper.n_unjudged),
            cut=self._keeper.means,
            connections_cut=self._cuts.n_ended,
            splash_probes=self._splash_probes,
            failures=dict(self._context.failures),
            faults=self._context.faults | await self._lists.faults() | unread,
            rpz=self.rpz.status() if self.rpz else {},
            workers=await ask_status(config.run_dir, workers_of(config)),
            roles=await asyncio.to_thread(role_states, config),
            confirmed_s=await asyncio.to_thread(confirmed_s, config),
            list_ages=await asyncio.to_thread(age_states, config, time.time()),
            self_tests=self_tests(config, publisher.tables),
            kinds=sorted(self._kinds()),
            siem=self._siem.streams,
        )

    async def _stored(self) -> tuple[Mapping[str, Any], dict[str, str]]:
        """What the database says for a status, and why it says nothing, where it does not."""
        if DATABASE in self._context.faults:  # control waits for it, and says so
            return NOTHING_STORED, {}
        try:
            async with asyncio.timeout(DATABASE_S):
                return await asyncio.to_thread(self._read_stored), {}
        except TimeoutError:
            return NOTHING_STORED, {DATABASE: f"no answer within {DATABASE_S:g} s; see that it runs"}
        except DatabaseFault as reason:
            return NOTHING_STORED, {DATABASE: str(reason)}

    def _read_stored(self) -> dict[str, Any]:
        engine, lists = self._context.engine, self._publisher.tables.lists
        spool = self._context.config.state_dir / SPOOL
        with reading(engine) as conn:
            notices, holds = counts(conn), list(map(line_of, holds_in_force(conn)))
        return {
            "shadowed": shadowed(engine, lists),
            "ways_around": attempts(engine, lists),
            "notices": notices,
            "records_late_since_s": late_since_s(spool, engine, socket.gethostname(), time.time()),
            "legal_holds": holds,
        }

    def _order_words(self, order: int, host: bytes | None) -> dict[str, Any]:
        """What an order is, and by what approval it closes a host, if it is by one."""
        if not order:
            return {}
        with reading(self._context.engine) as conn:
            found = find_order_by_id(conn, order)
            broader = None if host is None else broader_by(conn, order, host)
        if found is None:
            return {}
        received = datetime.fromtimestamp(found.received_ms / 1000, ZoneInfo(self._context.config.parental.timezone))
        words = {
            "issuer": found.issuer,
            "order_ref": found.ref,
            "order_date": received.date().isoformat(),
        }
        if broader is not None:
            until = datetime.fromtimestamp(broader.expires_s, UTC)
            words |= {"approved_until": until.isoformat(), "collateral": broader.collateral}
        return words | ({"ground": found.ground} if found.ground else {})


def _age_s(images: Path, kind: str) -> float:
    # The kinds of a TableSet are those of a manifest.
    levels = read_manifest(images).levels(kind)  # type: ignore[arg-type]
    newest = levels.newest
    return time.time() - (images / newest).stat().st_mtime if newest and (images / newest).exists() else 0.0
