"""The publisher: images are written, named in the manifest, taken by the workers and acknowledged in a receipt.

    good copies ─compile┐  (with the orders of that moment)
    orders ─────delta───┼─→ images → manifest → workers ─ack→ receipt
    subscribers ─young──┘  (on a base and a delta that jobs write in the background)

Invariants: one publication and one compilation at a time; the manifest is written before the workers are asked to use
it, so a worker that starts meanwhile is right, too; an order is on the disk before, and a tap right after; a failure
leaves what was in force; an order is called enforced, and gets its receipt, here alone, and once no worker refuses what
holds it.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial

from fastpath.images.image import Image
from fastpath.images.layout import Limit
from fastpath.images.tables import TableSet
from fastpath.images.verdict import Action
from fastpath.people.session_levels import with_sessions
from filterd.config.web_settings import settings_of
from filterd.control.base.context import Context
from filterd.control.cut import Cuts
from filterd.images.attribution import Attribution
from filterd.images.brought_names import take_brought
from filterd.images.compile import CompileFailure, NamesBase, compile_base, compile_people, inputs_of
from filterd.images.level_states import level_states
from filterd.images.lists.rails import order_rails_of
from filterd.images.lists.sealed_orders import sealed_orders_in
from filterd.images.live_delta import LiveDelta
from filterd.images.people import Level, write_levels
from filterd.images.store import ImageStore
from filterd.images.zone_updates import catch_up_zones, shorten_journals
from filterd.process.control_messages import LevelState
from filterd.process.worker_clients import tell_all, workers_of
from mgmt.contract.control import Ack, Cut, Receipt, receipt_json
from mgmt.orders.base.letters import counts_here, keep_letters
from mgmt.orders.base.live import orders_revision
from mgmt.orders.decisions import PublishedOrders, confirm, taken
from mgmt.orders.phases.shadow_store import counted_lists
from mgmt.orders.sealed_orders import served
from parental.policy.profiles import count_profiles
from parental.store.database import reading, writing
from parental.store.errors import DatabaseFault
from parental.store.revision import mark_revision
from rules.base.manifest import Kind

RENEW = timedelta(days=1)  # of the base of subscribers and policy, which knows two turns of a zone's clocks
FEW_LINES = 5_000  # their images are written in less time than a job takes to begin
WHILE_SERVING = 10  # niceness: a list of a million names takes one core for some seconds, which the workers may need
LONG_NAMES = "names of households"  # the fault of it
MOST_TOLD = 20  # profiles of a fault

Writer = Callable[[], None]

log = logging.getLogger("filterd.control.service")


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of a publication.   acks  (worker, why it refused, ms);   at  when the last of them came"""

    acks: list[tuple[str, str | None, float]]
    at: datetime
    cut: Cut | None = None

    @property
    def has_refused(self) -> bool:
        return any(refusal for _, refusal, _ in self.acks)


class Publisher:
    """Owns the images of this box and the two locks: of publication and of compilation."""

    def __init__(self, context: Context, cuts: Cuts) -> None:
        self.tables = TableSet()  # in force
        self.live: LiveDelta | None = None  # what has changed since the base in force was compiled
        self.shadows: dict[str, int] = {}  # list id → the shadow whose order the newest names count
        self.attribution: Attribution | None = None  # of the same base
        self.has_overgrown = asyncio.Event()  # the delta: merge() has work
        self.published = asyncio.Event()  # tables are others than when it was cleared
        self.has_new_names = asyncio.Event()  # the kernel's suspect addresses must be set again
        self.has_grown_people = asyncio.Event()  # their young level: tend_people() has work
        self.has_unsettled = asyncio.Event()  # what a tap has put in force is not on the disk yet: settle() has work
        self._context, self._cuts = context, cuts
        self._images = ImageStore(context.config.state_dir)
        self._letters_generation = 0  # of the base whose letters are in the database
        self._unconfirmed: PublishedOrders | None = (
            None  # the orders in the newest names, until every worker serves them
        )
        self._publishing, self._compiling, self._renewing = asyncio.Lock(), asyncio.Lock(), asyncio.Lock()

    @property
    def generations(self) -> dict[str, tuple[int, int]]:
        """(base, delta) of each kind in force."""
        return self.tables.generations

    def take_sessions(self, levels: Sequence[Image | None]) -> None:
        """Explain with these levels of sessions, too: the workers have them by themselves."""
        self.tables = with_sessions(self.tables, levels)

    def use_last(self) -> bool:
        """Explain by the images of an earlier control, as the workers decide; whether there are any.   Blocking.

        Raises BadImage, OSError."""
        if not self._images.manifest.exists():
            return False
        self.tables = self._images.open_tables(())
        return True

    def usable_base(self) -> NamesBase | None:
        """The newest base on the disk; None where none exists, or it holds orders that the database does not know:
        that was put back from a copy."""
        compiled = self._images.compiled()
        if compiled is None:
            return None
        with reading(self._context.engine) as conn:
            return None if compiled.orders_revision > orders_revision(conn) else compiled

    async def start(self, compiled: NamesBase) -> None:
        """Put everything in force as it is now.   compiled  the base to begin with"""
        await self._find_people()
        async with self._publishing:
            await self._publish(partial(self._write, self._beside(compiled)), self._take_people)

    async def compile(self) -> Cut | None:
        """Compile the lists and put them in force; the images in force serve meanwhile.   Raises CompileFailure.

        Returns what became of connections that new names close; None where there were none."""
        async with self._compiling:
            return await self._compile_now()

    async def compile_if_changed(self) -> Cut | None:
        """The same where the good copies are not what the base was made of.   Raises CompileFailure."""
        async with self._compiling:  # what is being compiled now may be it
            inputs = await asyncio.to_thread(inputs_of, self._context.config)
            if self.live is None or inputs != self.live.compiled.inputs:
                return await self._compile_now()
        return None

    async def mend(self) -> None:
        """Compile again where a base on the disk is damaged: a worker that starts must find a good one.

        Raises CompileFailure.
        Cost: one read of the images."""
        if await asyncio.to_thread(self._images.compiled) is None:
            await self.compile()
        if not await asyncio.to_thread(self._images.people.is_whole):
            await self._renew_people("base")

    async def merge(self) -> None:
        """Compile again where the delta has grown large: the new base includes it.

        Raises CompileFailure; base and delta then stay as they are, and nothing is lost."""
        self.has_overgrown.clear()
        if self.live is not None and self.live.is_overgrown:
            await self.compile()

    async def names_changed(self, *first: Writer) -> Receipt:
        """Do `first`, then put orders and zones in force as database and journals have them now.

        No base takes its place in between.   Raises CompileFailure where none exists yet."""
        began = time.monotonic()
        async with self._publishing:
            done = await self._publish(*first, self._write_names)
        if self.live and self.live.is_overgrown:
            self.has_overgrown.set()
        return self._receipt("names", began, done)

    async def people_changed(self, *first: Writer) -> Receipt:
        """Do `first`, then put subscribers and profiles in force as the database has them now.

        `first` waits for no other publication: one of names may have a slow disk before it."""
        began = time.monotonic()
        for write in first:
            await asyncio.to_thread(write)
        async with self._publishing:
            done = await self._publish(self._write_people, hurries=True)
            tables, revision = self.tables, self._images.people.revision
        self.has_unsettled.set()
        if self._images.people.overgrown:
            self.has_grown_people.set()
        cut = None if done.has_refused else await asyncio.to_thread(self._cuts.of_people, tables, revision)
        return replace(self._receipt("policy", began, done), cut=cut)

    async def doubt_clock(self, behind_s: int) -> None:
        """Have schedules read at the time before the clock was set back, too.   behind_s  0: no more"""
        async with self._publishing:
            await self._publish(partial(self._images.doubt_clock, behind_s))

    @property
    def has_unwritten_letters(self) -> bool:
        """Whether the database does not know yet what the base in force holds of each letter that lists name."""
        return self.live is not None and self.live.compiled.generation != self._letters_generation

    @property
    def orders_revision(self) -> int:
        """Up to which change the orders are in the images."""
        return 0 if self.live is None else self.live.orders_revision

    @property
    def people_revision(self) -> int:
        """Up to which change subscribers and profiles are in the images."""
        return self._images.people.revision

    async def tend_people(self, at: datetime) -> None:
        """Write again, in the background, the level of subscribers and policy that is large or old.

        Raises CompileFailure; the levels in force then go on."""
        self.has_grown_people.clear()
        people = self._images.people
        is_old = people.base_at is None or not timedelta(0) <= at - people.base_at < RENEW
        level: Level | None = "base" if is_old else people.overgrown
        if level is not None:
            await self._renew_people(level)

    def level_states(self) -> list[LevelState]:
        """What the levels in force are.   Blocking"""
        rows = {("people", level): n for level, n in self._images.people.rows.items()}
        rows["names", "delta"] = 0 if self.live is None else self.live.n_names
        return level_states(self._images.directory, rows)

    async def settle(self) -> None:
        """Have what is in force survive a power cut; the workers have it.   Raises OSError: there is work still"""
        self.has_unsettled.clear()
        try:
            await asyncio.to_thread(self._images.settle)
        except OSError:
            self.has_unsettled.set()
            raise

    def forget_released(self, now_s: int, before_s: int) -> None:
        """Drop addresses released before a time (unix seconds), as far as no image needs them."""
        with writing(self._context.engine) as conn:
            self._images.people.forget_released(conn, mark_revision(conn, now_s, before_s))

    # ------------------------------------------------------------------------------------------------------------------

    async def _find_people(self) -> None:
        """Have a base of subscribers and policy; what an earlier process wrote, where that can be."""
        if not await asyncio.to_thread(self._stand_on_people):
            await self._write_people_levels("base")

    def _stand_on_people(self) -> bool:
        with reading(self._context.engine) as conn:
            return self._images.people.find_levels(conn, datetime.now(UTC))

    async def _renew_people(self, level: Level) -> None:
        async with self._renewing:
            await self._write_people_levels(level)
            async with self._publishing:
                await self._publish(self._take_people)

    async def _write_people_levels(self, level: Level) -> None:
        """Not in force yet; by a job where there are many."""
        context = self._context
        if await asyncio.to_thread(self._n_lines) > FEW_LINES:
            await compile_people(context.config_file, level, WHILE_SERVING if self.live else 0)
        else:
            await asyncio.to_thread(write_levels, self._images.directory, level, context.engine, datetime.now(UTC))

    def _n_lines(self) -> int:
        with reading(self._context.engine) as conn:
            return count_profiles(conn)

    async def _compile_now(self) -> Cut | None:
        """The caller has the lock."""
        context = self._context
        log.info("compiling %d lists", len(context.config.lists))
        niceness = WHILE_SERVING if self.live else 0
        compiled = await compile_base(context.config, context.config_file, niceness)
        live = await asyncio.to_thread(self._beside, compiled)
        # At the start people's images may be of a layout that this build does not read, and the manifest is read whole.
        people = () if self.live else (self._take_people,)
        if people:
            await self._find_people()
        async with self._publishing:
            done = await self._publish(partial(self._write, live), *people)
            await asyncio.to_thread(shorten_journals, context.config, live)
        context.faults.pop("lists", None)
        n_names, seconds = compiled.report["names"], compiled.report["seconds"]
        log.info("names %d in force: %d names, %.1f s", compiled.generation, n_names, seconds)
        if done.cut is not None and done.cut.ended:
            log.info("lists have brought names: %d connections ended, %d go on", done.cut.ended, done.cut.still_open)
        return done.cut

    async def _publish(self, *writers: Writer, hurries: bool = False) -> _Outcome:
        """Write images, then have the workers use them.   The caller has the lock.

        hurries   the workers first, the disk later: settle()"""
        asked = time.monotonic()
        for write in (*writers, *(() if hurries else (self._images.settle,))):
            await asyncio.to_thread(write)
        known = [*self.tables.images, *(self.live.base.images if self.live else ())]
        before = self.tables.images[:2]
        tables = await asyncio.to_thread(self._images.open_tables, known)
        self.tables = with_sessions(tables, self.tables.sessions)
        self.published.set()
        if self.tables.images[:2] != before:
            self.has_new_names.set()
        began = time.monotonic()
        config = self._context.config
        replies = await tell_all(config.run_dir, workers_of(config))
        for worker, refusal in replies.items():
            if refusal:
                log.warning("worker %s: %s", worker, refusal)
        acks = [(worker, refusal, (time.monotonic() - began) * 1000) for worker, refusal in replies.items()]
        if any(replies.values()):
            return _Outcome(acks, datetime.now(UTC))
        done = _Outcome(acks, datetime.now(UTC), await self._cut_names())
        if self.has_unwritten_letters:
            await self._write_letters()
        if self._unconfirmed is not None:
            await self._confirm(self._unconfirmed, self._receipt("names", asked, done))
        return done

    async def cut(self) -> None:
        """End what names close that have changed while the kernel's rules were not known here."""
        async with self._publishing:
            await self._cut_names()

    async def _cut_names(self) -> Cut | None:
        """End the connections that changed names close, now that no worker lets them in again."""
        if self.live is None or not self.live.touched or not self._cuts.can_find_names:
            return None
        touched, self.live.touched = self.live.touched, set()
        return await asyncio.to_thread(self._cuts.of_names, touched, self.tables)

    async def _confirm(self, held: PublishedOrders, receipt: Receipt) -> None:
        """Say which orders are in force, now that every worker serves them; a fault is tried again."""
        assert self.live is not None
        said = receipt_json(receipt, self._context.config.parental.timezone)
        box, rails = settings_of(self._context.config), order_rails_of(self._context.config)
        sealed = {
            order: counts_here(counts, has_gate=box.has_gate, stops_names=box.stops_names)
            for order, counts in sealed_orders_in(self.live.compiled.report).items()
        }

        def write() -> None:
            with writing(self._context.engine) as conn:
                confirm(conn, held, said, receipt.at, rails.canary, self._context.now_s())
                served(conn, sealed, rails.proof, said, receipt.at)

        try:
            await asyncio.to_thread(write)
        except DatabaseFault as reason:
            self._context.note_fault("orders in force", reason)
            return
        self._unconfirmed = None
        self._context.faults.pop("orders in force", None)

    async def _write_letters(self) -> None:
        """Write down what the base holds of each letter, now that every worker serves it; a fault is tried again."""
        assert self.live is not None
        compiled = self.live.compiled
        try:
            await asyncio.to_thread(self._keep_letters, compiled)
        except DatabaseFault as reason:
            self._context.note_fault("letters", reason)
            return
        self._letters_generation = compiled.generation
        self._context.faults.pop("letters", None)

    def _keep_letters(self, compiled: NamesBase) -> None:
        enforcing = {spec.id for spec in compiled.lists if spec.action != Action.SHADOW}
        lists = {
            each["list"]: each.get("letters", {}) for each in compiled.report["lists"] if each["list"] in enforcing
        }
        box = settings_of(self._context.config)
        with writing(self._context.engine) as conn:
            keep_letters(
                conn,
                lists,
                compiled.generation,
                datetime.now(UTC),
                has_gate=box.has_gate,
                stops_names=box.stops_names,
            )

    def _receipt(self, kind: Kind, began: float, done: _Outcome) -> Receipt:
        generation = max(self.tables.generations[kind])
        return Receipt(
            generation,
            tuple(Ack(worker, generation, ms, refusal) for worker, refusal, ms in done.acks),
            (time.monotonic() - began) * 1000 - (datetime.now(UTC) - done.at).total_seconds() * 1000,
            done.at,
            None,
            done.cut,
        )

    def _beside(self, compiled: NamesBase) -> LiveDelta:
        """What orders have changed since a base was compiled."""
        base, rails = self._images.open_base(compiled), order_rails_of(self._context.config)
        rails.settle_all(self._context.engine, self._context.now_s())
        with reading(self._context.engine) as conn:
            live = LiveDelta(base, compiled, conn, rails)
        brought = take_brought(self._context.config)
        live.touched.update(brought.wires, self.live.touched if self.live else ())
        if brought.beyond:
            lists = ", ".join(brought.beyond)
            log.warning("%s: too much is new: what runs goes on, new connections are judged", lists)
        return live

    def _write(self, live: LiveDelta) -> None:
        live.rails = order_rails_of(self._context.config)
        with writing(self._context.engine) as conn:  # no order comes in between, undecided
            live.rails.settle(conn, live.orders_revision, self._context.now_s())
            live.catch_up(conn)
            held, shadows = taken(conn), counted_lists(conn)
        catch_up_zones(self._context.config, live)
        self._images.publish_names(live)
        self._unconfirmed, self.shadows = held, shadows
        if live is not self.live:
            self.live, self.attribution = live, self._images.open_attribution(live.compiled)

    def _write_names(self) -> None:
        if self.live is None:
            raise CompileFailure("orders: no names image yet; stored, not in force; look at the lists' faults")
        self._write(self.live)

    def _write_people(self) -> None:
        with reading(self._context.engine) as conn:
            self._images.people.publish(conn, datetime.now(UTC))
        self._note_shortened()

    def _take_people(self) -> None:
        with reading(self._context.engine) as conn:
            self._images.people.take_levels(conn, datetime.now(UTC))
        self._note_shortened()

    def _note_shortened(self) -> None:
        """Say of which profiles a name is left out, as long as there are any."""
        found = self._images.people.shortened
        if not found:
            self._context.faults.pop(LONG_NAMES, None)
            return
        profiles = ", ".join(map(str, found[:MOST_TOLD])) + (", …" if len(found) > MOST_TOLD else "")
        told = ValueError(
            f"profiles {profiles}: a name of their own has more than {Limit.HOUSEHOLD_LABELS:d} parts; "
            "left out, and the rest is in force; take it out of their rules"
        )
        if self._context.faults.get(LONG_NAMES) != str(told):
            self._context.note_fault(LONG_NAMES, told)
