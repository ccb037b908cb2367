"""Pulls a list by HTTP: what its URL gives becomes a version that waits to be judged.

Runs in a job, `filterd lists pull`.
Invariants: a pull that fails leaves the copies as they are and is noted with its reason.
"""

from dataclasses import replace
from functools import partial
from pathlib import Path

from filterd.config import Config
from filterd.config.schema import ListEntry
from filterd.images.lists.signatures import MAX_OCTETS, SignatureMismatch, SignatureScheme, signing_of
from filterd.images.lists.sources import is_confidential, reading_of, shelf_of
from filterd.images.lists.status import failed_pull
from rules.lists.fetch import FetchFailure, Remote, fetch, shown
from rules.lists.versions import ListHistory, Shelf, Validators, Version, arrived


async def pull_url(config: Config, entry: ListEntry, now_s: float) -> None:
    """Ask a list's URL, by the validators of the last answer where its octets are read as they were then."""
    shelf, reading, url = shelf_of(config, entry), reading_of(entry), entry.url or ""
    signing = signing_of(entry)
    asked = url if signing is None else f"{url} {signing.identity}"  # by another key, it is taken again
    known = shelf.kept().validators
    if known is not None and (known.url, known.reading) != (asked, reading):
        known = None
    with shelf.receiving() as part:
        try:
            fetched = await fetch(_remote(entry), known, part)
        except FetchFailure as reason:
            shelf.change(partial(failed_pull, why=f"{shown(url)}: {reason}", now_s=now_s))
            return
        if fetched is None:
            shelf.change(partial(_unchanged, now_s=now_s))
            return
        digest = part.end()
        if signing is not None:
            try:
                await _check_signature(entry, signing, part.path, shelf)
            except (FetchFailure, SignatureMismatch) as reason:
                why = f"{shown(signing.url(url))}: {reason}"
                shelf.change(partial(failed_pull, why=why, now_s=now_s, is_distrusted=True))
                return
        version = Version(digest, part.octets, shown(url), reading, now_s, is_confidential=is_confidential(entry))
        validators = Validators(asked, fetched.etag, fetched.last_modified, version.sha256, reading)
        note = partial(replace, validators=validators, asked_s=now_s, failed=None)
        shelf.take(part, version, lambda now: note(arrived(now, version)))


async def _check_signature(entry: ListEntry, signing: SignatureScheme, octets: Path, shelf: Shelf) -> None:
    """Raises FetchFailure, SignatureMismatch."""
    remote = replace(_remote(entry), url=signing.url(entry.url or ""), max_octets=MAX_OCTETS)
    with shelf.receiving() as part:
        await fetch(remote, None, part)
        part.end()
        signing.check(octets, part.path)


def _remote(entry: ListEntry) -> Remote:
    certificate, key = entry.client_certificate, entry.client_key
    return Remote(entry.url or "", entry.ca, certificate, key, entry.max_octets, float(entry.timeout))


def _unchanged(kept: ListHistory, now_s: float) -> ListHistory:
    """The source says that its newest version is the one that it gave last."""
    is_good = kept.good is not None and kept.validators is not None and kept.validators.sha256 == kept.good.sha256
    return replace(kept, asked_s=now_s, failed=None, confirmed_s=now_s if is_good else kept.confirmed_s)
