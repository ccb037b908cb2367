"""Writes the files of lists that are public: `filterd lists publish`, a job of control's, which signs what it wrote.

    good version ─→ names ─→ with the dates of before ─→ files ─→ statement.json ─→ (control) signed.json

Invariants: a confidential list is never written, nor what came while its id was that of one, nor what a letter about
CSAM directs; control signs the digests and
reads no list; a version is published once.
"""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filterd.box.places import PUBLIC
from filterd.config import Config
from filterd.config.schema import ListEntry
from filterd.images.lists.sources import is_confidential, shelf_of, source_of
from mgmt.ledger.signed_statement import opened
from mgmt.orders.base.sealed import why_sealed
from rules.base.atomic_file import writing_whole
from rules.base.errors import BadSource
from rules.lists.publication import Entry, entries_after, files_of, last_number, names_of, read_entries, statement_of
from rules.lists.reader import read_source

FORMAT = "filterd-public-list/1"
STATEMENT, SIGNED, STATE = "statement.json", "signed.json", "domains.json"
MODE, FOLDER_MODE = 0o644, 0o755


def folder_of(config: Config, entry: ListEntry) -> Path:
    """Where the files of a list are."""
    return config.state_dir / PUBLIC / entry.id


def unpublished(config: Config) -> list[ListEntry]:
    """Public lists whose good version is not the one that was signed last."""
    chosen = (each for each in config.lists if each.public)
    return [each for each in chosen if _good(config, each) not in (None, signed_version(config, each))]


def signed_version(config: Config, entry: ListEntry) -> str | None:
    """The version that was signed last."""
    try:
        said = json.loads((folder_of(config, entry) / SIGNED).read_bytes())
        return str(said["statement"]["version"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def publish(config: Config, entry: ListEntry, now: datetime) -> None:
    """Write the files of a list's good version.   Raises BadList, BadSource, TooMany, OSError"""
    good = shelf_of(config, entry).kept().good
    if good is None or not entry.public or is_confidential(entry):
        raise BadSource("not public, confidential, or without a good version; nothing written; see docs/desk/lists.md")
    if good.is_confidential is not False:
        why = "its good version came when the list was confidential, or before that was noted"
        raise BadSource(f"{why}; nothing written; the next version is published")
    names, n_left, sealed = names_of(read_source(source_of(config, entry, good)), why_sealed)
    folder = folder_of(config, entry)
    folder.mkdir(parents=True, exist_ok=True)
    for each in (folder.parent, folder):
        each.chmod(FOLDER_MODE)  # control's umask lets no one else in, and web reads here
    before, last = [each for each in _before(folder) if each.name not in sealed], _last(folder)
    entries = entries_after(before, names, now, last)
    files = files_of(entries, now)
    said = {
        "format": FORMAT,
        "list": entry.id,
        "version": good.sha256,
        "made": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "names": len(names),
        "left_out": n_left,
        "last_number": last_number(entries, last),
        "files": {name: hashlib.sha256(octets).hexdigest() for name, octets in files.items()},
    }
    for name, octets in (*files.items(), (STATEMENT, statement_of(said).encode())):
        _write(folder / name, octets)


def write_signed(config: Config, entry: ListEntry, document: bytes) -> None:
    """What control has signed.   Raises OSError"""
    _write(folder_of(config, entry) / SIGNED, document)


def subject_of(statement: Mapping[str, Any]) -> str:
    """What the signature of a statement is about."""
    return f"{statement['list']} {statement['version']}"


def check_document(document: bytes, vkeys: Sequence[str]) -> str:
    """The statement of a document, which one of the keys has signed.   Raises ValueError."""
    return opened(document, vkeys, FORMAT, subject_of)


# ----------------------------------------------------------------------------------------------------------------------


def _good(config: Config, entry: ListEntry) -> str | None:
    good = shelf_of(config, entry).kept().good
    return None if good is None else good.sha256


def _before(folder: Path) -> list[Entry]:
    """What was published before; none where it cannot be read: the dates begin again."""
    try:
        return read_entries((folder / STATE).read_bytes())
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _last(folder: Path) -> int:
    """The highest number that was given; 0 where it cannot be read."""
    try:
        return int(json.loads((folder / STATEMENT).read_bytes())["last_number"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def _write(path: Path, octets: bytes) -> None:
    with writing_whole(path) as file:
        os.fchmod(file.fileno(), MODE)
        file.write(octets)
