"""Small changes of transferred zones, in force at once through the live delta.

    NOTIFY | refresh time → IXFR ─┬─ small → journal (fsync) → delta → workers
                                  └─ anything else → `filterd lists pull`, as any list

Runs in the control role.
Invariants: what the delta holds of a zone is what the journal says beyond the copy that the base was made of; here an
answer of at most MAX_OCTETS is read, and never a list; changes that judging could hold are not small.
Cost: 100 names in a zone of a million: 20 to 65 ms from the question to the workers' acks, on two busy cores.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from dns.base.errors import TransferFailure
from dns.base.message import Record
from dns.zones.ixfr import Kind, TooManyChanges
from dns.zones.notify_in import SecondaryZone, Zones
from dns.zones.xfr_in import Limits
from filterd.config import Config
from filterd.config.schema import ListEntry
from filterd.images.lists.rails import protected_of
from filterd.images.lists.sources import described, limits_of, shelf_of
from filterd.images.lists.zone_copies import Newest, confirmed, newest_of
from filterd.images.lists.zone_journal import Journal
from filterd.images.lists.zone_transfer import ask_primaries, differences_of, key_of
from filterd.images.live_delta import LiveDelta
from filterd.images.zone_delta import is_by_itself, take_differences
from rules.base.canonical import canonical_wire
from rules.lists.acceptance import FEW_RULES, MANY_RULES, are_many_new
from rules.lists.versions import Version
from rules.lists.zone_copy import Difference, timers_of

MAX_OCTETS: Final = 1 << 20
MAX_RECORDS: Final = 2500  # of a journal: a delta of 10,000 names takes 50 ms in each worker, and there are others
PATIENCE_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class News:
    """What a primary had that can be live at once; nothing: it has nothing newer."""

    differences: list[Difference]


async def zone_news(config: Config, entry: ListEntry, live: LiveDelta) -> News | None:
    """Ask the primaries of a zone what is new.   None: not a small change, or no answer; a pull finds out more."""
    shelf = shelf_of(config, entry)
    kept = shelf.kept()
    good, newest = kept.good, newest_of(config, entry, kept)
    if good is None or newest is None or newest.copy != shelf.copy(good) or str(newest.copy) != live.file_of(entry.id):
        return None
    limits = Limits(PATIENCE_S, MAX_OCTETS, MAX_RECORDS)
    try:
        found, _ = await ask_primaries(entry, newest.serial, _refuse, limits, lambda: None)
    except (TransferFailure, TooManyChanges):
        return None
    if found.kind is Kind.CURRENT:
        return News([])
    differences = differences_of(canonical_wire(entry.zone or ""), found.changes)
    return News(differences) if _is_small(entry, good, newest, differences) else None


def keep_news(config: Config, entry: ListEntry, news: News) -> None:
    """Add news to the journal.   Raises OSError."""
    Journal(shelf_of(config, entry).directory).append(news.differences)


def confirm_zone(config: Config, entry: ListEntry, now_s: float) -> None:
    """The primary has been asked, and what is in force is its newest."""
    shelf_of(config, entry).change(partial(confirmed, now_s=now_s))


def catch_up_zones(config: Config, live: LiveDelta) -> None:
    """Take over what journals hold beyond what the delta has.   Raises OSError."""
    for entry in config.lists:
        serial = live.zone_serials.get(entry.id, _base_serial(live, entry))
        if serial is None:
            continue
        since = Journal(shelf_of(config, entry).directory).since(serial)
        if since:
            take_differences(live, described(config, entry), protected_of(config), since)
        live.zone_serials[entry.id] = since[-1].serial if since else serial


def shorten_journals(config: Config, live: LiveDelta) -> None:
    """Drop from the journals what the base in force holds.   Raises OSError."""
    for entry in config.lists:
        serial = _base_serial(live, entry)
        if serial is not None:
            Journal(shelf_of(config, entry).directory).keep_since(serial)


def watched_zones(config: Config) -> Zones:
    """Which primaries may send NOTIFY for a zone.   A key that cannot be read is a fault of the next transfer."""
    found: dict[bytes, SecondaryZone] = {}
    for entry in config.lists:
        if entry.zone is not None:
            try:
                key = key_of(entry)
            except (OSError, ValueError):
                key = None
            found[canonical_wire(entry.zone)] = SecondaryZone(frozenset(each.host for each in entry.primaries), key)
    return found


# ----------------------------------------------------------------------------------------------------------------------


def _base_serial(live: LiveDelta, entry: ListEntry) -> int | None:
    """The serial of the copy that the base was made of; None where it holds no transferred one."""
    copy = live.file_of(entry.id)
    if copy is None or entry.zone is None:
        return None
    timers = timers_of(Path(copy), canonical_wire(entry.zone))
    return None if timers is None else timers.serial


def _is_small(entry: ListEntry, good: Version, newest: Newest, differences: list[Difference]) -> bool:
    """Whether changes may be live at once: few, each a rule by itself, and nothing that judging would hold."""
    every = [*newest.differences, *differences]
    n_removed, n_added = sum(len(each.removed) for each in every), sum(len(each.added) for each in every)
    if n_removed + n_added > MAX_RECORDS:
        return False
    limits = limits_of(entry)
    if n_removed >= FEW_RULES and n_removed * 100 > good.n_rules * limits.shrink_percent:
        return False
    if good.n_rules + n_added > MANY_RULES and n_added * 100 > good.n_rules * limits.grow_percent:
        return False
    if are_many_new(n_added, good.n_rules, limits):
        return False
    return all(is_by_itself(line) for each in differences for line in (*each.removed, *each.added))


def _refuse(_record: Record) -> None:
    """A whole zone is for a pull."""
    raise TooManyChanges
