"""Adds lists to the operator's configuration file, as text: what a person has written there stays, comments too.

Invariants: the file is replaced whole or not at all; nothing is written that adds a fault to it; where the text does
not have the form that this can add to, it says so and what to write.
"""

import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from filterd.config.load import BadConfig, Fault, examine, octets_of
from rules.base.atomic_file import writing_whole

QUOTED = frozenset("#:{}[],&*!|>'\"%@`")  # characters that a scalar of YAML is quoted for


class CannotAdd(ValueError):
    """The file cannot be added to; the message says why, and what to do."""


def line_of(list_id: str, entry: Mapping[str, Any]) -> str:
    """A list as one line of the configuration, without its dash."""
    keys = {"id": list_id, **entry}
    return "{" + ", ".join(f"{key}: {_scalar(value)}" for key, value in keys.items()) + "}"


def add_lists(path: Path, lines: Iterable[str]) -> None:
    """Add lists at the end of /lists.   Raises CannotAdd, BadConfig for a file that cannot be read or has faults"""
    path = path.resolve()  # a link stays one
    text = octets_of(path)
    before = examine(text, str(path), path.parent.absolute()).faults
    if before:
        raise BadConfig(before)
    added = _with_lists(text.decode(), list(lines), str(path)).encode()
    faults = examine(added, str(path), path.parent.absolute()).faults
    if faults:
        raise BadConfig([_of_the_added(fault) for fault in faults])
    with writing_whole(path) as file:
        file.write(added)
        shutil.copymode(path, file.name)
        owner = path.stat()
        if os.geteuid() == 0:
            os.chown(file.fileno(), owner.st_uid, owner.st_gid)


def _with_lists(text: str, lines: list[str], name: str) -> str:
    node = _lists_in(text)
    if node is None:
        ending = "" if not text or text.endswith("\n") else "\n"
        return text + ending + "\nlists:\n" + "".join(f"  - {line}\n" for line in lines)
    if not isinstance(node, yaml.SequenceNode) or node.flow_style or not node.value:
        where = node.start_mark.line + 1
        raise CannotAdd(f"{name}:{where}: the lists are not one '- …' for each line; nothing written; add them by hand")
    rows = text.splitlines(keepends=True)
    at = _last_line(node.value[-1]) + 1
    if not rows[at - 1].endswith("\n"):
        rows[at - 1] += "\n"
    indent = " " * node.start_mark.column
    return "".join([*rows[:at], *(f"{indent}- {line}\n" for line in lines), *rows[at:]])


def _lists_in(text: str) -> yaml.Node | None:
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode):
        return None
    return next((value for key, value in root.value if key.value == "lists"), None)


def _last_line(node: yaml.Node) -> int:
    """The line in which a node ends; a block's own mark is behind the comments that follow it."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _last_line(last[1] if isinstance(node, yaml.MappingNode) else last)
    end = node.end_mark
    is_behind = end.column == 0 and end.line > node.start_mark.line
    return int(end.line) - (1 if is_behind else 0)


def _of_the_added(fault: Fault) -> Fault:
    return Fault(fault.file, fault.line, fault.path, fault.found, fault.write, "nothing written")


def _scalar(said: Any) -> str:
    value = str(said).lower() if isinstance(said, bool) else str(said)
    return f'"{value}"' if value.startswith("http") or set(value) & QUOTED - {":"} else value
