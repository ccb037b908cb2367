"""Where each list stands: when it is due, whether something waits to be taken in, what is wrong with it.

Runs in the control role and in the list commands; it opens no connection and parses no list.
Invariants: text about a confidential list holds no entry of it.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filterd.config import Config
from filterd.config.schema import ListEntry
from filterd.images.lists.signatures import signing_of
from filterd.images.lists.sources import is_confidential, reading_of, shelf_of
from filterd.images.lists.zone_copies import has_long_journal, wait_of, zone_timers
from rules.lists.versions import Failure, ListHistory, Version, refused
from rules.lists.zone_copy import ZoneTimers

SETTLE_S = 5.0  # a file that was written to less than this ago may be half copied
RETRY_S = 60.0  # the shortest wait after a pull that failed; else a tenth of `every`
# Hotlines publish twice a day, and a source without news says that it has none.
CSAM_STALE_S = 26 * 3600.0
CSAM_ALARM_S = 72 * 3600.0  # such a list may open what has been listed for days
SEVERAL = 3  # pulls in a row that failed: one alone happens every week


def is_due(entry: ListEntry, kept: ListHistory, now_s: float, timers: ZoneTimers | None = None) -> bool:
    """Whether it is time to ask a list's url, or its primaries; each box at a moment of its own.

    timers  of a zone's copy"""
    if entry.file is not None:
        return False
    wait_s = float(entry.every) if kept.failed is None else max(RETRY_S, entry.every / 10)
    if entry.zone is not None:
        wait_s = wait_of(entry, timers, has_failed=kept.failed is not None)
    share = hashlib.sha256(f"{entry.id} {kept.asked_s!r}".encode()).digest()[0] / 255
    return not 0 <= now_s - kept.asked_s < wait_s * (0.9 + 0.2 * share)  # a clock that was set back: ask


def due(config: Config, now_s: float) -> list[str]:
    """The lists whose url or primaries are to be asked now."""
    known = ((entry, _kept(config, entry)) for entry in config.lists)
    return [entry.id for entry, kept in known if is_due(entry, kept, now_s, zone_timers(config, entry, kept))]


def waiting(config: Config, now_s: float, settle_s: float) -> list[str]:
    """The lists that have something to be taken in.

    settle_s  how long a file must have been left alone; 0 where the operator says that it is whole"""
    known = ((entry, _kept(config, entry)) for entry in config.lists)
    return [
        entry.id
        for entry, kept in known
        if _has_news(entry, kept, now_s, settle_s) or has_long_journal(config, entry, kept, now_s)
    ]


def refuse_waiting(config: Config, entry: ListEntry, why: str, now_s: float) -> None:
    """Refuse what waits, unread: reading it ends the reader."""

    def step(kept: ListHistory) -> ListHistory:
        return kept if kept.waiting is None else refused(kept, kept.waiting, why, now_s)

    shelf_of(config, entry).change(step)


def note_failure(config: Config, entry: ListEntry, why: str, began_s: float) -> None:
    """The pull that began at `began_s` said nothing of a list: it is not tried again at once."""

    def step(kept: ListHistory) -> ListHistory:
        return kept if kept.asked_s >= began_s else failed_pull(kept, why, began_s)

    shelf_of(config, entry).change(step)


def faults_of(config: Config, now_s: float) -> dict[str, str]:
    """What is wrong with the lists' sources: list id → one line that says what was found and what to do."""
    found = {}
    for entry in config.lists:
        try:
            kept = shelf_of(config, entry).kept()
            said = "; ".join(list_faults(entry, kept, now_s, zone_timers(config, entry, kept)))
        except ValueError as reason:
            said = str(reason)
        if said:
            found[entry.id] = said
    return found


def confirmed_s(config: Config) -> dict[str, float]:
    """List → when its source last said that the good copy is its newest, unix seconds; only lists with a good copy."""
    found = {}
    for entry in config.lists:
        try:
            kept = shelf_of(config, entry).kept()
        except ValueError:  # reported by faults_of()
            continue
        if kept.good is not None:
            found[entry.id] = kept.confirmed_s
    return found


def list_faults(entry: ListEntry, kept: ListHistory, now_s: float, timers: ZoneTimers | None = None) -> Iterator[str]:
    """The faults of one list.   timers  of a zone's copy"""
    good = kept.good
    stays = f"the last good version, of {instant(good.fetched_s)}, stays" if good else "nothing of it is in force"
    if entry.file is not None and file_mark(entry.file) is None:
        yield f"{entry.file} is missing; {stays}; put the file there"
    elif (failed := kept.failed) is not None and (
        entry.file is not None or good is None or failed.is_distrusted or failed.times >= SEVERAL
    ):
        yield f"{failed.why}, since {instant(failed.since_s)}; {stays}; look at the source"
    if kept.refused is not None:
        why = f"the version of {instant(kept.refused.at_s)} is refused: {kept.refused.why}"
        yield f"{why}; {stays}; correct the source, or the list's description"
    if kept.held is not None:
        look = "list" if entry.sealed else "diff"
        why = f"the version of {instant(kept.held.fetched_s)} is held: {kept.held_why}"
        yield f"{why}; {stays}; look at it with filterd lists {look} {entry.id}, then filterd lists approve {entry.id}"
    age_s = now_s - kept.confirmed_s
    if good is not None and age_s > (longest := max_age_s(entry, timers)):
        stale, most = "stale for days" if _age_state(entry, age_s, timers) > 1 else "stale", f"{longest / 3600:.1f} h"
        yield f"{stale}: not confirmed by its source for {age_s / 3600:.1f} h, at most {most}; look at it"
    if good is None and entry.file is None and kept.failed is None and kept.refused is None:
        yield "not pulled yet; nothing of it is in force"


def told(entry: ListEntry, kept: ListHistory, timers: ZoneTimers | None, now_s: float) -> dict[str, Any]:
    """What is kept of a list, as JSON has it: versions with their counts, and faults; no entry of it."""
    age_s = now_s - kept.confirmed_s if kept.good else None
    return {
        "list": entry.id,
        "tier": entry.tier,
        "sealed": entry.sealed,
        "good": _told_version(kept.good),
        "held": _told_version(kept.held) and {**(_told_version(kept.held) or {}), "why": kept.held_why},
        "older": [_told_version(each) for each in kept.older],
        "refused": kept.refused and {"version": kept.refused.sha256, "why": kept.refused.why},
        "failed": kept.failed and {"why": kept.failed.why, "times": kept.failed.times},
        "asked_at": instant(kept.asked_s) if kept.asked_s else None,
        "confirmed_age_s": age_s and round(age_s),
        "stale": age_s is not None and age_s > max_age_s(entry, timers),
        "faults": list(list_faults(entry, kept, now_s, timers)),
    }


def max_age_s(entry: ListEntry, timers: ZoneTimers | None = None) -> float:
    """After how long without a word of its source a list is stale.   timers  of a zone's copy"""
    if entry.max_age is not None:
        return float(entry.max_age)
    if entry.tier == "csam":
        return CSAM_STALE_S
    if timers is not None:
        return float(timers.expire_s)
    if entry.file is not None:
        return float("inf")
    return 3.0 * entry.every


def age_states(config: Config, now_s: float) -> dict[str, int]:
    """List → 0: its source has confirmed the good copy in time;   1: it is stale;   2: it is of tier csam, and has been
    stale for days.   Only lists with a good copy."""
    found = {}
    for entry in config.lists:
        kept = _kept(config, entry)
        if kept.good is not None:
            found[entry.id] = _age_state(entry, now_s - kept.confirmed_s, zone_timers(config, entry, kept))
    return found


def _age_state(entry: ListEntry, age_s: float, timers: ZoneTimers | None) -> int:
    longest_s = max_age_s(entry, timers)
    is_alarming = entry.tier == "csam" and age_s > max(CSAM_ALARM_S, longest_s)
    return 2 if is_alarming else int(age_s > longest_s)


def instant(at_s: float) -> str:
    """A moment as status and log write it."""
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def failed_pull(kept: ListHistory, why: str, now_s: float, is_distrusted: bool = False) -> ListHistory:
    since_s, times = (kept.failed.since_s, kept.failed.times) if kept.failed else (now_s, 0)
    return replace(kept, failed=Failure(why, since_s, times + 1, is_distrusted), asked_s=now_s)


def file_mark(path: Path | None) -> str | None:
    """What changes whenever a file does, or its permissions; None: there is no file."""
    if path is None or not (path.is_file() or path.is_dir()):
        return None
    try:
        stats = [each.stat() for each in (path, *files_of(path))]
    except OSError:
        return None
    marks = [f"{stat.st_mtime_ns} {stat.st_ctime_ns} {stat.st_size} {stat.st_ino}" for stat in stats]
    return marks[0] if len(marks) == 1 else hashlib.sha256("\n".join(marks).encode()).hexdigest()


def mark_of(entry: ListEntry) -> str | None:
    """What changes whenever a list's file does, or its signature; None: there is no file."""
    mark, signing = file_mark(entry.file), signing_of(entry)
    if mark is None or entry.file is None or signing is None:
        return mark
    return f"{mark} {signing.identity} {file_mark(signing.path(entry.file))}"


def files_of(path: Path) -> list[Path]:
    """The files of a folder, in a fixed order; none of a file."""
    return sorted(each for each in path.iterdir() if each.is_file()) if path.is_dir() else []


def candidate_of(entry: ListEntry, kept: ListHistory) -> Version | None:
    """What is to be judged though the source has said nothing."""
    reading = reading_of(entry)
    if kept.good is not None:
        again = replace(kept.good, reading=reading)
        return None if kept.knows(again) else again
    if entry.seed is None or not entry.seed.is_file():
        return None
    octets = entry.seed.stat().st_size
    seed = Version(
        *(_digest(entry.seed), octets, str(entry.seed), reading, entry.seed.stat().st_mtime),
        is_seed=True,
        is_confidential=is_confidential(entry),
    )
    return None if kept.knows(seed) else seed


# ----------------------------------------------------------------------------------------------------------------------


def _told_version(version: Version | None) -> dict[str, Any] | None:
    if version is None:
        return None
    return {
        "version": version.sha256,
        "from": version.origin,
        "at": instant(version.fetched_s),
        "rules": version.n_rules,
        "skipped": version.n_skipped,
        "bytes": version.octets,
        "seed": version.is_seed,
        "by": version.by or None,
    }


def _kept(config: Config, entry: ListEntry) -> ListHistory:
    """What is known of a list; a state that cannot be read is reported by faults_of."""
    try:
        return shelf_of(config, entry).kept()
    except ValueError:
        return ListHistory(asked_s=float("inf"), seen=mark_of(entry) or "")


def _has_news(entry: ListEntry, kept: ListHistory, now_s: float, settle_s: float) -> bool:
    mark = mark_of(entry)
    if mark is not None and mark != kept.seen:
        assert entry.file is not None
        newest_s = max(each.stat().st_mtime for each in (entry.file, *files_of(entry.file)))
        return not 0 <= now_s - newest_s < settle_s
    return kept.waiting is not None or candidate_of(entry, kept) is not None


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
