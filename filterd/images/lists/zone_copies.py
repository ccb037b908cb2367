"""Zones as lists: what is had of one, when its primaries are asked, and what a journal adds to a copy.

    kept copy + journal = the newest that is had;   its serial is what is asked from

Invariants: the copy that is kept is never written to; nothing here opens a connection (zone_transfer does).
Source: RFC 1035 §3.3.13 and RFC 1912 §2.2 (refresh, retry, expire).
"""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from filterd.config import Config
from filterd.config.schema import ListEntry
from filterd.images.lists.sources import holds_confidential, reading_of, shelf_of
from filterd.images.lists.zone_journal import Journal
from rules.base.canonical import canonical_wire
from rules.lists.versions import ListHistory, Version, arrived
from rules.lists.zone_copy import Difference, ZoneTimers, apply, timers_of

SHORTEST_S: Final = 30.0  # between two questions for a zone, no matter what its SOA says
LONG_RECORDS: Final = 1000  # of a journal: then it becomes part of the copy, and of the next base
OLD_S: Final = 3600.0  # the same of its copy's age


@dataclass(frozen=True, slots=True)
class Newest:
    """What is had of a zone: a version, its copy, and the changes that it has seen since."""

    version: Version
    copy: Path
    serial: int
    differences: list[Difference]


def wait_of(entry: ListEntry, timers: ZoneTimers | None, has_failed: bool) -> float:
    """Seconds between two questions: as the zone's SOA says, at most `every`."""
    if timers is None:
        return entry.every / 10 if has_failed else float(entry.every)
    asked_s = timers.retry_s if has_failed else timers.refresh_s
    return max(SHORTEST_S, min(float(asked_s), float(entry.every)))


def zone_timers(config: Config, entry: ListEntry, kept: ListHistory) -> ZoneTimers | None:
    """The timers of a zone's good copy."""
    return None if kept.good is None else _timers(entry, shelf_of(config, entry).copy(kept.good))


def newest_of(config: Config, entry: ListEntry, kept: ListHistory) -> Newest | None:
    """The newest that is had, judged or not; None where there is no transferred copy."""
    shelf = shelf_of(config, entry)
    for version in (kept.waiting, kept.held, kept.good):
        timers = _timers(entry, shelf.copy(version)) if version is not None else None
        if version is not None and timers is not None:
            since = Journal(shelf.directory).since(timers.serial)
            return Newest(version, shelf.copy(version), since[-1].serial if since else timers.serial, since)
    return None


def has_long_journal(config: Config, entry: ListEntry, kept: ListHistory, now_s: float) -> bool:
    """Whether it is time for a copy with the changes of the journal in it."""
    if entry.zone is None or kept.good is None or kept.held is not None or kept.waiting is not None:
        return False
    newest = newest_of(config, entry, kept)
    n_records = sum(len(each.removed) + len(each.added) for each in newest.differences) if newest else 0
    return n_records >= LONG_RECORDS or (n_records > 0 and now_s - kept.good.fetched_s > OLD_S)


def merge_journal(config: Config, entry: ListEntry, kept: ListHistory, now_s: float) -> ListHistory:
    """The copy with the changes of the journal in it, as a version that waits.   Raises BadZone, OSError."""
    shelf, newest = shelf_of(config, entry), newest_of(config, entry, kept)
    assert newest is not None
    with shelf.receiving() as part:
        apply(newest.copy, newest.differences, part.write)
        origin = f"{entry.zone} serial {newest.serial}"
        version = Version(
            part.end(),
            part.octets,
            origin,
            reading_of(entry),
            now_s,
            is_confidential=holds_confidential(entry, newest.version),
        )
        return shelf.take(part, version, partial(arrived, version=version))


def confirmed(kept: ListHistory, now_s: float) -> ListHistory:
    """The primary has nothing newer than what is had."""
    is_good = kept.good is not None and kept.held is None and kept.waiting is None
    return replace(kept, asked_s=now_s, failed=None, confirmed_s=now_s if is_good else kept.confirmed_s)


# ----------------------------------------------------------------------------------------------------------------------


def _timers(entry: ListEntry, copy: Path) -> ZoneTimers | None:
    return None if entry.zone is None else timers_of(copy, canonical_wire(entry.zone))
