"""Takes the operator's file in: checked, accepted, given to every role that runs, and said what of it is in force.

    file → no fault? → accepted copy → dns and gate workers take it → kernel's rules → lists compiled → reply

Invariants: a file with a fault, or that a running worker or the kernel cannot take, changes nothing, and the reply says
why; what only a restart puts in force is named with the role to restart; one reload at a time.
"""

import asyncio
import logging
import subprocess
from datetime import UTC, datetime

from sqlalchemy.exc import SQLAlchemyError

from filterd.config import BadConfig, Config, load
from filterd.config.accepted import InForce, accept, copy_of, in_force, put_back
from filterd.config.changes import as_far_as_live, changed
from filterd.control.base.context import Context
from filterd.control.lock_enforcer import LockKeeper
from filterd.kernel.ruleset import rules_of_config
from filterd.process.box_state import role_states
from filterd.process.logs import set_log_level
from filterd.process.worker_clients import configure_all, workers_of
from mgmt.ledger.event import CONTROL, SETTINGS, Event, Value
from parental.store.errors import DatabaseFault

log = logging.getLogger("filterd.control.service")

# What keeps rules out of the kernel: it refuses, a program is missing or does not end, the locks cannot be read.
NO_RULES = (RuntimeError, subprocess.TimeoutExpired, OSError, DatabaseFault, SQLAlchemyError)


class ReloadRefusal(ValueError):
    """The file is not in force; what was in force stays."""


class Reloader:
    """Puts a changed configuration in force, as far as that can be done without a restart."""

    def __init__(self, context: Context, keeper: LockKeeper) -> None:
        self._context, self._keeper = context, keeper
        self._accepted = context.config
        self.rpz_changed, self.notify_changed = asyncio.Event(), asyncio.Event()
        self.corridor_changed = asyncio.Event()

    async def take(self) -> tuple[list[str], dict[str, list[str]]]:
        """Take the file in: (keys that changed and are in force, role → keys that need its restart).

        Raises ReloadRefusal."""
        before, wanted = self._accepted, self._checked()
        copy = copy_of(before)
        accepted = await self._accept(copy)
        ours = as_far_as_live("control", self._context.config, accepted.config)
        try:
            await self._install(ours)
        except NO_RULES as reason:
            await self._take_back(copy)
            raise ReloadRefusal(f"kernel rules: {reason}") from reason
        self._apply(ours)
        waiting = {state.name: state.restart for state in role_states(accepted.config) if state.restart}
        live = [key.path for key in changed(before, wanted) if not any(key.path in keys for keys in waiting.values())]
        self._accepted = accepted.config
        _say(live, waiting)
        said: dict[str, Value] = {"live": live, **{f"restart of {role}": keys for role, keys in waiting.items()}}
        await asyncio.to_thread(self._note, "configuration accepted", accepted.digest, said)
        return live, waiting

    def note_start(self) -> None:
        """Write down, in the ledger, with which configuration this process has begun."""
        self._note("control started", in_force(self._context.config_file).digest, {})

    async def tell_workers(self) -> None:
        """Give workers that run longer than this process what was accepted at its start."""
        for refusal in filter(None, (await self._configure()).values()):
            log.warning("%s", refusal)

    # ------------------------------------------------------------------------------------------------------------------

    def _checked(self) -> Config:
        try:
            wanted = load(self._context.config_file)
        except BadConfig as bad:
            raise ReloadRefusal(str(bad)) from bad
        for key in ("state_dir", "run_dir"):
            if getattr(wanted, key) != getattr(self._accepted, key):
                raise ReloadRefusal(
                    f"config /{key}: another folder; not loaded, nor is anything else; restart all roles"
                )
        return wanted

    async def _accept(self, copy: bytes | None) -> InForce:
        """Accept the file; a worker that cannot take it brings back what was accepted before."""
        try:
            accepted = accept(self._context.config_file)
        except (BadConfig, OSError) as reason:
            raise ReloadRefusal(str(reason)) from reason
        refusals = list(filter(None, (await self._configure()).values()))
        if refusals:
            await self._take_back(copy)
            raise ReloadRefusal("; ".join(refusals))
        for warning in accepted.warnings:
            log.warning("%s", warning)
        return accepted

    async def _take_back(self, copy: bytes | None) -> None:
        put_back(self._accepted, copy)
        await self._configure()

    def _note(self, action: str, digest: str, said: dict[str, Value]) -> None:
        """An event of the configuration: its digest and the paths of keys, never a value."""
        self._context.note_event(Event(SETTINGS, action, CONTROL, {"configuration": digest}, said))

    async def _configure(self) -> dict[str, str | None]:
        return await configure_all(self._accepted.run_dir, workers_of(self._accepted))

    async def _install(self, wanted: Config) -> None:
        """Put changed rules into the kernel.   Raises what NO_RULES has: those before stay, or are applied again"""
        if (rules := rules_of_config(wanted)) != rules_of_config(self._context.config):
            await asyncio.to_thread(self._keeper.install, rules, datetime.now(UTC))

    def _apply(self, wanted: Config) -> None:
        """What else control itself puts in force; lists are compiled by its caller."""
        running, self._context.config = self._context.config, wanted
        if wanted.log_level != running.log_level:
            set_log_level(wanted.log_level)
        if (wanted.rpz, wanted.splash) != (running.rpz, running.splash):
            self.rpz_changed.set()
        if wanted.transfers != running.transfers:
            self.notify_changed.set()
        if (wanted.help_corridor, wanted.dns) != (running.help_corridor, running.dns):
            self.corridor_changed.set()


def _say(live: list[str], waiting: dict[str, list[str]]) -> None:
    if live:
        log.info("configuration: in force: %s", ", ".join(live))
    for role, keys in waiting.items():
        log.warning("configuration: restart %s to put in force: %s", role, ", ".join(keys))
