"""The rails of a configuration: what is protected, where many sites are, and what holds for orders.

Invariants: the box's own infrastructure is protected without being named: a list that closed it would close everything.
"""

from collections.abc import Iterator

from filterd.config import Config
from filterd.config.web_settings import settings_of
from filterd.images.order_rails import OrderRails
from filterd.lists.sources import orders_source
from rules.names.protected import Protected
from rules.names.shared_hosting import read_hosting

_ANY = ("0.0.0.0", "::")  # of a listener: every address of the box


def protected_of(config: Config) -> Protected:
    """Names and prefixes that no list and no order may block."""
    return Protected(config.protected.names, protected_prefixes(config))


def protected_prefixes(config: Config) -> list[str]:
    """Those that are configured, and the box's own."""
    return sorted({*config.protected.prefixes, *_own(config)})


def order_rails_of(config: Config) -> OrderRails:
    """The rails of the orders.   Reads the lists of shared hosting."""
    hosting = read_hosting(config.protected.shared_hosting)
    return OrderRails(orders_source(config), protected_of(config), hosting, has_gate=settings_of(config).has_gate)


def _own(config: Config) -> Iterator[str]:
    yield from filter(None, (config.splash.address4, config.splash.address6))
    yield from (each.host for each in config.dns.listen if each.host not in _ANY)
    yield from (each.host for each in config.dns.upstreams)
    yield from (each.host for entry in config.lists for each in entry.primaries)
