"""What new versions of lists have brought: names and URLs that they may close now, for the cut.

    compile job: base before, its copies ─┐
                 base now, its copies ────┴─ filterd.control.cut has them from here, once, and they are gone

A rule counts where a connection could end by it: one that is new, and an exception that is gone.  Whether it closes
anything is asked of what is in force later.

A sealed list brings none: no one here can read it, so what runs of its new names ends by itself.
Invariants: names of confidential lists lie where their copies lie, readable by their owner alone, for as long as
control needs to read them; a list of more than MOST is named, and none of its names is; so is one whose copy before is
not kept any more.   Absent on purpose: a list that was taken out of the configuration.
Cost: as rules.lists.diff, in the job, for a list that has changed; nothing for others.
"""

import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

from fastpath.images.key_builder import ListSpec
from fastpath.images.verdict import Action
from filterd.box.places import LISTS
from filterd.config import Config
from filterd.images.lists.sources import shelf_of, source_of
from rules.base.atomic_file import writing_whole
from rules.base.errors import BadList
from rules.base.rule import Rule
from rules.lists.compiler.compile import list_specs
from rules.lists.diff import Change, Items, iter_changes
from rules.lists.reader import read_source
from rules.lists.source import Source

MOST = 10_000  # of a list: 10 ms to hash, and some octets each in control
FILE = "NEW-NAMES"  # no list has capital letters

log = logging.getLogger("filterd.control.service")


@dataclass(frozen=True, slots=True)
class BroughtNames:
    """wires  names in wire form, and URLs;   beyond  ids of lists that have brought more than MOST"""

    wires: frozenset[bytes] = frozenset()
    beyond: tuple[str, ...] = ()


def write_brought(
    config: Config, sources: Sequence[Source], specs_before: Sequence[ListSpec], report_before: Mapping[str, Any]
) -> None:
    """Leave for control what `sources` have brought since the base before, in addition to what it has not taken yet."""
    of_before = {spec.id: spec for spec in specs_before}
    files_before = {each["list"]: each["file"] for each in report_before["lists"]}
    left = take_brought(config)
    wires, beyond = set(left.wires), list(left.beyond)
    for source, spec in zip(sources, list_specs(sources), strict=True):
        file = files_before.get(source.id) if of_before.get(source.id) == spec else None
        if source.path is None or source.is_sealed or source.action is Action.SHADOW or str(source.path) == file:
            continue
        try:
            found = list(islice(_brought(config, source, file), MOST + 1))
        except BadList:  # the copy before is gone
            found = None
        if found is None or len(found) > MOST:
            beyond.append(source.id)
        else:
            wires.update(found)
    path = config.state_dir / LISTS / FILE
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with writing_whole(path) as out:
        os.fchmod(out.fileno(), 0o600)
        out.write(json.dumps({"wires": [wire.hex() for wire in sorted(wires)], "beyond": beyond}).encode())


def take_brought(config: Config) -> BroughtNames:
    """What the last job has left, once."""
    path = config.state_dir / LISTS / FILE
    try:
        octets = path.read_bytes()
        path.unlink()
        said = json.loads(octets)
        return BroughtNames(frozenset(map(bytes.fromhex, said["wires"])), tuple(said["beyond"]))
    except FileNotFoundError:
        return BroughtNames()
    except (OSError, ValueError, KeyError) as reason:
        log.warning("%s: %s; what runs of new names goes on, new connections are judged", path, reason)
        return BroughtNames()


# ----------------------------------------------------------------------------------------------------------------------


def _brought(config: Config, source: Source, file: str | None) -> Iterator[bytes]:
    """file  of the copy before; None: all of it is new"""
    old: Callable[[], Items] = tuple if file is None else partial(read_source, _source_before(config, source, file))
    for change in iter_changes(old, partial(read_source, source)):
        if _may_close(change, source.action):
            yield change.rule.wire if isinstance(change.rule, Rule) else change.rule.url


def _source_before(config: Config, source: Source, file: str) -> Source:
    """Raises BadList where that copy is not kept any more."""
    [entry] = [each for each in config.lists if each.id == source.id]
    shelf = shelf_of(config, entry)
    kept = shelf.kept()
    for version in (kept.held, *kept.older):  # held: it was rolled back
        if version is not None and str(shelf.copy(version)) == file:
            return source_of(config, entry, version)
    raise BadList(f"{file}: not kept; not compared")


def _may_close(change: Change, action_of_list: Action) -> bool:
    action = action_of_list if change.rule.action is Action.NO_ACTION else change.rule.action
    return change.is_added != (action is Action.PASSTHRU)
