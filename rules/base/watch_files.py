"""Files of watched names: MISP's warning lists, Tranco's ranking, or a text.

    .json   a warning list of MISP: type hostname (with everything below each), or string (each alone)
    .csv    RANK,NAME, as Tranco and Cisco publish them: the first `top`, each alone
    else    a text: the first line is `# NAME`, then a name a line, each with everything below it

Invariants: a file is read whole or not at all; what is no name in it (an address, a scheme) is left out.
Source: MISP/misp-warninglists; Le Pochat et al., "Tranco: a research-oriented top sites ranking", NDSS 2019.
"""

import csv
import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from rules.base.canonical import canonical_wire
from rules.base.errors import BadList, BadName
from rules.base.watched import WatchList

MAX_OCTETS = 64 << 20  # Tranco's million has 22 MiB
MISP_TYPES = ("hostname", "string")
NAME_CHARACTERS = 60


def read_watch_list(path: Path, top: int) -> WatchList:
    """Read one file.   top  of a ranking: how many ranks are watched.   Raises BadList, OSError."""
    try:
        return _read(path, top)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, csv.Error) as reason:
        raise BadList(
            f"{path}: {reason}; not read; write '# NAME' and a name a line, or take a warning list of MISP (.json, "
            "type hostname or string) or a ranking (.csv of RANK,NAME)"
        ) from reason


def _read(path: Path, top: int) -> WatchList:
    text = _text(path)
    match path.suffix.lower():
        case ".json":
            found = _of_misp(text)
        case ".csv":
            found = WatchList(_title(path.stem), alone=_names(islice(_ranked(text), top)))
        case _:
            found = _of_text(text)
    if not found.below | found.alone:
        raise ValueError("no name in it")
    return found


def _text(path: Path) -> str:
    with path.open("rb") as file:
        octets = file.read(MAX_OCTETS + 1)
    if len(octets) > MAX_OCTETS:
        raise ValueError(f"longer than {MAX_OCTETS >> 20} MiB")
    return octets.decode("utf-8-sig")


def _ranked(text: str) -> Iterator[str]:
    for number, row in enumerate(csv.reader(text.splitlines()), 1):
        if len(row) < 2:
            raise ValueError(f"line {number} is no rank and name")
        yield row[1]


def _of_misp(text: str) -> WatchList:
    said = json.loads(text)
    if said["type"] not in MISP_TYPES:
        raise ValueError(f"a list of type {said['type']!r:.40}, not hostname or string")
    names, title = _names(map(str, said["list"])), _title(str(said["name"]))
    return WatchList(title, below=names) if said["type"] == "hostname" else WatchList(title, alone=names)


def _of_text(text: str) -> WatchList:
    head, *lines = text.splitlines() or [""]
    title = head.removeprefix("#").strip()
    if not head.startswith("#") or not title:
        raise ValueError("the first line has no name")
    written = (line.partition("#")[0].strip() for line in lines)
    return WatchList(_title(title), below=_names(line for line in written if line))


def _names(said: Iterable[str]) -> frozenset[bytes]:
    return frozenset(_wires(said))


def _wires(said: Iterable[str]) -> Iterator[bytes]:
    for each in said:
        try:
            wire = canonical_wire(each.strip().removeprefix("*").removeprefix("."))
        except BadName:
            continue
        if wire != b"\0":
            yield wire


def _title(said: str) -> str:
    return "".join(c for c in said if c.isprintable())[:NAME_CHARACTERS].strip() or "watch list"
