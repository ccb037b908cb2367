"""The control role: filterd.control.service with its socket, its clock and its drain."""

import asyncio
import contextlib
import logging
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine

from dns.zones.server import ZoneServer
from filterd.audit.drain import Ledger, drain_confidential, drain_spools
from filterd.audit.list_counts import drain_counted
from filterd.config import Config
from filterd.control.notify_listener import watch_zones
from filterd.control.retries import settle
from filterd.control.rpz_server import publish_zones
from filterd.control.service import Control, guarded
from filterd.kernel.firewall import Kernel, sysctl_faults
from filterd.kernel.lock_enforcer import LockKeeper, has_work
from filterd.kernel.ruleset import rules_of_config
from filterd.keys import pseudonym_key
from filterd.process.json_socket import serve
from filterd.process.lifecycle import give_way, stop_requested, tell_we_live
from parental.database import open_database

DRAIN_S = 0.5
# A sixtieth of a busy core: the spool holds ten million events, and nothing else here can wait for so long.
DRAIN_NICENESS = 19
LONGEST_SLEEP_S = 30.0  # how long a step of the wall clock can go unseen
RENEW_S = 86_400.0
MEND_S = 60.0
RPZ_RETRY_S = 10.0  # an address of ours may come later than we do
LISTS_S = 20.0  # between two looks at the lists' sources: a dropped file is in force within the minute

log = logging.getLogger("filterd.control.service")


async def live(config: Config, config_file: Path, index: int) -> int:
    """Publish, lock and drain until SIGTERM."""
    del index
    stopping = stop_requested()
    config.state_dir.mkdir(parents=True, exist_ok=True)
    config.run_dir.mkdir(parents=True, exist_ok=True)
    engine = open_database(config.state_dir / "filterd.db")
    rules = rules_of_config(config)
    locks = LockKeeper(engine, Kernel() if has_work(rules) else None)
    control = Control(config, config_file, engine, locks)
    await control.start()
    await asyncio.to_thread(locks.install, rules, datetime.now(UTC))
    for fault in sysctl_faults() if rules.n_queues else ():
        log.warning("%s", fault)
    wake, told = asyncio.Event(), asyncio.Event()
    server = await serve(config.run_dir / "control.sock", lambda request: _answer(control, request, wake))
    ledger = Ledger(engine, pseudonym_key(config.state_dir), socket.gethostname())
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, told.set)
    work = [_watch_clock(control, wake), _drain(control, ledger), _compile(control, engine), _reload(control, told)]
    work += [_tend_lists(control), _pull_lists(control), watch_zones(control)]
    if rules.n_queues:
        work.append(_suspect(control))
    if config.rpz.zones:
        work.append(_publish_zones(control))
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(each) for each in (*work, tell_we_live())]
            await stopping.wait()
            for task in tasks:
                task.cancel()
    finally:
        server.close()
        (config.run_dir / "control.sock").unlink(missing_ok=True)
        locks.close()
        engine.dispose()
    return 0


async def _answer(control: Control, request: dict[str, object], wake: asyncio.Event) -> dict[str, object]:
    reply = await control.answer(request)
    if request.get("op") == "policy_changed":
        wake.set()  # the next change of a lock may come sooner now
    return reply


async def _compile(control: Control, engine: Engine) -> None:
    """At the start, lists that changed while nobody looked; from then on, a base that goes bad on the disk, orders that
    are not in force yet, and a delta that grows large."""

    async def settle_now() -> None:
        await settle(control, engine, datetime.now(UTC))

    await guarded(control, "lists", control.compile_if_changed)
    while True:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(control.has_overgrown.wait(), MEND_S)
        await guarded(control, "merge", control.merge)
        await guarded(control, "images", control.mend)
        await guarded(control, "orders", settle_now)


async def _tend_lists(control: Control) -> None:
    """Lists that were dropped as files; what their sources have to say of them."""
    while True:
        await asyncio.sleep(LISTS_S)
        await guarded(control, "lists", control.tend_lists)


async def _pull_lists(control: Control) -> None:
    """Lists that are pulled: a slow server keeps no file waiting."""
    while True:
        await guarded(control, "pulling lists", control.pull_lists)
        await asyncio.sleep(LISTS_S)


async def _suspect(control: Control) -> None:
    """What the kernel asks the gate about, after each change of the names."""
    while True:
        await control.has_new_names.wait()
        await guarded(control, "suspects", control.suspect)


async def _publish_zones(control: Control) -> None:
    """Zones for other resolvers; tried again where they cannot be served."""

    def note(server: ZoneServer) -> None:
        control.rpz = server
        control.faults.pop("rpz", None)

    async def publish() -> None:
        try:
            await publish_zones(control.config, control.published, lambda: control.tables, note)
        finally:
            control.rpz = None

    while True:
        await guarded(control, "rpz", publish)
        await asyncio.sleep(RPZ_RETRY_S)


async def _reload(control: Control, told: asyncio.Event) -> None:
    """Read configuration and lists again whenever SIGHUP says so; what comes meanwhile is one more time."""

    async def reload() -> None:
        await control.reload()

    while True:
        await told.wait()
        told.clear()
        await guarded(control, "reload", reload)


async def _watch_clock(control: Control, wake: asyncio.Event) -> None:
    """Lock and unlock at the second a schedule says so."""
    renewed_at = time.monotonic()
    while True:
        next_change: datetime | None = None

        async def refresh() -> None:
            nonlocal next_change
            next_change = (await asyncio.to_thread(control.locks.refresh, datetime.now(UTC))).next_change

        await guarded(control, "locks", refresh)
        if time.monotonic() - renewed_at > RENEW_S:
            await guarded(control, "policy", control.renew_people)
            renewed_at = time.monotonic()
        until_s = (next_change - datetime.now(UTC)).total_seconds() if next_change else LONGEST_SLEEP_S
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(wake.wait(), min(max(until_s, 0.0), LONGEST_SLEEP_S))
        wake.clear()


async def _drain(control: Control, ledger: Ledger) -> None:
    state_dir, run_dir = control.config.state_dir, control.config.run_dir

    n = 0

    def drain_some() -> None:
        nonlocal n
        n = 0
        n = drain_spools(state_dir / "spool", ledger)
        drain_confidential(run_dir / "counters", control.tables.list_ids, int(time.time()), ledger)
        drain_counted(run_dir / "counters", control.tables.lists, ledger.engine)

    async def drain() -> None:
        await asyncio.get_running_loop().run_in_executor(behind, drain_some)

    # A thread of its own: blocks that come faster than they can be recorded wait in the spool, and hold up nothing.
    with ThreadPoolExecutor(1, "drain", give_way, (DRAIN_NICENESS,)) as behind:
        while True:
            await guarded(control, "audit records", drain)
            await asyncio.sleep(0 if n else DRAIN_S)
