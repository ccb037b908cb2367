"""`filterd rules leave`: make the kernel's rules those of a box on which filterd is stopped."""

import argparse
import logging
from pathlib import Path

from filterd.box.errors import ApiRefusal, MissingPart
from filterd.commands.run import CONFIG_FILE, loaded
from filterd.config import Config

EXAMPLE = "filterd rules leave --config /etc/filterd/filterd.yaml"

log = logging.getLogger("filterd.rules")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action", choices=("leave",), help="leave: once filterd is stopped; filterd.target does it itself"
    )
    parser.add_argument("--config", type=Path, default=CONFIG_FILE, metavar="FILE", help=f"default {CONFIG_FILE}")


def run(args: argparse.Namespace) -> int:
    try:
        leave(loaded(args.config))
    except RuntimeError as reason:
        raise ApiRefusal(str(reason)) from reason
    return 0


def leave(config: Config) -> None:
    """Remove the rules; where /gate/when_dead is closed, all but those of the gate: a stopped gate lets nothing in.

    Locks and the redirection of DNS never stay: no one would end the one, and no one answers the other; nor does what
    an earlier configuration wanted.
    Raises RuntimeError where the kernel refuses, MissingPart where a program is not installed."""
    from filterd.control.lock_enforcer import has_work
    from filterd.kernel.firewall import Kernel
    from filterd.kernel.ruleset import rules_of_config

    rules, kernel = rules_of_config(config), Kernel()
    if not has_work(rules):
        kernel.remove_left(config.dns.redirect_port)
        return
    if rules.n_queues and not rules.is_open_when_dead:
        kernel.keep_gate()
        log.warning("kernel rules: the gate's stay, because gate.when_dead is closed; nft delete table inet filterd")
    else:
        kernel.remove()
    if rules.dns_port is not None:
        kernel.forget_redirected(rules.dns_port)


def leave_quietly(config: Config) -> None:
    """Do leave() at the end of a process that has no one to tell but its log."""
    try:
        leave(config)
    except (RuntimeError, MissingPart) as reason:
        log.warning("kernel rules: %s", reason)
