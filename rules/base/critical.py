"""The watch list that comes with filterd: what Pakistan cannot do without, by class.

Names of the state, its universities, hospitals and banks, and of what everyone uses; each with everything below it.
Source: written for filterd, from what was closed by mistake in Pakistan and elsewhere since 2008.
"""

import json
from functools import cache
from pathlib import Path

from rules.base.canonical import canonical_wire
from rules.base.watched import WatchList

NAME = "pk-critical"
_FILE = Path(__file__).with_name("critical.json")


@cache
def critical() -> tuple[WatchList, ...]:
    """A list for each class, named `pk-critical, CLASS`."""
    said = json.loads(_FILE.read_text("utf-8"))
    return tuple(
        WatchList(f"{NAME}, {each}", below=frozenset(map(canonical_wire, names)))
        for each, names in said["classes"].items()
    )


@cache
def version() -> str:
    """The day of the list."""
    return str(json.loads(_FILE.read_text("utf-8"))["day"])
