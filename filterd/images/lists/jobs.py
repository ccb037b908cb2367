"""What the list jobs do: `filterd lists pull` and `filterd lists take`.

    url ── pull ──┐
    zone ─ pull ──┤
    file, seed ───┴─→ waiting → take: read whole, judged → good | held | refused  (rules.lists: versions, acceptance)

Runs in these jobs; control asks filterd.images.lists.status what there is to do.
Invariants: no matter what a source gives, the last good copy stays until a better one is judged good; one list's fault
never keeps another from being taken; text about a confidential list holds no entry of it.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path

from filterd.box.places import reader_socket
from filterd.config import Config
from filterd.config.schema import ListEntry
from filterd.images.lists.reader_client import ReaderFailure, read_apart
from filterd.images.lists.sealed_client import sealed_reader_of
from filterd.images.lists.signatures import SignatureMismatch, signing_of
from filterd.images.lists.sources import described, is_confidential, limits_of, reading_of, shelf_of
from filterd.images.lists.status import candidate_of, failed_pull, files_of, mark_of
from filterd.images.lists.zone_copies import has_long_journal, merge_journal
from rules.base.errors import BadList
from rules.lists.acceptance import Judgement, Verdict, VersionFigures, judge
from rules.lists.source import Source
from rules.lists.versions import ListHistory, Shelf, Version, accepted, arrived, held_back, refused

COPY_OCTETS = 1 << 20

log = logging.getLogger("filterd.images.lists.jobs")


async def pull_list(config: Config, entry: ListEntry, now_s: float) -> None:
    """Ask a list's url, or its primaries; what it gives waits."""
    # late: they bring an HTTP client and the DNS front, which a job that takes, and a compilation, do without
    if entry.zone is None:
        from filterd.images.lists.url_pull import pull_url

        await pull_url(config, entry, now_s)
        return
    from dns.base.errors import TransferFailure
    from filterd.images.lists.zone_transfer import pull_zone

    try:
        await pull_zone(config, entry, now_s)
    except TransferFailure as reason:
        shelf_of(config, entry).change(partial(failed_pull, why=f"zone {entry.zone}: {reason}", now_s=now_s))


def take(config: Config, ids: Iterable[str], now_s: float) -> None:
    """Judge what waits of the lists `ids`, one after the other.

    Cost: a reading of each that waits."""
    chosen = set(ids)
    for entry in config.lists:
        if entry.id in chosen:
            try:
                _take_one(config, entry, now_s)
            except (OSError, ValueError) as reason:
                log.warning("list %s: %s", entry.id, reason)


# ----------------------------------------------------------------------------------------------------------------------


def _take_one(config: Config, entry: ListEntry, now_s: float) -> None:
    shelf, source = shelf_of(config, entry), described(config, entry)
    kept = _bring(config, entry, shelf, now_s)
    version = kept.waiting
    if version is None:
        return
    found, judgement = _judged(config, entry, source, shelf.copy(version), kept.good)
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


def _bring(config: Config, entry: ListEntry, shelf: Shelf, now_s: float) -> ListHistory:
    """Bring what the box itself has: a file that was dropped, a seed, the good copy where it is to be read again."""
    kept, mark = shelf.kept(), mark_of(entry)
    if entry.file is not None and mark is not None and mark != kept.seen:
        kept = _copy_in(shelf, entry, entry.file, mark, now_s)
    candidate = candidate_of(entry, kept) if kept.waiting is None else None
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


def _copy_in(shelf: Shelf, entry: ListEntry, path: Path, mark: str, now_s: float) -> ListHistory:
    """The file that was dropped, as a version that waits."""
    is_folder = path.is_dir()
    with shelf.receiving_folder() if is_folder else shelf.receiving() as part:
        try:
            for each in files_of(path) if is_folder else [path]:
                if is_folder:
                    part.begin(each.name, each.stat().st_size)
                _copy(each, part.write)
        except OSError as reason:
            why = f"{path}: {reason.strerror or reason}"
            return shelf.change(lambda now: replace(failed_pull(now, why, now_s), seen=mark))
        if mark_of(entry) != mark:  # still being written: the next look finds it changed
            return shelf.kept()
        version = Version(
            part.end(), part.octets, str(path), reading_of(entry), now_s, is_confidential=is_confidential(entry)
        )
        if (signing := signing_of(entry)) is not None:
            try:
                signing.check(part.path, signing.path(path))
            except SignatureMismatch as reason:
                why = f"{path}: {reason}"
                return shelf.change(lambda now: replace(failed_pull(now, why, now_s, is_distrusted=True), seen=mark))
        return shelf.take(
            part, version, lambda now: replace(arrived(now, version), seen=mark, asked_s=now_s, failed=None)
        )


def _copy(path: Path, write: Callable[[bytes], None]) -> None:
    with path.open("rb") as file:
        while octets := file.read(COPY_OCTETS):
            write(octets)


def _judged(
    config: Config, entry: ListEntry, source: Source, copy: Path, last: Version | None
) -> tuple[VersionFigures, Judgement]:
    try:
        if source.is_sealed:
            found = sealed_reader_of(config).examine(copy, source)
        else:
            found = read_apart(copy, source, reader_socket(config.run_dir))
    except BadList as reason:
        # The text of a list may stand in it; what the reader of sealed ones says holds none.
        is_quiet = source.confidential and not source.is_sealed
        why = f"it is no list of format {source.format}" if is_quiet else str(reason)
        return VersionFigures(), Judgement(Verdict.REFUSED, why)
    except ReaderFailure as reason:
        return VersionFigures(), Judgement(Verdict.REFUSED, str(reason))
    return found, judge(found, source, last, limits_of(entry))


def _step(judgement: Judgement) -> Callable[..., ListHistory]:
    def step(kept: ListHistory, version: Version, now_s: float) -> ListHistory:
        match judgement.verdict:
            case Verdict.GOOD:
                return accepted(kept, version, now_s)
            case Verdict.HELD:
                return held_back(kept, version, judgement.why)
            case Verdict.REFUSED:
                return refused(kept, version, judgement.why, now_s)

    return step
