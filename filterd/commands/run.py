"""`filterd run`: the daemon, or one role of it."""

import argparse
import asyncio
import importlib
import logging
import os
import signal
import sys
from pathlib import Path

from filterd.box.errors import MissingPart, WrongUse
from filterd.config import BadConfig, Config, load
from filterd.config.accepted import InForce, accept, in_force
from filterd.config.changes import digests
from filterd.config.schema import LOG_LEVELS
from filterd.kernel.mark_clashes import refuse_clash_of
from filterd.process.instance import ALL, Instance, only_instance
from filterd.process.lifecycle import end_with_fault, end_with_supervisor, keep_memory_private
from filterd.process.logs import start_logging
from filterd.process.nameguard import claims_text, foreign_claims

EXAMPLE = "filterd run --config /etc/filterd/filterd.yaml"
CONFIG_FILE = Path("/etc/filterd/filterd.yaml")
log = logging.getLogger("filterd.run")

ROLES = ("dns", "gate", "control", "web", "splash", "metrics", "radius", "archive", "siem")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, default=CONFIG_FILE, metavar="FILE", help=f"default {CONFIG_FILE}")
    parser.add_argument("--role", choices=("all", *ROLES), default="all", help="default all, under one supervisor")
    parser.add_argument("--index", type=int, default=0, metavar="N", help="index of the worker within its role")
    parser.add_argument("--log-level", choices=LOG_LEVELS, help="default: /log_level of the configuration")


def run(args: argparse.Namespace) -> int:
    claims = foreign_claims()
    if claims:
        raise MissingPart(claims_text(claims))
    found = found_for(args.config)
    os.umask(0o027)
    name = ALL if args.role == "all" else f"{args.role}-{args.index}"
    start_logging(name, args.log_level or found.config.log_level)
    end_with_supervisor()
    keep_memory_private()
    beside = _names(found.config) if args.role == "all" else ()
    with only_instance(found.config.run_dir, name, beside) as instance:
        if args.role == "all" or (args.role == "control" and "FILTERD_PARENT" not in os.environ):
            found = _accept(found)
        if args.role == "all":
            refuse_clash_of(found.config)
            return asyncio.run(_supervise(found, args.log_level))
        return _live(args.role, found, args.index, instance)


def loaded(path: Path) -> Config:
    """The configuration in force for the file at `path`.   Raises WrongUse with every fault where none exists."""
    return found_for(path).config


def in_file(path: Path) -> Config:
    """The configuration that the file at `path` holds, in force or not.   Raises WrongUse with every fault."""
    try:
        return load(path)
    except BadConfig as bad:
        raise WrongUse(f"configuration: it has faults; nothing done; correct each of them\n{bad}") from bad


def found_for(path: Path) -> InForce:
    """The same with where it is from."""
    try:
        return in_force(path)
    except BadConfig as bad:
        raise WrongUse(f"configuration: it has faults; nothing done; correct each of them\n{bad}") from bad


def _accept(found: InForce) -> InForce:
    """Take the operator's file in, where it has no fault; else what was accepted before stays in force."""
    if found.fault is not None:
        log.error("%s\nwhat was accepted before stays in force; correct it, then run: filterd reload", found.fault)
        return found
    try:
        accepted = accept(found.source)
    except (BadConfig, OSError) as reason:
        log.error("%s: not accepted (%s); what was read of it is used", found.source, reason)
        return found
    for warning in accepted.warnings:
        log.warning("%s", warning)
    return accepted


def _live(role: str, found: InForce, index: int, instance: Instance) -> int:
    """Be a role until it is asked to stop.   Raises MissingPart where it cannot do its work."""
    module = importlib.import_module(f"filterd.commands.roles.{role}")
    instance.note_keys(digests(found.config, role))
    try:
        return int(asyncio.run(module.live(found.config, found.source, index)))
    except Exception as reason:  # the edge: what the operator can fix is one sentence
        from filterd.control.base.start_faults import start_fault  # late: it knows the errors of every role
        from filterd.process.supervisor import longest_pause_s

        fault = start_fault(reason)
        if fault is None:
            raise
        log.debug("%s", role, exc_info=True)
        end_with_fault(instance, fault, longest_pause_s(role))


def _names(config: Config) -> list[str]:
    from filterd.process.supervisor import roles_of

    return [child.name for child in roles_of(config)]


async def _supervise(found: InForce, log_level: str | None) -> int:
    from filterd.process.supervisor import Supervisor, command_of, roles_of

    config = found.config
    children = roles_of(config)
    supervisor = Supervisor(children, lambda child: command_of(child, found.source, log_level), config.run_dir)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, supervisor.stop)
    loop.add_signal_handler(signal.SIGHUP, supervisor.pass_on, signal.SIGHUP)
    print(f"filterd: starting {', '.join(child.name for child in children)}", file=sys.stderr)
    await supervisor.run()
    from filterd.control.rules_at_stop import leave_quietly  # late: a supervisor needs it at its end alone

    await asyncio.to_thread(leave_quietly, config)
    return 0
