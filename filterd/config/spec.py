"""How a field of the schema says what it may hold, and which roles a change of it needs to be started again."""

import dataclasses
from typing import Any, NamedTuple

from filterd.config.kinds import Kind

MAX_ITEMS = 1000  # of a sequence that has no limit of its own: listeners, names, addresses

Restart = tuple[str, ...]  # the roles that must be started again
LIVE: Restart = ()
DNS: Restart = ("dns",)
GATE: Restart = ("gate",)
CONTROL: Restart = ("control",)
WEB: Restart = ("web",)
SPLASH: Restart = ("splash",)
METRICS: Restart = ("metrics",)
RADIUS: Restart = ("radius",)
ARCHIVE: Restart = ("archive",)
SIEM: Restart = ("siem",)
ALL: Restart = ("dns", "gate", "control", "web", "splash", "metrics")


class Spec(NamedTuple):
    """How a field is read: a scalar `kind` or a `shape` (a class of the schema), once or as a sequence.

    restart  what a change of it takes; None: what one of the part around it does"""

    kind: Kind | None
    shape: type | None
    is_many: bool
    at_least: int
    at_most: int
    restart: Restart | None = None


def one(kind: Kind, restart: Restart | None = None, **default: Any) -> Any:
    return dataclasses.field(metadata={"spec": Spec(kind, None, False, 0, 1, restart)}, **default)


def many(kind: Kind, at_least: int = 0, restart: Restart | None = None, **default: Any) -> Any:
    return dataclasses.field(metadata={"spec": Spec(kind, None, True, at_least, MAX_ITEMS, restart)}, **default)


def several(kind: Kind, at_most: int, restart: Restart | None = None, **default: Any) -> Any:
    return dataclasses.field(metadata={"spec": Spec(kind, None, True, 0, at_most, restart)}, **default)


def part(shape: type, restart: Restart | None = None) -> Any:
    return dataclasses.field(metadata={"spec": Spec(None, shape, False, 0, 1, restart)})


def parts(shape: type, at_most: int, restart: Restart | None = None, default: tuple[Any, ...] = ()) -> Any:
    return dataclasses.field(metadata={"spec": Spec(None, shape, True, 0, at_most, restart)}, default=default)
