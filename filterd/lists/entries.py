"""`filterd lists entries`: what the owner of a sealed list is told of its entries.

An entry is named by the version's digest and its line in what the owner has encrypted: who has the list finds
it, and no one else.
Invariants: nothing is read but the report of the compilation in force.
"""

import json
from collections.abc import Mapping
from typing import Any

from filterd.config import Config
from filterd.config.schema import ListEntry
from filterd.errors import Refused
from filterd.images.compile import remembered
from filterd.places import IMAGES
from rules.compiler.sealed_digests import MOST_ENTRIES


def tell_entries(config: Config, entry: ListEntry, is_json: bool) -> int:
    """Print how many entries of a list are enforced how far, and which ones are not enforced whole.   Raises Refused"""
    said = _report_of(config, entry)
    version = str(said["file"]).rpartition("-")[2]
    counts = {state: n for state, n in said["enforceability"].items() if n}
    print(json.dumps({"list": entry.id, "version": version, "counts": counts}) if is_json else _head(version, counts))
    for state, lines in said["entries"].items():
        for line in lines:
            one = f"{version}:{line}"
            print(json.dumps({"entry": one, "state": state}) if is_json else f"  {one}  {state}")
        if len(lines) == MOST_ENTRIES and not is_json:
            print(f"  … the first {MOST_ENTRIES:,} of {state}")
    return 0


def _report_of(config: Config, entry: ListEntry) -> dict[str, Any]:
    if not entry.sealed:
        raise Refused(f"list {entry.id}: not sealed; nothing shown; filterd compile --json reports on other lists")
    compiled = remembered(config.state_dir / IMAGES)
    for said in compiled.report["lists"] if compiled else ():
        if said["list"] == entry.id and said["file"]:
            found: dict[str, Any] = said
            return found
    raise Refused(f"list {entry.id}: nothing of it is compiled yet; nothing shown; see: filterd lists list {entry.id}")


def _head(version: str, counts: Mapping[str, int]) -> str:
    return f"version {version}: " + (", ".join(f"{n:,} {state}" for state, n in counts.items()) or "no entry")
