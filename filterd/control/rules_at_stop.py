"""The kernel's rules once filterd is stopped: what is left of them, as the configuration wants it."""

import logging

from filterd.box.errors import MissingPart
from filterd.config import Config
from filterd.control.lock_enforcer import has_work
from filterd.kernel.firewall import Kernel
from filterd.kernel.ruleset import rules_of_config

log = logging.getLogger("filterd.rules")


def leave(config: Config) -> None:
    """Remove the rules; where /gate/when_dead is closed, all but those of the gate: a stopped gate lets nothing in.

    Locks and the redirection of DNS never stay: no one would end the one, and no one answers the other; nor does what
    an earlier configuration wanted.
    Raises RuntimeError where the kernel refuses, MissingPart where a program is not installed."""
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
