"""`filterd lists entries`: what the owner of a sealed list, or the issuer of a sealed order, learns of the entries.

An entry is named by the version's digest, or the order's number, and its line in what was encrypted: who has that finds
it, and no one else.
Invariants: nothing is read but the report of the compilation in force.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from filterd.box.errors import ApiRefusal
from filterd.box.places import IMAGES
from filterd.config import Config
from filterd.config.schema import SEALED_ORDERS, ListEntry
from filterd.images.compile import remembered
from rules.lists.compiler.sealed_digests import MOST_ENTRIES


def tell_entries(config: Config, entry: ListEntry, is_json: bool) -> int:
    """Print how many entries of a list are enforced how far, and which ones are not enforced whole.

    Raises ApiRefusal"""
    said = _report_of(config, entry)
    version = str(said["file"]).rpartition("-")[2]
    counts = {state: n for state, n in said["enforceability"].items() if n}
    head = {"list": entry.id, "version": version, "counts": counts}
    print(json.dumps(head) if is_json else f"version {_counted(version, counts)}")
    _tell_lines(version, said["entries"], is_json)
    return 0


def tell_orders(config: Config, is_json: bool) -> int:
    """The same of each sealed order that is in force.   Raises ApiRefusal"""
    said = _compiled(config, SEALED_ORDERS)
    if said is None:
        raise ApiRefusal("no sealed order is in force; nothing shown; see how far they are: filterd orders list")
    for order, counts in said["letters"].items():
        print(json.dumps({"order": int(order), "counts": counts}) if is_json else f"order {_counted(order, counts)}")
        _tell_lines(order, said["lines"].get(order, {}), is_json)
    return 0


def _tell_lines(of: str, states: Mapping[str, Sequence[int]], is_json: bool) -> None:
    for state, lines in states.items():
        for line in lines:
            one = f"{of}:{line}"
            print(json.dumps({"entry": one, "state": state}) if is_json else f"  {one}  {state}")
        if len(lines) == MOST_ENTRIES and not is_json:
            print(f"  … the first {MOST_ENTRIES:,} of {state}")


def _report_of(config: Config, entry: ListEntry) -> dict[str, Any]:
    if not entry.sealed:
        raise ApiRefusal(f"list {entry.id}: not sealed; nothing shown; filterd compile --json reports on other lists")
    if (said := _compiled(config, entry.id)) is not None:
        return said
    raise ApiRefusal(
        f"list {entry.id}: nothing of it is compiled yet; nothing shown; see: filterd lists list {entry.id}"
    )


def _compiled(config: Config, list_id: str) -> dict[str, Any] | None:
    compiled = remembered(config.state_dir / IMAGES)
    held = (each for each in (compiled.report["lists"] if compiled else ()) if each["list"] == list_id)
    return next((each for each in held if each["file"]), None)


def _counted(what: str, counts: Mapping[str, int]) -> str:
    return f"{what}: " + (", ".join(f"{n:,} {state}" for state, n in counts.items()) or "no entry")
