"""What a change of the configuration takes, key by key: in force at once, or once a role has been started again.

Invariants: the schema alone says what a change of a key takes; a sequence of parts, such as the lists, is one key.
"""

import dataclasses
import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

from filterd.config.schema import Config
from filterd.config.spec import ALL, Restart, Spec

Shape = TypeVar("Shape")


class Key(NamedTuple):
    """A key and its value.   restart: the roles that must be started again before a change of it is in force"""

    path: str
    value: object
    restart: Restart


def keys_of(config: Config) -> Iterator[Key]:
    """Every key, in the order of the schema."""
    return _keys(config, "", ALL)


def changed(old: Config, new: Config) -> list[Key]:
    """The keys that differ, with their new values."""
    return [key for was, key in zip(keys_of(old), keys_of(new), strict=True) if was.value != key.value]


def as_far_as_live(role: str, running: Config, new: Config) -> Config:
    """What is in force in a running role once it has taken `new`: old values where the role would have to restart."""
    return _mixed(role, running, new, ALL)


def digests(config: Config, role: str) -> dict[str, str]:
    """Path → a digest of the value, of every key that only a restart of this role changes."""
    return {key.path: _digest(key.value) for key in keys_of(config) if role in key.restart}


def outdated(config: Config, role: str, started_with: Mapping[str, str]) -> list[str]:
    """The keys for which a role that was started with these digests must be started again."""
    return [path for path, digest in digests(config, role).items() if started_with.get(path, digest) != digest]


# ----------------------------------------------------------------------------------------------------------------------


def _keys(shape: Any, above: str, restart: Restart) -> Iterator[Key]:
    for field in dataclasses.fields(shape):
        spec: Spec = field.metadata["spec"]
        path, value = f"{above}/{field.name}", getattr(shape, field.name)
        below = restart if spec.restart is None else spec.restart
        if spec.shape is None or spec.is_many:
            yield Key(path, value, below)
        else:
            yield from _keys(value, path, below)


def _mixed(role: str, running: Shape, new: Shape, restart: Restart) -> Shape:
    values = {}
    for field in dataclasses.fields(new):  # type: ignore[arg-type]  # every shape of the schema is a dataclass
        spec: Spec = field.metadata["spec"]
        below = restart if spec.restart is None else spec.restart
        old_value, new_value = getattr(running, field.name), getattr(new, field.name)
        if spec.shape is not None and not spec.is_many:
            values[field.name] = _mixed(role, old_value, new_value, below)
        else:
            values[field.name] = old_value if role in below else new_value
    return type(new)(**values)


def _digest(value: object) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()[:16]
