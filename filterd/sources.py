"""The lists of a configuration as `rules` wants them, in their order, which is their precedence inside a tier.

Invariants: the number of a list in an image is its place here; the two lists without a file stand at the end, so that
adding them to an image changes nobody's number: the help corridor (compiled in), and the orders pushed over the API
(only ever in the delta).
"""

from fastpath.verdict import Action, Mode
from filterd.config import Config
from filterd.config.schema import ListEntry
from rules.canonical import canonical_wire
from rules.rule import Rule
from rules.source import Source, describe_source

HELP_LIST = "help-corridor"
ORDERS_LIST = "orders"


def config_sources(config: Config) -> list[Source]:
    """Every list of this box.   Raises BadSource."""
    has_splash = bool(config.splash.address4 or config.splash.address6)
    listed = [_source(entry, has_splash) for entry in config.lists]
    own = {"tier": "order", "action": _default_action(has_splash), "issuer": "API"}
    return [*listed, describe_source(HELP_LIST, None, {"tier": "help"}), describe_source(ORDERS_LIST, None, own)]


def help_rules(config: Config) -> list[Rule]:
    """The help corridor's names."""
    return [
        Rule(canonical_wire(name), Mode.SUBTREE, Action.NO_ACTION, number)
        for number, name in enumerate(config.help_corridor.names, 1)
    ]


def _source(entry: ListEntry, has_splash: bool) -> Source:
    said = {
        "format": entry.format,
        "match": entry.match,
        "tier": entry.tier,
        "category": entry.category,
        "issuer": entry.issuer,
        "action": entry.action or (None if entry.tier == "security" else _default_action(has_splash)),
        "allow_public_suffix": "yes" if entry.allow_public_suffix else None,
    }
    return describe_source(entry.id, entry.file, {key: value for key, value in said.items() if value is not None})


def _default_action(has_splash: bool) -> str:
    return "splash" if has_splash else "nxdomain"
