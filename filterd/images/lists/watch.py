"""The watched names of a configuration.

Invariants: a file that is damaged, or is gone, takes nothing away: what was last read from it holds, as long as this
process lives.  In a process that has never read it, it is a fault: a job then leaves the base in force as it is.
"""

import hashlib
import logging
from functools import lru_cache
from pathlib import Path
from typing import Final

from filterd.config import Config
from rules.base.canonical import canonical_wire
from rules.base.critical import critical, version
from rules.base.errors import BadList
from rules.base.watch_files import read_watch_list
from rules.base.watched import WatchedNames, WatchList

log = logging.getLogger("filterd.images.lists.watch")
_KEPT: Final = 64  # lists: the files of one box, and some that were changed since

State = tuple[int, ...]
_last_good: dict[tuple[Path, int], WatchList] = {}


def watched_of(config: Config) -> WatchedNames:
    """What is watched on this box.   A file is read again where it has changed.   Raises BadList."""
    said = config.protected
    return _watched(tuple((path, state_of(path)) for path in said.watch), said.watch_top, said.critical, said.released)


def watch_lists_of(config: Config) -> list[WatchList]:
    """The same, list by list.   Raises BadList"""
    said = config.protected
    return _lists(tuple((path, state_of(path)) for path in said.watch), said.watch_top, said.critical)


def released_of(config: Config) -> list[bytes]:
    """The names that are not watched, each with all below it."""
    return [canonical_wire(name) for name in config.protected.released]


def watch_inputs(config: Config) -> list[object]:
    """What decides which names and addresses are watched, to be compared: it changes where a file's octets do."""
    said = config.protected
    files = [[str(path), _digest(path, state_of(path))] for path in (*said.watch, *said.shared_hosting)]
    return [files, said.watch_top, version() if said.critical else "", list(said.released)]


def state_of(path: Path) -> State:
    """What changes with a file's content; nothing: it is missing."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_ino, found.st_mtime_ns, found.st_size


@lru_cache(maxsize=2)  # a publication takes milliseconds, and a ranking has megabytes
def _watched(
    files: tuple[tuple[Path, State], ...], top: int, has_critical: bool, released: tuple[str, ...]
) -> WatchedNames:
    return WatchedNames(_lists(files, top, has_critical), map(canonical_wire, released))


def _lists(files: tuple[tuple[Path, State], ...], top: int, has_critical: bool) -> list[WatchList]:
    return [*(critical() if has_critical else ()), *(_list(path, top) for path, _ in files)]


def _list(path: Path, top: int) -> WatchList:
    try:
        found = read_watch_list(path, top)
    except (BadList, OSError) as reason:
        known = _last_good.get((path, top))
        if known is None:
            said = str(reason) if isinstance(reason, BadList) else f"{path}: {reason.strerror or reason}"
            raise BadList(f"/protected/watch: {said}; nothing changed; put the list there, or take it out") from reason
        log.warning("/protected/watch: %s; what was read from it before holds", reason)
        return known
    while len(_last_good) >= _KEPT:
        _last_good.pop(next(iter(_last_good)))
    _last_good[path, top] = found
    return found


@lru_cache(maxsize=_KEPT)
def _digest(path: Path, _state: State) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""
