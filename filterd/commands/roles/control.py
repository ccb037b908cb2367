"""The control role: filterd.control.service with its sockets, its clock and its tasks (control_tasks)."""

import asyncio
import logging
import signal
import socket
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from sqlalchemy import Engine

from filterd.audit.drain import Ledger
from filterd.audit.provinces import Provinces
from filterd.box.keys import pseudonym_key
from filterd.box.places import (
    CONTROL,
    control_socket,
    splash_socket,
)
from filterd.commands.roles.control_tasks import CLOCK, TASKS, Parts
from filterd.config import Config
from filterd.control.base.clock import Clock
from filterd.control.base.context import guarded
from filterd.control.database_wait import DatabaseWait, serve_splash
from filterd.control.lock_enforcer import LockKeeper, has_work
from filterd.control.record_drain import RecordDrain
from filterd.control.service import Control
from filterd.control.task_runner import TaskRunner
from filterd.control.watches.box import UNKNOWN, BoxWatch
from filterd.images.lists.rails import tries_as
from filterd.kernel.firewall import Kernel
from filterd.kernel.mark_clashes import refuse_clash_of
from filterd.kernel.ruleset import rules_of_config
from filterd.process.control_messages import CONTROL_REQUESTS
from filterd.process.database.access import engine_for_control, reserve_of
from filterd.process.json_socket import serve
from filterd.process.lifecycle import stop_requested
from filterd.radius.provinces import provinces_by_sessions
from mgmt.ledger.trusted_clock import begin, read_clocks
from parental.store.database import writing
from parental.store.schema.privileges import LEDGER

log = logging.getLogger("filterd.control.service")


async def live(config: Config, config_file: Path, index: int) -> int:
    """Publish, lock and drain until SIGTERM."""
    del index
    stopping, hangup = stop_requested(), asyncio.Event()
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
    await guarded(control.faults, UNKNOWN, box.look)
    key, node = pseudonym_key(config.state_dir), socket.gethostname()
    provinces = Provinces(records, provinces_by_sessions(config))
    ledger = Ledger(records, key, node, reserve_of(config), tries_as(config), provinces, config.verifier.line)
    drain = RecordDrain(control.context, control.publisher, ledger)
    parts = Parts(config, rules, control, clock, engine, records, box, drain, hangup)
    place = control_socket(config.run_dir)
    server = await serve(place, CONTROL, CONTROL_REQUESTS, parts.answer)
    splash_server = await serve_splash(control, control.answer_splash)
    waiting.close()
    await asyncio.to_thread(_note_time_and_start, control, records)
    try:
        await TaskRunner(control.context, parts, TASKS).run(stopping, waiting.live)
    finally:
        server.close()
        place.unlink(missing_ok=True)
        if splash_server is not None:
            splash_server.close()
            splash_socket(config.run_dir).unlink(missing_ok=True)
        drain.close()
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


def _note_time_and_start(control: Control, records: Engine) -> None:
    """The time first: what is written from now on may have that of a wrong clock."""
    with writing(records) as conn:
        begin(conn, read_clocks())
    control.reloader.note_start()
