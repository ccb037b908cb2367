"""The control role: filterd.control.service with its socket, its clock and its drain."""

import asyncio
import contextlib
import logging
import signal
import socket
import time
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Engine

from dns.base.errors import UpstreamFailure
from dns.base.thread_priority import give_way
from filterd.audit.block_batches import BATCHES
from filterd.audit.block_drain import BlockDrain
from filterd.audit.drain import Ledger, drain_confidential, drain_spools, wipe_drained
from filterd.audit.list_counts import drain_counted
from filterd.audit.seal import Seal
from filterd.box.keys import pseudonym_key
from filterd.box.places import (
    BLOCKS,
    CONTROL,
    SPOOL,
    control_socket,
    counters_files,
    keep_out_of_backups,
    keys_folder,
    reader_socket,
    splash_socket,
)
from filterd.config import Config
from filterd.control.base.clock import Clock, until_set
from filterd.control.base.context import guarded
from filterd.control.corridor import LEAST_WAIT_S, has_corridor
from filterd.control.database_wait import DatabaseWait, serve_splash
from filterd.control.escalation import watch
from filterd.control.escalation.appeal_delivery import watch_appeals
from filterd.control.notify_listener import watch_zones
from filterd.control.records.publisher import publish_quarters
from filterd.control.records.retention import retain
from filterd.control.retries import OtherGateways, settle
from filterd.control.service import Control
from filterd.control.watches.archive import watch_archive
from filterd.control.watches.box import BoxWatch
from filterd.control.watches.egress import watch_egress
from filterd.control.watches.gateways import watch_gateways
from filterd.control.watches.publications import watch_publications
from filterd.images.lists.rails import tries_as
from filterd.images.lists.reader_client import measures_missing
from filterd.images.lists.sealed_client import sealed_reader_of
from filterd.kernel.firewall import Kernel
from filterd.kernel.lock_enforcer import LockKeeper, has_work
from filterd.kernel.mark_clashes import refuse_clash_of
from filterd.kernel.ruleset import rules_of_config
from filterd.process.control_messages import CONTROL_REQUESTS, ControlRequest, PolicyUpdate
from filterd.process.database.access import engine_for_control, reserve_of
from filterd.process.json_socket import serve
from filterd.process.lifecycle import stop_requested
from filterd.radius.provinces import provinces_by_sessions
from mgmt.ledger.checkpoint import Signer
from mgmt.ledger.trusted_clock import begin, read_clocks
from mgmt.orders.confirmation.replies import Mark, changed, confirm, due, mark_of, restate
from parental.people.provinces import Provinces
from parental.store.database import reading, writing
from parental.store.errors import DatabaseFull
from parental.store.reserve import Reserve
from parental.store.schema.privileges import LEDGER

DRAIN_S = 0.5
# A sixtieth of a busy core: the spool holds ten million events, and nothing else here can wait for so long.
DRAIN_NICENESS = 19
LONGEST_SLEEP_S = 30.0  # between two looks at the locks
CLOCK_S = 60.0  # between two looks at the clock that is not set
MEND_S = 60.0
RPZ_RETRY_S = 10.0  # an address of ours may come later than we do
SETTLE_S = 0.5  # between two writes of the images to the disk; after a power cut, a start reads the database anyway
SEAL_S = 1.0  # from an order's state to its checkpoint, at most
CONFIRMED_AT_ONCE = 20  # orders of one look
FOLLOW_S = 0.25  # between two looks at what other gateways have changed
OTHERS = "other gateways"  # the fault of it
CLOCK = "looking at the clock"  # the fault of it
LISTS_S = 20.0  # between two looks at the lists' sources: a dropped file is in force within the minute

log = logging.getLogger("filterd.control.service")


async def live(config: Config, config_file: Path, index: int) -> int:
    """Publish, lock and drain until SIGTERM."""
    del index
    stopping, wake, hangup = stop_requested(), asyncio.Event(), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, hangup.set)  # also while it waits for its database
    rules = rules_of_config(config)
    await asyncio.to_thread(refuse_clash_of, config)
    kernel = Kernel() if has_work(rules) else None
    begin = partial(kernel.begin, rules) if kernel is not None else lambda: False
    await asyncio.to_thread(begin)  # first of all: nothing passes unread, no matter what else is missing
    engine, records = engine_for_control(config), engine_for_control(config, LEDGER)
    keeper = LockKeeper(engine, kernel)
    keeper.stand_on(rules)
    clock = Clock(records)
    control = Control(config, config_file, engine, keeper, clock)
    waiting = DatabaseWait(control, begin)
    if not await waiting.is_over(stopping):
        return 0
    await guarded(control.faults, CLOCK, lambda: asyncio.to_thread(clock.look))  # orders are decided on by it
    await control.start()
    await asyncio.to_thread(keeper.install, rules, datetime.now(UTC))
    if not has_work(rules):
        await _remove_left(control)
    await control.publisher.cut()
    box = BoxWatch(control.context)
    await box.look()

    async def answer(request: ControlRequest) -> object:
        reply = await control.answer(request)
        if isinstance(request, PolicyUpdate) and control.locks.is_due_earlier:
            wake.set()
        return reply

    place = control_socket(config.run_dir)
    server = await serve(place, CONTROL, CONTROL_REQUESTS, answer)
    splash_server = await serve_splash(control, control.answer_splash)
    waiting.close()
    await asyncio.to_thread(_note_time_and_start, control, records)
    key, node = pseudonym_key(config.state_dir), socket.gethostname()
    provinces = Provinces(records, provinces_by_sessions(config))
    ledger = Ledger(records, key, node, reserve_of(config), tries_as(config), provinces, config.verifier.line)
    work = [_watch_clock(control, wake), _drain(control, ledger), _compile(control), _reload(control, hangup)]
    work += [_tend_lists(control), _pull_lists(control), control.reloader.tell_workers(), _seal(control, engine)]
    work += [
        retain(control.context, records, control.publisher.forget_released),
        _tend_people(control),
        _tend_weeks(control, wake),
        _tend_pages(control),
    ]
    work += [_watch_steps(control, clock, wake), _settle(control), _watch_deadlines(control, records)]
    work.append(control.siem.watch())
    work.append(publish_quarters(control.context, records, lambda: control.publisher.tables.lists))
    work += [watch_egress(control.context), watch_publications(control.context), watch_appeals(control.context)]
    reloader = control.reloader
    work.append(_anew(reloader.notify_changed, lambda: watch_zones(control.context, control.lists)))
    work.append(_anew(reloader.rpz_changed, lambda: _publish_zones(control)))
    if has_work(rules):
        work.append(_anew(reloader.corridor_changed, lambda: _open_corridor(control)))
    if (reserve := reserve_of(config)) is not None:
        work.append(_hold_reserve(control, reserve))
    if config.records.are_files:
        work.append(watch_archive(config, engine, control.faults))
    if rules.n_queues:
        work += [_suspect(control), box.watch()]
    if engine.dialect.name == "postgresql":
        work += [_follow(control, engine, answer), watch_gateways(control.context)]
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(each) for each in (*work, waiting.live())]
            await stopping.wait()
            for task in tasks:
                task.cancel()
    finally:
        server.close()
        place.unlink(missing_ok=True)
        if splash_server is not None:
            splash_server.close()
            splash_socket(config.run_dir).unlink(missing_ok=True)
        keeper.close()
        engine.dispose()
        records.dispose()
    return 0


async def _remove_left(control: Control) -> None:
    """Take back rules that were wanted before: what they redirect, no one answers any more."""
    try:
        if await asyncio.to_thread(Kernel().remove_left, control.config.dns.redirect_port):
            log.warning("kernel rules: the configuration wants none any more; those that were there are removed")
    except RuntimeError as reason:
        control.context.note_fault("kernel rules", reason)


async def _follow(control: Control, engine: Engine, answer: Callable[[ControlRequest], Awaitable[object]]) -> None:
    """Put in force what another gateway has changed: its web role tells its own control alone."""
    others, wait_s = OtherGateways(engine, control.publisher), FOLLOW_S

    async def look() -> None:
        for request in await asyncio.to_thread(others.missed):
            await answer(request)

    while True:
        await asyncio.sleep(wait_s)
        if control.publisher.live is not None:
            await guarded(control.faults, OTHERS, look)
        wait_s = MEND_S if OTHERS in control.faults else FOLLOW_S


async def _compile(control: Control) -> None:
    """At the start, lists that changed while no control ran; from then on, a base that is damaged on the disk, orders
    that are not in force yet, and a delta that grows large."""
    faults, publisher = control.faults, control.publisher

    async def settle_now() -> None:
        await settle(control.context, publisher, datetime.fromtimestamp(control.context.now_s(), UTC))

    await guarded(faults, "lists", control.lists.compile_if_changed)
    await _look_at_readers(control)
    while True:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(publisher.has_overgrown.wait(), MEND_S)
        await guarded(faults, "merge", publisher.merge)
        await guarded(faults, "images", publisher.mend)
        await guarded(faults, "orders", settle_now)


async def _tend_people(control: Control) -> None:
    """Write the images of subscribers and policy again, where they are large or old."""
    publisher = control.publisher
    while True:
        await guarded(control.faults, "policy", lambda: publisher.tend_people(datetime.now(UTC)))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(publisher.has_grown_people.wait(), MEND_S)


async def _settle(control: Control) -> None:
    """Have each tap on the disk soon after it is in force; with others, where they come faster than the disk writes."""
    while True:
        await control.publisher.has_unsettled.wait()
        await guarded(control.faults, "images on the disk", control.publisher.settle)
        await asyncio.sleep(SETTLE_S)


async def _tend_weeks(control: Control, wake: asyncio.Event) -> None:
    """Make the weeks of families again at each midnight; where that fails, the last ones stay."""
    while True:
        wait_s = MEND_S

        async def tend() -> None:
            nonlocal wait_s
            wait_s = await control.midnight.tend(datetime.now(UTC))

        await guarded(control.faults, "weeks", tend)
        wake.set()  # the next change of a lock may be another
        await asyncio.sleep(max(wait_s, 1.0))


async def _tend_pages(control: Control) -> None:
    """Have shown what the desk says of the pages, where that was not done when it was said."""
    while True:
        await guarded(control.faults, "pages", control.pages.tend)
        await asyncio.sleep(MEND_S)


async def _look_at_readers(control: Control) -> None:
    """Say what the system lacks to keep the readers of lists from everything else."""
    config = control.config
    await _look_at_reader(control, "list readers", partial(measures_missing, reader_socket(config.run_dir)))
    if any(entry.sealed for entry in config.lists):
        await _look_at_reader(control, "sealed list readers", sealed_reader_of(config).measures_missing)


async def _look_at_reader(control: Control, who: str, missing_of: Callable[[], list[str]]) -> None:
    try:
        missing = await asyncio.to_thread(missing_of)
    except OSError as reason:
        control.context.note_fault(who, reason)
        return
    if missing:
        control.context.note_fault(who, OSError(f"lists are read without {', '.join(missing)}"))


async def _hold_reserve(control: Control, reserve: Reserve) -> None:
    """Hold the reserve of the database's disk, and take it again once there is room."""

    async def hold() -> None:
        if not await asyncio.to_thread(reserve.hold):
            raise DatabaseFull(
                f"{reserve.path.parent}: little is left on its disk, and nothing in reserve; make room there"
            )

    while True:
        await guarded(control.faults, "disk", hold)
        await asyncio.sleep(MEND_S)


async def _tend_lists(control: Control) -> None:
    """Take in lists that were dropped as files and orders that came encrypted, take back what two persons of the desk
    say, and note what is wrong."""
    while True:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(control.sealed_orders.has_work.wait(), LISTS_S)
        await guarded(control.faults, "sealed orders", control.sealed_orders.look)
        await guarded(control.faults, "list rollbacks", control.list_rollbacks.look)
        await guarded(control.faults, "lists", control.lists.tend)


async def _pull_lists(control: Control) -> None:
    """Pull the lists that are due; apart from the files, which a slow server must not keep waiting."""
    while True:
        await guarded(control.faults, "pulling lists", control.lists.pull_due)
        await asyncio.sleep(LISTS_S)


async def _suspect(control: Control) -> None:
    """Set the kernel's suspect addresses after each change of the names."""
    while True:
        await control.publisher.has_new_names.wait()
        await guarded(control.faults, "suspects", control.locks.suspect)


async def _open_corridor(control: Control) -> None:
    """Keep the addresses of the help corridor's names open in the kernel, as long as there are names."""
    where, faults = "help corridor", control.faults
    while has_corridor(control.config):
        wait_s = LEAST_WAIT_S
        try:
            wait_s = await control.locks.open_corridor(control.config)
            faults.pop(where, None)
        except (UpstreamFailure, RuntimeError) as reason:
            told = OSError(f"{reason}; its sites may be shut to locked lines; if it refuses us, add us to /dns/clients")
            if faults.get(where) != str(told):
                control.context.note_fault(where, told)
        await asyncio.sleep(wait_s)


async def _publish_zones(control: Control) -> None:
    """Serve zones to other resolvers; try again where they cannot be served."""
    while control.config.rpz.zones:
        await guarded(control.faults, "rpz", control.zones.serve)
        await asyncio.sleep(RPZ_RETRY_S)


def _note_time_and_start(control: Control, records: Engine) -> None:
    """The time first: what is written from now on may have that of a wrong clock."""
    with writing(records) as conn:
        begin(conn, read_clocks())
    control.reloader.note_start()


async def _seal(control: Control, engine: Engine) -> None:
    """Sign the ledger; where it cannot be signed, all else goes on, and it is tried again."""
    seals: list[Seal] = []
    looked = AnswerProgress(None, [])

    def seal() -> None:
        nonlocal looked
        if not seals:
            seals.append(Seal(engine, keys_folder(control.config.state_dir), socket.gethostname()))
        seals[0].seal(datetime.now(UTC))
        looked = _confirm(engine, seals[0].signer, looked)

    while True:
        await guarded(control.faults, "ledger", lambda: asyncio.to_thread(seal))
        await asyncio.sleep(MEND_S if "ledger" in control.faults else SEAL_S)


class AnswerProgress(NamedTuple):
    """Up to where answers to issuers were looked at, and the orders whose next one waits for the workers."""

    mark: Mark | None
    waiting: list[int]


def _confirm(engine: Engine, signer: Signer, looked: AnswerProgress) -> AnswerProgress:
    """Answer the issuers of orders that the traffic has confirmed, and of those whose answer is not so any more."""
    with reading(engine) as conn:
        found, mark = due(conn, CONFIRMED_AT_ONCE), mark_of(conn)
        new = [] if mark == looked.mark else changed(conn, since=looked.mark)
    outdated = list(dict.fromkeys([*looked.waiting, *new]))
    for each in found:
        with writing(engine) as conn:
            confirm(conn, each, signer, datetime.now(UTC))
    waiting = outdated[CONFIRMED_AT_ONCE:]
    for order in outdated[:CONFIRMED_AT_ONCE]:
        with writing(engine) as conn:
            if not restate(conn, order, signer, datetime.now(UTC)):
                waiting.append(order)
    return AnswerProgress(mark, waiting)


async def _anew(changed: asyncio.Event, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Do `work`, and begin it again each time that its part of the configuration has changed."""
    while True:
        changed.clear()
        # Held here and not in a TaskGroup, which would take its end for a fault.
        task = asyncio.ensure_future(work())  # noqa: TID251
        try:
            await changed.wait()
        finally:
            task.cancel()
            await asyncio.wait((task,))


async def _reload(control: Control, hangup: asyncio.Event) -> None:
    """Read configuration and lists again at each SIGHUP; those that come meanwhile are one more time."""

    async def reload() -> None:
        await control.reload()

    while True:
        await hangup.wait()
        hangup.clear()
        await guarded(control.faults, "reload", reload)


async def _watch_clock(control: Control, wake: asyncio.Event) -> None:
    """Lock and unlock at the second a schedule says so."""
    while True:
        next_change: datetime | None = None

        async def refresh() -> None:
            nonlocal next_change
            next_change = await control.locks.refresh()

        await guarded(control.faults, "locks", refresh)
        await guarded(control.faults, "locks of sessions", control.locks.check_sessions)
        until_s = (next_change - datetime.now(UTC)).total_seconds() if next_change else LONGEST_SLEEP_S
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(wake.wait(), min(max(until_s, 0.0), LONGEST_SLEEP_S))
        wake.clear()


async def _watch_steps(control: Control, clock: Clock, wake: asyncio.Event) -> None:
    """Look at the wall clock each minute, and whenever it is set."""
    while True:
        await guarded(control.faults, CLOCK, lambda: control.look_at_clock(clock))
        if await until_set(CLOCK_S):
            wake.set()


async def _watch_deadlines(control: Control, records: Engine) -> None:
    """Give the alarms of orders, and have them delivered; a receiver that is dead holds up nothing else."""
    context = control.context

    async def look() -> None:
        numbers = await asyncio.to_thread(watch.look, context.engine, records, context.config, read_clocks())
        if numbers:
            await watch.deliver(context.engine, context.config_file, numbers)

    async def check() -> None:
        await asyncio.to_thread(watch.refuse_undelivered, context.engine)

    while True:
        await guarded(control.faults, "deadlines", look)
        await guarded(control.faults, "alarms", check)
        await asyncio.sleep(watch.LOOK_S)


async def _drain(control: Control, ledger: Ledger) -> None:
    """Move block events from spools into the database, or into batches where records are files; and what counters say
    into the database."""
    state_dir, run_dir = control.config.state_dir, control.config.run_dir

    are_files, drains = control.config.records.are_files, list[BlockDrain]()
    folder = state_dir / BLOCKS / BATCHES
    n = 0

    def opened() -> BlockDrain:
        drain = BlockDrain(state_dir / SPOOL, folder, ledger, lambda: control.config.retention.household > 0)
        drain.begin()
        return drain

    def drain_some() -> None:
        nonlocal n
        n = 0
        if are_files and not drains:
            drains.append(opened())
        n = drains[0].drain() if drains else drain_spools(state_dir / SPOOL, ledger)
        counters = list(counters_files(run_dir))
        drain_confidential(counters, control.publisher.tables.list_ids, int(time.time()), ledger)
        publisher = control.publisher
        drain_counted(counters, publisher.tables.lists, ledger.engine, ledger.node, publisher.shadows)

    def wipe() -> None:
        if folder.exists() and not are_files:
            opened()  # records were files until now: what is not finished of that
        wipe_drained(state_dir / SPOOL, ledger)
        keep_out_of_backups(state_dir / SPOOL)

    async def begin() -> None:
        await asyncio.get_running_loop().run_in_executor(behind, wipe)

    async def drain() -> None:
        await asyncio.get_running_loop().run_in_executor(behind, drain_some)

    # A thread of its own: blocks that come faster than they can be recorded wait in the spool, and hold up nothing.
    with ThreadPoolExecutor(1, "drain", give_way, (DRAIN_NICENESS,)) as behind:
        await guarded(control.faults, "spool", begin)
        while True:
            await guarded(control.faults, "audit records", drain)
            await asyncio.sleep(0 if n else DRAIN_S)
