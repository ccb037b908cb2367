"""`filterd run`: the daemon, or one role of it."""

import argparse
import asyncio
import importlib
import logging
import os
import signal
import sys
from pathlib import Path

from filterd.config import BadConfig, Config, load
from filterd.errors import Missing, WrongUse
from filterd.kernel.mark_clashes import refuse_clash_of
from filterd.logs import start_logging
from filterd.nameguard import claims_text, foreign_claims
from filterd.process.lifecycle import end_with_supervisor

EXAMPLE = "filterd run --config /etc/filterd/filterd.yaml"
CONFIG_FILE = Path("/etc/filterd/filterd.yaml")
log = logging.getLogger("filterd.run")

ROLES = ("dns", "gate", "control", "web")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, default=CONFIG_FILE, metavar="FILE", help=f"default {CONFIG_FILE}")
    parser.add_argument("--role", choices=("all", *ROLES), default="all", help="default all, under one supervisor")
    parser.add_argument("--index", type=int, default=0, metavar="N", help="index of the worker within its role")


def run(args: argparse.Namespace) -> int:
    claims = foreign_claims()
    if claims:
        raise Missing(claims_text(claims))
    config = loaded(args.config)
    os.umask(0o027)
    name = "filterd" if args.role == "all" else f"{args.role}-{args.index}"
    start_logging(name)
    end_with_supervisor()
    if args.role == "all":
        refuse_clash_of(config)
        return asyncio.run(_supervise(config, args.config.absolute()))
    role = importlib.import_module(f"filterd.roles.{args.role}")
    return int(asyncio.run(role.live(config, args.config.absolute(), args.index)))


def loaded(path: Path) -> Config:
    """The configuration at `path`.   Raises WrongUse with every fault."""
    try:
        return load(path)
    except BadConfig as bad:
        raise WrongUse(f"the configuration cannot be used\n{bad}") from bad


async def _supervise(config: Config, config_file: Path) -> int:
    from filterd.commands.rules import leave_quietly
    from filterd.process.supervisor import Supervisor, command_of, roles_of

    supervisor = Supervisor(roles_of(config), lambda child: command_of(child, config_file), config.run_dir)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, supervisor.stop)
    loop.add_signal_handler(signal.SIGHUP, supervisor.pass_on, signal.SIGHUP)
    print(f"filterd: starting {', '.join(child.name for child in roles_of(config))}", file=sys.stderr)
    await supervisor.run()
    await asyncio.to_thread(leave_quietly, config)
    return 0
