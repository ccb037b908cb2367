"""The lists of a configuration and their copies in STATE/lists: what is due, what waits, taking in, what is wrong.

    url ── pull ──┐
    zone ─ pull ──┤
    file, seed ───┴─→ waiting → take: read whole, judged → good | held | refused  (rules.lists: versions, acceptance)

Invariants: whatever a source gives, the last good copy stays until a better one is judged good; one list's fault never
keeps another from being taken; what is told of a confidential list holds no text of it.
"""

import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from filterd.config import Config
from filterd.config.schema import ListEntry
from filterd.lists.sources import described, reading_of, shelf_of
from filterd.lists.zone_copies import has_long_journal, merge_journal, wait_of, zone_timers
from rules.errors import BadList
from rules.lists.acceptance import Examined, Judgement, Limits, Verdict, examine, judge
from rules.lists.fetch import FetchFailed, Remote, fetch, shown
from rules.lists.source import Source
from rules.lists.versions import Failure, Kept, Shelf, Validators, Version, accepted, arrived, held_back, refused
from rules.lists.zone_copy import ZoneTimers

SETTLE_S = 5.0  # a file that was written to less than this ago may be half copied
RETRY_S = 60.0  # the shortest wait after a pull that failed; else a tenth of `every`
SEVERAL = 3  # pulls in a row that failed: one alone happens every week
COPY_OCTETS = 1 << 20

log = logging.getLogger("filterd.lists.jobs")


def is_due(entry: ListEntry, kept: Kept, now_s: float, timers: ZoneTimers | None = None) -> bool:
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


async def pull_list(config: Config, entry: ListEntry, now_s: float) -> None:
    """Ask a list's url, or its primaries; what it gives waits."""
    shelf, reading, url = shelf_of(config, entry), reading_of(entry), entry.url or ""
    if entry.zone is not None:
        await _pull_zone(config, entry, now_s)
        return
    kept = shelf.kept()
    known = (
        kept.validators
        if kept.validators and (kept.validators.url, kept.validators.reading) == (url, reading)
        else None
    )
    with shelf.receiving() as part:
        try:
            fetched = await fetch(_remote(entry), known, part)
        except FetchFailed as reason:
            shelf.change(partial(_failed, why=f"{shown(url)}: {reason}", now_s=now_s))
            return
        if fetched is None:
            shelf.change(partial(_unchanged, now_s=now_s))
            return
        version = Version(part.end(), part.octets, shown(url), reading, now_s)
        validators = Validators(url, fetched.etag, fetched.last_modified, version.sha256, reading)
        note = partial(replace, validators=validators, asked_s=now_s, failed=None)
        shelf.take(part, version, lambda now: note(arrived(now, version)))


def take(config: Config, ids: Iterable[str], now_s: float) -> None:
    """Judge what waits of the lists `ids`, one after the other.   Cost: a reading of each that waits."""
    chosen = set(ids)
    for entry in config.lists:
        if entry.id in chosen:
            try:
                _take_one(config, entry, now_s)
            except (OSError, ValueError) as reason:
                log.warning("list %s: %s", entry.id, reason)


def refuse_waiting(config: Config, entry: ListEntry, why: str, now_s: float) -> None:
    """Refuse what waits, unread: reading it ends the reader."""

    def step(kept: Kept) -> Kept:
        return kept if kept.waiting is None else refused(kept, kept.waiting, why, now_s)

    shelf_of(config, entry).change(step)


def note_failure(config: Config, entry: ListEntry, why: str, began_s: float) -> None:
    """The pull that began at `began_s` said nothing of a list: it is not tried again at once."""

    def step(kept: Kept) -> Kept:
        return kept if kept.asked_s >= began_s else _failed(kept, why, began_s)

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


def list_faults(entry: ListEntry, kept: Kept, now_s: float, timers: ZoneTimers | None = None) -> Iterator[str]:
    """The faults of one list.   timers  of a zone's copy"""
    good = kept.good
    stays = f"the last good version, of {instant(good.fetched_s)}, stays" if good else "nothing of it is in force"
    if entry.file is not None and _mark(entry.file) is None:
        yield f"{entry.file} is not there; {stays}; put the file there"
    elif kept.failed is not None and (entry.file is not None or good is None or kept.failed.times >= SEVERAL):
        yield f"{kept.failed.why}, since {instant(kept.failed.since_s)}; {stays}; look at the source"
    if kept.refused is not None:
        why = f"the version of {instant(kept.refused.at_s)} is refused: {kept.refused.why}"
        yield f"{why}; {stays}; mend the source, or the list's description"
    if kept.held is not None:
        why = f"the version of {instant(kept.held.fetched_s)} is held: {kept.held_why}"
        yield f"{why}; {stays}; look at it with filterd lists diff {entry.id}, then filterd lists approve {entry.id}"
    age_s = now_s - kept.confirmed_s
    if good is not None and age_s > (longest := max_age_s(entry, timers)):
        yield f"stale: not confirmed by its source for {age_s / 3600:.1f} h, at most {longest / 3600:.1f} h; look at it"
    if good is None and entry.file is None and kept.failed is None and kept.refused is None:
        yield "not pulled yet; nothing of it is in force"


def max_age_s(entry: ListEntry, timers: ZoneTimers | None = None) -> float:
    """After how long without a word of its source a list is stale.   timers  of a zone's copy"""
    if entry.max_age is not None:
        return float(entry.max_age)
    if timers is not None:
        return float(timers.expire_s)
    return 3.0 * entry.every if entry.file is None else float("inf")


def instant(at_s: float) -> str:
    """A moment as status and log tell it."""
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


# ----------------------------------------------------------------------------------------------------------------------


def _kept(config: Config, entry: ListEntry) -> Kept:
    """What is known of a list; a state that cannot be read is told by faults_of."""
    try:
        return shelf_of(config, entry).kept()
    except ValueError:
        return Kept(asked_s=float("inf"), seen=_mark(entry.file) or "")


def _has_news(entry: ListEntry, kept: Kept, now_s: float, settle_s: float) -> bool:
    mark = _mark(entry.file)
    if mark is not None and mark != kept.seen:
        assert entry.file is not None
        newest_s = max(each.stat().st_mtime for each in (entry.file, *_files_of(entry.file)))
        return not 0 <= now_s - newest_s < settle_s
    return kept.waiting is not None or _candidate(entry, kept) is not None


def _mark(path: Path | None) -> str | None:
    """What changes whenever a file does, or its permissions; None: there is no file."""
    if path is None or not (path.is_file() or path.is_dir()):
        return None
    try:
        stats = [each.stat() for each in (path, *_files_of(path))]
    except OSError:
        return None
    marks = [f"{stat.st_mtime_ns} {stat.st_ctime_ns} {stat.st_size} {stat.st_ino}" for stat in stats]
    return marks[0] if len(marks) == 1 else hashlib.sha256("\n".join(marks).encode()).hexdigest()


def _files_of(path: Path) -> list[Path]:
    """The files of a folder, in a fixed order; none of a file."""
    return sorted(each for each in path.iterdir() if each.is_file()) if path.is_dir() else []


def _take_one(config: Config, entry: ListEntry, now_s: float) -> None:
    shelf, source = shelf_of(config, entry), described(config, entry)
    kept = _bring(config, entry, shelf, now_s)
    version = kept.waiting
    if version is None:
        return
    found, judgement = _judged(entry, source, shelf.copy(version), kept.good)
    read = replace(version, n_rules=found.n_rules, n_skipped=found.n_skipped, sketch=found.sketch)
    shelf.change(partial(_step(judgement), version=read, now_s=now_s))
    log.info(
        "list %s: version %s of %s: %s: %d rules, %d lines not enforced%s",
        entry.id,
        version.sha256[:16],
        version.origin,
        judgement.verdict.value,
        found.n_rules,
        found.n_skipped,
        f": {judgement.why}" if judgement.why else "",
    )


def _bring(config: Config, entry: ListEntry, shelf: Shelf, now_s: float) -> Kept:
    """Bring what the box itself has: a file that was dropped, a seed, the good copy where it is to be read anew."""
    kept, mark = shelf.kept(), _mark(entry.file)
    if entry.file is not None and mark is not None and mark != kept.seen:
        kept = _copy_in(shelf, entry.file, reading_of(entry), mark, now_s)
    candidate = _candidate(entry, kept) if kept.waiting is None else None
    if candidate is None and has_long_journal(config, entry, kept, now_s):
        return merge_journal(config, entry, kept, now_s)
    if candidate is None:
        return kept
    if not candidate.is_seed or shelf.copy(candidate).exists():
        return shelf.change(partial(replace, waiting=candidate))
    assert entry.seed is not None
    with shelf.receiving() as part:
        _copy(entry.seed, part.write)
        version = replace(candidate, sha256=part.end(), octets=part.octets)
        return shelf.take(part, version, lambda now: now if now.good else arrived(now, version))


def _candidate(entry: ListEntry, kept: Kept) -> Version | None:
    """What is to be judged though the source has said nothing."""
    reading = reading_of(entry)
    if kept.good is not None:
        anew = replace(kept.good, reading=reading)
        return None if kept.knows(anew) else anew
    if entry.seed is None or not entry.seed.is_file():
        return None
    octets = entry.seed.stat().st_size
    seed = Version(_digest(entry.seed), octets, str(entry.seed), reading, entry.seed.stat().st_mtime, is_seed=True)
    return None if kept.knows(seed) else seed


def _copy_in(shelf: Shelf, path: Path, reading: str, mark: str, now_s: float) -> Kept:
    """The file that was dropped, as a version that waits."""
    is_folder = path.is_dir()
    with shelf.receiving_folder() if is_folder else shelf.receiving() as part:
        try:
            for each in _files_of(path) if is_folder else [path]:
                if is_folder:
                    part.begin(each.name, each.stat().st_size)
                _copy(each, part.write)
        except OSError as reason:
            why = f"{path}: {reason.strerror or reason}"
            return shelf.change(lambda now: replace(_failed(now, why, now_s), seen=mark))
        if _mark(path) != mark:  # still being written: the next look finds it changed
            return shelf.kept()
        version = Version(part.end(), part.octets, str(path), reading, now_s)
        return shelf.take(
            part, version, lambda now: replace(arrived(now, version), seen=mark, asked_s=now_s, failed=None)
        )


def _copy(path: Path, write: Callable[[bytes], None]) -> None:
    with path.open("rb") as file:
        while octets := file.read(COPY_OCTETS):
            write(octets)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _judged(entry: ListEntry, source: Source, copy: Path, last: Version | None) -> tuple[Examined, Judgement]:
    limits = Limits(entry.shrink_percent, entry.grow_percent, entry.unreadable_percent)
    try:
        found = examine(copy, source)
    except BadList as reason:
        # The text of a list may stand in it.
        why = f"it is no list of format {source.format}" if source.confidential else str(reason)
        return Examined(), Judgement(Verdict.REFUSED, why)
    except MemoryError:
        return Examined(), Judgement(Verdict.REFUSED, "reading it takes more memory than there is")
    except Exception as reason:  # the edge: a reader that fails must not keep the other lists from being taken
        if not source.confidential:  # a traceback may hold a line of the list
            log.exception("list %s: reading %s", entry.id, copy.name)
        return Examined(), Judgement(Verdict.REFUSED, f"its reader failed ({type(reason).__name__})")
    return found, judge(found, source, last, limits)


def _step(judgement: Judgement) -> Callable[..., Kept]:
    def step(kept: Kept, version: Version, now_s: float) -> Kept:
        match judgement.verdict:
            case Verdict.GOOD:
                return accepted(kept, version, now_s)
            case Verdict.HELD:
                return held_back(kept, version, judgement.why)
            case Verdict.REFUSED:
                return refused(kept, version, judgement.why, now_s)

    return step


def _remote(entry: ListEntry) -> Remote:
    certificate, key = entry.client_certificate, entry.client_key
    return Remote(entry.url or "", entry.ca, certificate, key, entry.max_octets, float(entry.timeout))


async def _pull_zone(config: Config, entry: ListEntry, now_s: float) -> None:
    from dns.errors import TransferFailed  # late, both: they bring the DNS front, which most commands do without
    from filterd.lists.zone_transfer import pull_zone

    try:
        await pull_zone(config, entry, now_s)
    except TransferFailed as reason:
        shelf_of(config, entry).change(partial(_failed, why=f"zone {entry.zone}: {reason}", now_s=now_s))


def _failed(kept: Kept, why: str, now_s: float) -> Kept:
    since_s, times = (kept.failed.since_s, kept.failed.times) if kept.failed else (now_s, 0)
    return replace(kept, failed=Failure(why, since_s, times + 1), asked_s=now_s)


def _unchanged(kept: Kept, now_s: float) -> Kept:
    """The source says that its newest version is the one that it gave last."""
    is_good = kept.good is not None and kept.validators is not None and kept.validators.sha256 == kept.good.sha256
    return replace(kept, asked_s=now_s, failed=None, confirmed_s=now_s if is_good else kept.confirmed_s)
