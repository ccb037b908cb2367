"""The tasks of control: what it does by itself, how often, and what an operator has to expect where it fails.

filterd.control.task_runner runs them.  docs/internals/control-tasks.md is made from this table.
"""

import asyncio
import math
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import Engine

from dns.base.errors import UpstreamFailure
from filterd.config import Config
from filterd.control.base.clock import Clock, until_set
from filterd.control.corridor import LEAST_WAIT_S, MOST_WAIT_S, has_corridor
from filterd.control.escalation import appeal_delivery as delivery
from filterd.control.escalation import watch
from filterd.control.ledger_seal import LedgerSeal
from filterd.control.lock_enforcer import has_work
from filterd.control.notify_listener import NotifyListener
from filterd.control.record_drain import RecordDrain
from filterd.control.records import publisher as statistics
from filterd.control.records.retention import Retention
from filterd.control.retries import OtherGateways, settle
from filterd.control.service import Control
from filterd.control.task_runner import Step, Task, until
from filterd.control.watches import approvals, egress, gateways, publications, readers
from filterd.control.watches.archive import ArchiveWatch
from filterd.control.watches.box import UNKNOWN, BoxWatch
from filterd.kernel.ruleset import Rules
from filterd.process.control_messages import ControlRequest, PolicyUpdate
from filterd.process.database.access import reserve_of
from mgmt.ledger.trusted_clock import read_clocks
from parental.store.errors import DatabaseFull

CLOCK = "looking at the clock"  # its fault, also at the start


@dataclass(slots=True)
class Parts:
    """What the tasks work on.   rules  of the kernel;   engine, records  the database, and as the role that keeps them

    wake    locks may be due earlier;   hangup  SIGHUP has come"""

    config: Config  # of the start
    rules: Rules
    control: Control
    clock: Clock
    engine: Engine
    records: Engine
    box: BoxWatch
    drain: RecordDrain
    hangup: asyncio.Event
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    seal: LedgerSeal = field(init=False)
    retention: Retention = field(init=False)
    archive: ArchiveWatch = field(init=False)
    others: OtherGateways = field(init=False)

    def __post_init__(self) -> None:
        control, engine = self.control, self.engine
        self.seal, self.archive = LedgerSeal(self.config, engine), ArchiveWatch(self.config, engine)
        self.retention = Retention(control.context, self.records, control.publisher.forget_released)
        self.others = OtherGateways(engine, control.publisher)

    @property
    def is_shared(self) -> bool:
        """Whether other gateways may have the same database."""
        return self.engine.dialect.name == "postgresql"

    async def answer(self, request: ControlRequest) -> object:
        """One request of control.sock, or what is missed of another gateway's."""
        reply = await self.control.answer(request)
        if isinstance(request, PolicyUpdate) and self.control.locks.is_due_earlier:
            self.wake.set()
        return reply


# ----------------------------------------------------------------------------------------------------------------------


async def _lock(parts: Parts) -> float | None:
    next_change = await parts.control.locks.refresh()
    return None if next_change is None else (next_change - datetime.now(UTC)).total_seconds()


async def _make_weeks(parts: Parts) -> float:
    try:
        return max(await parts.control.midnight.tend(datetime.now(UTC)), 1.0)
    finally:
        parts.wake.set()  # the next change of a lock may be another


async def _until_clock_set(parts: Parts, longest_s: float) -> None:
    if await until_set(longest_s):
        parts.wake.set()


async def _open_corridor(parts: Parts) -> float:
    control = parts.control
    try:
        return await control.locks.open_corridor(control.config)
    except (UpstreamFailure, RuntimeError) as reason:
        effect = "its sites may be shut to locked lines; if it refuses us, add us to /dns/clients"
        raise OSError(f"{reason}; {effect}") from reason


async def _publish_orders(parts: Parts) -> None:
    context = parts.control.context
    await settle(context, parts.control.publisher, datetime.fromtimestamp(context.now_s(), UTC))


async def _compile_lists(parts: Parts) -> None:
    await parts.control.lists.compile_if_changed()


async def _reload(parts: Parts) -> None:
    await parts.control.reload()


async def _listen(parts: Parts) -> None:
    await NotifyListener(parts.control.context, parts.control.lists).run()


async def _follow_others(parts: Parts) -> None:
    for request in await asyncio.to_thread(parts.others.missed):
        await parts.answer(request)


async def _hold_reserve(parts: Parts) -> None:
    reserve = reserve_of(parts.config)
    if reserve is not None and not await asyncio.to_thread(reserve.hold):
        where = reserve.path.parent
        raise DatabaseFull(f"{where}: little is left on its disk, and nothing in reserve; make room there")


async def _give_alarms(parts: Parts) -> None:
    context = parts.control.context
    numbers = await asyncio.to_thread(watch.look, context.engine, parts.records, context.config, read_clocks())
    if numbers:
        await watch.deliver(context.engine, context.config_file, numbers)


async def _publish_statistics(parts: Parts) -> None:
    lists = parts.control.publisher.tables.lists
    await asyncio.to_thread(statistics.publish, parts.control.context, parts.records, lists)


# ----------------------------------------------------------------------------------------------------------------------

# Laid out by hand: a row is a task, and the formatter would make 350 lines of it.
# fmt: off
TASKS: tuple[Task[Parts], ...] = (
    Task("clock", "looks whether the wall clock was set back", 60.0, (
        Step(CLOCK, "nothing is decided by time after a start; a clock that is set back opens what hours close",
             lambda parts: parts.control.look_at_clock(parts.clock)),
    ), wait=_until_clock_set),
    Task("locks", "locks and unlocks lines at the second that their hours say", 30.0, (
        Step("locks", "the kernel keeps the locks that it has: pauses and hours come late", _lock),
        Step("locks of sessions", "lines whose addresses come by RADIUS keep the locks that they have",
             lambda parts: parts.control.locks.check_sessions()),
    ), wait=until(lambda parts: parts.wake)),
    Task("records", "moves block records and counts from the spools into the database", 0.5, (
        Step("audit records", "blocks wait in the spool, which holds ten million",
             lambda parts: parts.drain.drain()),
    ), begin=(
        Step("spool", "what an earlier process has left in the spool stays there",
             lambda parts: parts.drain.begin()),
    )),
    Task("images", "compiles what is damaged, outgrown or not in force yet", 60.0, (
        Step("merge", "the delta grows, and publications take longer",
             lambda parts: parts.control.publisher.merge()),
        Step("images", "a worker that starts now finds a damaged image",
             lambda parts: parts.control.publisher.mend()),
        Step("orders", "orders that are due, or that a worker lacks, are not in force", _publish_orders),
    ), first_s=60.0, wait=until(lambda parts: parts.control.publisher.has_overgrown), begin=(
        Step("lists", "lists that changed while no control ran are not in force", _compile_lists),
        Step("list readers", "a hostile list may do more on this box than it should",
             lambda parts: asyncio.to_thread(readers.look, parts.control.config)),
        Step("sealed list readers", "the same of sealed lists",
             lambda parts: asyncio.to_thread(readers.look_at_sealed, parts.control.config),
             is_due=lambda parts: readers.has_sealed(parts.control.config)),
    )),
    Task("reload", "takes the configuration in at SIGHUP", math.inf, (
        Step("reload", "the configuration from before stays in force", _reload),
    ), first_s=math.inf, wait=until(lambda parts: parts.hangup)),
    Task("lists", "takes in lists that were dropped as files, sealed orders, and rollbacks of the desk", 20.0, (
        Step("sealed orders", "orders that came encrypted are not in force",
             lambda parts: parts.control.sealed_orders.look()),
        Step("list rollbacks", "lists that two persons take back stay in force",
             lambda parts: parts.control.list_rollbacks.look()),
        Step("lists", "the last good lists stay in force",
             lambda parts: parts.control.lists.tend()),
    ), first_s=20.0, wait=until(lambda parts: parts.control.sealed_orders.has_work)),
    Task("pulls", "pulls the lists that are due; a slow server does not keep dropped files waiting", 20.0, (
        Step("pulling lists", "the last good lists stay in force", lambda parts: parts.control.lists.pull_due()),
    )),
    Task("workers", "gives workers that ran before control the configuration, once", math.inf, (), begin=(
        Step("configuration of workers", "workers go on with the configuration that they have",
             lambda parts: parts.control.reloader.tell_workers()),
    )),
    Task("ledger", "signs the ledger and answers the issuers of orders", 1.0, (
        Step("ledger", "events are kept and not signed; issuers get no new answers",
             lambda parts: asyncio.to_thread(parts.seal.look)),
    ), mend_s=60.0),
    Task("approvals", "looks whether root has vouched for the passkeys that have signed approvals", 10.0, (
        Step("vouched passkeys", "what two persons have signed at the desk is not in force",
             lambda parts: approvals.look(parts.control.context)),
    ), is_wanted=lambda parts: parts.control.config.api.desk_origin is not None),
    Task("retention", "begins and ends legal holds, and destroys old records each hour", 20.0, (
        Step("legal holds", "a hold does not name what was signed; see docs/audit/audit.md",
             lambda parts: asyncio.to_thread(parts.retention.look)),
        Step("retention", "old records stay", lambda parts: asyncio.to_thread(parts.retention.forget),
             is_due=lambda parts: parts.retention.is_due()),
    )),
    Task("policy", "writes the images of subscribers and policy again where they are large or old", 60.0, (
        Step("policy", "the images stay in force, and changes take longer",
             lambda parts: parts.control.publisher.tend_people(datetime.now(UTC))),
    ), wait=until(lambda parts: parts.control.publisher.has_grown_people)),
    Task("weeks", "makes the weeks of families again at each midnight", 60.0, (
        Step("weeks", "the last weeks stay, which are exact for seven days", _make_weeks),
    )),
    Task("pages", "puts on the pages what the desk says of them", 60.0, (
        Step("pages", "pages show what was said before", lambda parts: parts.control.pages.tend()),
    )),
    Task("disk", "has on the disk what taps have put in force, together where they come fast", math.inf, (
        Step("images on the disk", "a power cut loses the last taps until control has started",
             lambda parts: parts.control.publisher.settle()),
    ), first_s=math.inf, wait=until(lambda parts: parts.control.publisher.has_unsettled, least_s=0.5)),
    # A minute is the shortest deadline that a setting can give.
    Task("alarms", "gives the alarms of orders and has them delivered", 10.0, (
        Step("deadlines", "no alarm is given, and nothing expires", _give_alarms),
        Step("alarms", "messages wait for a receiver that does not take them",
             lambda parts: asyncio.to_thread(watch.refuse_undelivered, parts.control.context.engine)),
    )),
    Task("siem", "looks whether the role siem is behind or silent", 10.0, (
        Step("siem", "records wait for the collector", lambda parts: parts.control.siem.look()),
    )),
    # What a gateway needs to filter comes first.
    Task("statistics", "publishes the statistics of a quarter that is over", 3600.0, (
        Step("statistics", "the quarter is not published", _publish_statistics),
    ), first_s=60.0),
    Task("egress", "notes the addresses from which this gateway asks DNS", 600.0, (
        Step("dns sources", "the register stays as it was",
             lambda parts: asyncio.to_thread(egress.look, parts.control.context)),
    )),
    Task("publications", "publishes good versions of public lists", 60.0, (
        Step("public lists", "the last public version stays",
             lambda parts: publications.look(parts.control.context)),
    )),
    Task("appeals", "has sealed appeals mailed", 10.0, (
        Step("appeals", "appeals wait for the mail server", lambda parts: delivery.look(parts.control.context)),
    )),
    # An address of ours may come later than we do.
    Task("notifications", "listens for NOTIFY of zones", 10.0, (
        Step("notify", "zones are pulled at their refresh times alone", _listen),
    ), is_wanted=lambda parts: bool(parts.control.config.transfers.notify),
        changed=lambda parts: parts.control.reloader.notify_changed),
    Task("rpz", "serves zones to other resolvers", 10.0, (
        Step("rpz", "other resolvers get no zones, and keep theirs until they expire",
             lambda parts: parts.control.zones.serve()),
    ), is_wanted=lambda parts: bool(parts.control.config.rpz.zones),
        changed=lambda parts: parts.control.reloader.rpz_changed),
    Task("corridor", "keeps the addresses of the help corridor open to locked lines", MOST_WAIT_S, (
        Step("help corridor", "sites of the corridor may be shut to locked lines", _open_corridor),
    ), mend_s=LEAST_WAIT_S, is_wanted=lambda parts: has_work(parts.rules) and has_corridor(parts.control.config),
        changed=lambda parts: parts.control.reloader.corridor_changed),
    Task("reserve", "holds the reserve of the database's disk", 60.0, (
        Step("disk", "the disk is nearly full, and nothing is in reserve", _hold_reserve),
    ), is_wanted=lambda parts: reserve_of(parts.config) is not None),
    Task("archive", "asks the role archive how it is, signs its tree, looks for rows in no file", 10.0, (
        Step("archive", "block records wait", lambda parts: parts.archive.look()),
        Step("proof of block records", "what is not signed is in no bundle", lambda parts: parts.archive.seal(),
             is_due=lambda parts: parts.archive.is_seal_due()),
        Step("rows of block records", "pulls and statistics of block records wait",
             lambda parts: asyncio.to_thread(parts.drain.refuse_rows)),
    ), begin=(
        Step("archive", "block records wait", lambda parts: parts.archive.wait_for_start()),
    )),
    Task("suspects", "sets the kernel's suspect addresses after each change of the names", math.inf, (
        Step("suspects", "addresses that became suspect pass the gate", lambda parts: parts.control.locks.suspect()),
    ), first_s=math.inf, wait=until(lambda parts: parts.control.publisher.has_new_names),
        is_wanted=lambda parts: bool(parts.rules.n_queues)),
    Task("box", "puts settings of this box right that the gate needs", 10.0, (
        Step(UNKNOWN, "the settings are not known; each that is wrong has a fault of its own",
             lambda parts: parts.box.look()),
    ), is_wanted=lambda parts: bool(parts.rules.n_queues)),
    Task("others", "puts in force what another gateway has changed in the database that they share", 0.25, (
        Step("other gateways", "changes of other gateways come a minute late", _follow_others,
             is_due=lambda parts: parts.control.publisher.live is not None),
    ), first_s=0.25, mend_s=60.0, is_wanted=lambda parts: parts.is_shared),
    # A trial lasts for minutes.
    Task("gateways", "compares how the gateways with this database are set to try orders", 60.0, (
        Step("settings of other gateways", "whether they differ is not known",
             lambda parts: gateways.look(parts.control.context)),
    ), is_wanted=lambda parts: parts.is_shared),
)
# fmt: on
