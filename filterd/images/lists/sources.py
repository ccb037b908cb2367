"""The lists of a configuration as `rules` wants them, in their order, which is their precedence inside a tier.

Invariants: what is compiled is the last good copy of a list, never what its source gives at the moment; the number of a
list in an image is its place here; the lists that have no source stand at the end, so that adding them to an image
changes no other list's number: the help corridor (compiled in), the orders pushed over the API, and those in shadow,
behind all that is in force: what is blocked already is not counted for them.
Before them stands the list of the sealed orders, where there are any.
"""

from dataclasses import replace

from fastpath.images.verdict import Action, Mode
from filterd.box.places import LISTS
from filterd.config import Config
from filterd.config.family import door_names
from filterd.config.schema import ListEntry
from filterd.images.lists.sealed_orders import bundle_source
from mgmt.orders.phases.shadow_places import SHADOW_LISTS
from rules.base.canonical import canonical_wire
from rules.base.errors import BadList
from rules.base.rule import Rule
from rules.lists.acceptance import Limits
from rules.lists.source import Source, describe_source
from rules.lists.versions import Shelf, Version

HELP_LIST = "help-corridor"
ORDERS_LIST = "orders"
DIRECTED_PERCENT = 5  # new rules of a list that others direct: more are a wrong file more often than news


def config_sources(config: Config) -> list[Source]:
    """Every list of this box as it is to be compiled: its last good copy, read as that was when it was judged; without
    a path where none exists.   Raises BadSource, BadList for a list whose state cannot be read."""
    listed = [_kept_source(config, entry) for entry in config.lists]
    sealed = bundle_source(config, _default_action(config))
    listed += [] if sealed is None else [sealed]
    help_source = describe_source(HELP_LIST, None, {"tier": "help"})
    return [*listed, help_source, orders_source(config), *map(_shadow_source, SHADOW_LISTS)]


def orders_source(config: Config) -> Source:
    """The list that holds the orders pushed over the API."""
    own = {"tier": "order", "action": _default_action(config), "issuer": "API"}
    return describe_source(ORDERS_LIST, None, own)


def described(config: Config, entry: ListEntry) -> Source:
    """A list as the configuration describes it."""
    return _describe(config, entry, reading_of(entry))


def source_of(config: Config, entry: ListEntry, version: Version) -> Source:
    """One version of a list, read as it was when it was judged."""
    return replace(_describe(config, entry, version.reading), path=shelf_of(config, entry).copy(version))


def reading_of(entry: ListEntry) -> str:
    """How a list's octets are read, as one text: what was read otherwise is judged again."""
    return entry.format + (f",columns={entry.columns}" if entry.columns else "")


def limits_of(entry: ListEntry) -> Limits:
    """How much a new version of a list may differ from the last good one."""
    added_percent = entry.added_percent
    if added_percent is None:
        added_percent = DIRECTED_PERCENT if entry.tier in ("csam", "order") else 100
    return Limits(entry.shrink_percent, entry.grow_percent, added_percent, entry.unreadable_percent, entry.first_rules)


def is_confidential(entry: ListEntry) -> bool:
    """Whether the list's entries are shown to no one."""
    return entry.tier == "csam" or entry.sealed


def holds_confidential(entry: ListEntry, before: Version | None) -> bool:
    """The same of a version that changes of the one before have made; None: it came whole."""
    return is_confidential(entry) or (before is not None and before.is_confidential is not False)


def shelf_of(config: Config, entry: ListEntry) -> Shelf:
    """Where a list's copies are."""
    return Shelf(config.state_dir / LISTS / entry.id)


def help_rules(config: Config) -> list[Rule]:
    """What no lock closes: the help corridor's names, those of the families' door, and our own over TLS and HTTPS, with
    the devices' tokens below it."""
    tls = config.dns.tls
    resolvers = [tls.name] if tls.name is not None and tls.certificate is not None else []
    modes = [(name, Mode.SUBTREE) for name in (*config.help_corridor.names, *resolvers)]
    modes += [(name, Mode.EXACT) for name in door_names(config.family, config.api)]
    return [Rule(canonical_wire(name), mode, Action.NO_ACTION, number) for number, (name, mode) in enumerate(modes, 1)]


def _shadow_source(list_id: str) -> Source:
    return describe_source(list_id, None, {"tier": "order", "action": "shadow", "issuer": "API"})


def _kept_source(config: Config, entry: ListEntry) -> Source:
    try:
        good = shelf_of(config, entry).kept().good
    except ValueError as reason:
        raise BadList(str(reason)) from reason
    return described(config, entry) if good is None else source_of(config, entry, good)


def _describe(config: Config, entry: ListEntry, reading: str) -> Source:
    list_format, _, columns = reading.partition(",columns=")
    said = {
        "format": list_format,
        "columns": columns or None,
        "match": entry.match,
        "tier": entry.tier,
        "category": entry.category,
        "service": entry.service,
        "issuer": entry.issuer,
        "action": entry.action or (None if entry.tier == "security" else _default_action(config)),
        "allow_public_suffix": "yes" if entry.allow_public_suffix else None,
    }
    source = describe_source(entry.id, None, {key: value for key, value in said.items() if value is not None})
    return replace(source, is_zone=entry.zone is not None, is_sealed=entry.sealed)


def _default_action(config: Config) -> str:
    return "splash" if config.splash.address4 or config.splash.address6 else "nxdomain"
