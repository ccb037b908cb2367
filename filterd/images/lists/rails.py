"""The rails of a configuration: what is protected or watched, where many sites are, and what holds for orders.

Invariants: the box's own infrastructure is protected without being named: a list that closed it would close everything.
"""

import logging
import socket
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from filterd.config import Config
from filterd.config.web_settings import settings_of
from filterd.images.lists.order_rails import OrderRails
from filterd.images.lists.sources import orders_source
from filterd.images.lists.watch import State, state_of, watched_of
from mgmt.orders.phases.canary_rules import Policy
from mgmt.staff.approvals.proof import BY_NAMES, Proof
from mgmt.staff.passkeys import Party
from mgmt.staff.vouched_file import VouchedFault, read_vouched
from rules.base.hosts_of_many import Hosting, read_hosting
from rules.base.protected import ProtectedNames

log = logging.getLogger("filterd.images.lists.rails")
_ANY = ("0.0.0.0", "::")  # of a listener: every address of the box


def protected_of(config: Config) -> ProtectedNames:
    """Names and prefixes that no list and no order may block, and the names that are watched.   Raises BadList."""
    return ProtectedNames(config.protected.names, protected_prefixes(config), watched_of(config), _hosting_of(config))


def protected_prefixes(config: Config) -> list[str]:
    """Those that are configured, and the box's own."""
    return sorted({*config.protected.prefixes, *_own(config)})


def order_rails_of(config: Config) -> OrderRails:
    """The rails of the orders.   A list is read again where its file has changed.   Raises BadList"""
    box = settings_of(config)
    return OrderRails(
        orders_source(config),
        protected_of(config),
        _hosting_of(config),
        has_gate=box.has_gate,
        stops_names=box.stops_names,
        proof=proof_of(config),
        canary=canary_of(config),
    )


def canary_of(config: Config) -> Policy | None:
    """Where orders are in force first; None: everywhere at once."""
    said = config.orders.canary
    if said.gateway is None:
        return None
    return Policy(said.gateway, said.name or socket.gethostname(), int(said.lasts), said.most_blocks, said.most_times)


def tries_as(config: Config) -> str | None:
    """The name of this gateway, where orders are tried on it first."""
    canary = canary_of(config)
    return None if canary is None else canary.tries_as


def proof_of(config: Config) -> Proof:
    """What is asked of approvals: passkeys, where the desk has them, that root has vouched for.

    Without a file that can be believed, no passkey is: filterd.control.watches.approvals reports it."""
    origin = config.api.desk_origin
    if origin is None:
        return BY_NAMES
    try:
        vouched = read_vouched(config.api.vouched_passkeys)
    except VouchedFault:
        vouched = {}
    return Proof(Party(origin, config.isp.name), config.api.approvals_by_name, vouched)


def _hosting_of(config: Config) -> Hosting:
    return _hosting(tuple((path, state_of(path)) for path in config.protected.shared_hosting))


@lru_cache(maxsize=2)  # a publication takes milliseconds, and the lists of a cloud have megabytes
def _hosting(files: tuple[tuple[Path, State], ...]) -> Hosting:
    hosting = read_hosting(path for path, _ in files)
    if hosting.fault is not None:
        log.warning("%s", hosting.fault)
    return hosting


def _own(config: Config) -> Iterator[str]:
    yield from filter(None, (config.splash.address4, config.splash.address6))
    yield from (each.host for each in config.dns.listen if each.host not in _ANY)
    yield from (each.host for each in config.dns.upstreams)
    yield from (each.host for entry in config.lists for each in entry.primaries)
