"""The copies of one list that a box keeps, and what it knows of its source.

    source → waiting ─ read, counted, compared ─→ good → older, older, older
                                              ├─→ held: a person approves it, or a newer version takes its place
                                              └─→ refused: deleted; its digest and the reason stay

Invariants: `state.json` alone says what a copy is, and is written whole: a process that is killed between any two
writes leaves the state before or the state after, never a mixture.  A copy is named by its digest and never changed.
What the state names is on the disk, readable by its owner alone.  One change at a time, by a lock on the directory.
"""

import contextlib
import dataclasses
import fcntl
import hashlib
import io
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from rules.base.atomic_file import writing_whole

STATE = "state.json"
KEPT_OLDER = 3  # good versions before the present one, for a rollback
KEPT_DECIDED = 200  # more than two persons can agree to while one of it counts
ABANDONED_S = 86_400.0  # a part of this age belongs to a process that was killed


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a list.   Its octets are at Shelf.copy()."""

    sha256: str
    octets: int
    origin: str  # where it came from, without anything secret
    reading: str  # how it is read: its format and the format's options
    fetched_s: float  # Unix time
    n_rules: int = 0  # 0: not read yet
    n_skipped: int = 0
    sketch: tuple[int, ...] = ()  # see rules.lists.acceptance
    is_seed: bool = False
    by: str = ""  # who has made it good; "": it was found good
    is_confidential: bool | None = None  # whether its list was when it came; None: that was not noted then

    def is_same(self, other: "Version | Refusal | None") -> bool:
        """Whether the other is these octets, read in this way."""
        return other is not None and (self.sha256, self.reading) == (other.sha256, other.reading)


@dataclass(frozen=True, slots=True)
class Refusal:
    """The last version that is no list."""

    sha256: str
    reading: str
    why: str
    at_s: float


@dataclass(frozen=True, slots=True)
class Failure:
    """The source could not be asked."""

    why: str
    since_s: float
    times: int
    is_distrusted: bool = False  # what it gave has no signature that fits


@dataclass(frozen=True, slots=True)
class Validators:
    """What lets a server say that nothing has changed (RFC 9110 §8.8), and what it spoke of."""

    url: str
    etag: str | None
    last_modified: str | None
    sha256: str
    reading: str


@dataclass(frozen=True, slots=True)
class ListHistory:
    """What is known of one list."""

    good: Version | None = None
    older: tuple[Version, ...] = ()  # newest first
    held: Version | None = None
    held_why: str = ""
    waiting: Version | None = None
    refused: Refusal | None = None
    failed: Failure | None = None
    validators: Validators | None = None
    asked_s: float = 0.0  # the source was last asked
    confirmed_s: float = 0.0  # the source last said that the good copy is its newest
    seen: str = ""  # the mark of the file that was last taken
    decided: tuple[str, ...] = ()  # what two persons agreed to, and was done here or found void; newest first

    def knows(self, version: Version) -> bool:
        """Whether `version` is one of those that were judged already."""
        return any(version.is_same(other) for other in (self.good, self.held, self.refused))


def arrived(kept: ListHistory, version: Version) -> ListHistory:
    """A version has come from the source.   One that is known is not judged again."""
    if version.is_same(kept.good):
        return replace(kept, waiting=None, held=None, held_why="", refused=None, confirmed_s=version.fetched_s)
    return replace(kept, waiting=None if kept.knows(version) else version)


def accepted(kept: ListHistory, version: Version, at_s: float) -> ListHistory:
    """`version` is the good one from now on."""
    older = kept.older
    if kept.good is not None and not kept.good.is_same(version):
        older = tuple(each for each in (kept.good, *older) if not each.is_same(version))[:KEPT_OLDER]
    confirmed_s = max(kept.confirmed_s, at_s if version.is_seed else version.fetched_s)
    return replace(
        _done(kept, version), good=version, older=older, held=None, held_why="", refused=None, confirmed_s=confirmed_s
    )


def held_back(kept: ListHistory, version: Version, why: str) -> ListHistory:
    """`version` waits for a person."""
    return replace(_done(kept, version), held=version, held_why=why, refused=None)


def refused(kept: ListHistory, version: Version, why: str, at_s: float) -> ListHistory:
    """`version` is no list."""
    return replace(_done(kept, version), refused=Refusal(version.sha256, version.reading, why, at_s))


def asked_anew(kept: ListHistory) -> ListHistory:
    """All that the source gives next is read, also what was refused before."""
    return replace(kept, refused=None, validators=None, seen="")


def approved(kept: ListHistory, digest: str, at_s: float, by: str = "") -> ListHistory:
    """A person has looked at the held version: it is good.

    digest  the start of its SHA-256, so that no one approves what came after the look; "" for all that is held
    Raises LookupError where it is not that version that is held."""
    if kept.held is None:
        raise LookupError("no version is held")
    if not kept.held.sha256.startswith(digest.lower()):
        raise LookupError(f"another version is held by now, {kept.held.sha256[:16]}")
    return accepted(kept, replace(kept.held, by=by), at_s)


def rolled_back(kept: ListHistory, by: str, digest: str = "") -> ListHistory:
    """An earlier good version is good again, and those between it and the present one are gone; the source's newest is
    held, so that it does not come back on its own.

    digest  the start of its SHA-256; "": the one before the present one
    Raises LookupError where it is not kept."""
    if kept.good is None or not kept.older:
        raise LookupError("no earlier good version is kept")
    place = next((n for n, each in enumerate(kept.older) if each.sha256.startswith(digest.lower())), None)
    if place is None:
        raise LookupError(f"no earlier good version {digest[:16]} is kept")
    held, held_why = (kept.held, kept.held_why) if kept.held is not None else (kept.good, f"{by} has rolled it back")
    good = replace(kept.older[place], by=by)
    return replace(kept, good=good, older=kept.older[place + 1 :], held=held, held_why=held_why, waiting=None)


def rolled_back_once(kept: ListHistory, by: str, decision: str, before: str, digest: str) -> ListHistory:
    """The same, as an approval of two persons says; once, and only from the version that they have seen in force.

    decision  what tells this one from all others;   before, digest  SHA-256, whole"""
    if decision in kept.decided:
        return kept
    decided = replace(kept, decided=(decision, *kept.decided)[:KEPT_DECIDED])
    if kept.good is None or kept.good.sha256 != before or len(digest) != len(before):
        return decided
    try:
        return rolled_back(decided, by, digest)
    except LookupError:
        return decided


def _done(kept: ListHistory, version: Version) -> ListHistory:
    """Judged: nothing waits any more, except what has come meanwhile."""
    return replace(kept, waiting=None if version.is_same(kept.waiting) else kept.waiting)


# ----------------------------------------------------------------------------------------------------------------------


class Shelf:
    """The directory of one list."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def kept(self) -> ListHistory:
        """What is known; an empty ListHistory of a list that was never seen.   Raises ValueError for a broken state."""
        path = self.directory / STATE
        try:
            return _kept_of(json.loads(path.read_bytes()))
        except FileNotFoundError:
            return ListHistory()
        except (ValueError, TypeError, KeyError) as exc:
            raise ValueError(
                f"{path}: cannot be read; nothing changed; restore it, or remove the folder {path.parent} "
                "to fetch the list again"
            ) from exc

    def copy(self, version: Version) -> Path:
        """Where a version's octets are."""
        return self.directory / f"{self.directory.name}-{version.sha256[:16]}"

    def change(self, step: Callable[[ListHistory], ListHistory]) -> ListHistory:
        """Take one step: the state after it.   step: from the state as it is now, no matter who changed it last."""
        with self._locked():
            return self._write(step(self.kept()))

    def take(self, part: "Part", version: Version, step: Callable[[ListHistory], ListHistory]) -> ListHistory:
        """The same, with the copy that has just been received."""
        with self._locked():
            copy = self.copy(version)
            if not copy.is_dir():  # a folder cannot be renamed over one, and there it has these octets
                part.path.replace(copy)
            return self._write(step(self.kept()))

    @contextlib.contextmanager
    def receiving(self) -> Iterator["Part"]:
        """A file for the octets of a new version; gone at the end unless take() was called with it."""
        self._make()
        descriptor, name = tempfile.mkstemp(prefix=".part-", dir=self.directory)  # mode 0600
        path = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                yield Part(path, file)
        finally:
            path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def receiving_folder(self) -> Iterator["Part"]:
        """The same for a version of several files: see Part.begin()."""
        self._make()
        path = Path(tempfile.mkdtemp(prefix=".part-", dir=self.directory))  # mode 0700
        try:
            yield Part(path, io.BytesIO())
        finally:
            shutil.rmtree(path, ignore_errors=True)  # gone, when it was taken

    def _make(self) -> None:
        self.directory.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.directory.mkdir(mode=0o700, exist_ok=True)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        self._make()
        descriptor = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _write(self, kept: ListHistory) -> ListHistory:
        with writing_whole(self.directory / STATE) as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(json.dumps(_said_of(kept), indent=1).encode() + b"\n")
        self._prune(kept)
        return kept

    def _prune(self, kept: ListHistory) -> None:
        named = {self.copy(v).name for v in (kept.good, kept.held, kept.waiting, *kept.older) if v is not None}
        for path in self.directory.glob(f"{self.directory.name}-*"):
            if path.name not in named:
                _remove(path)
        for path in self.directory.glob(".part-*"):
            with contextlib.suppress(FileNotFoundError):  # its process has just ended well
                if time.time() - path.stat().st_mtime > ABANDONED_S:
                    _remove(path)


@dataclass(slots=True)
class Part:
    """Octets of a version on their way in."""

    path: Path
    file: BinaryIO
    octets: int = 0
    digest: Any = dataclasses.field(default_factory=hashlib.sha256)

    def write(self, octets: bytes) -> None:
        """Add octets."""
        self.file.write(octets)
        self.digest.update(octets)
        self.octets += len(octets)

    def begin_again(self) -> None:
        """What was written is void; not of a folder."""
        self.file.seek(0)
        self.file.truncate()
        self.octets, self.digest = 0, hashlib.sha256()

    def begin(self, name: str, octets: int) -> None:
        """In a folder: the next file, of which so many octets will come."""
        self._end_file()
        descriptor = os.open(self.path / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self.file = os.fdopen(descriptor, "wb")
        self.digest.update(f"{name}\0{octets}\0".encode())

    def end(self) -> str:
        """All octets are there and on the disk: their SHA-256 in hex; of a folder, with names and lengths."""
        self._end_file()
        return str(self.digest.hexdigest())

    def _end_file(self) -> None:
        self.file.flush()
        if not isinstance(self.file, io.BytesIO):
            os.fsync(self.file.fileno())
        if self.path.is_dir():
            self.file.close()


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _said_of(kept: ListHistory) -> dict[str, Any]:
    """What the state says.   Fields that came later are there only where they say something: a release of before can
    read the rest."""
    said = dataclasses.asdict(kept)
    for row in filter(None, (said["good"], said["held"], said["waiting"], *said["older"])):
        if not row["by"]:
            del row["by"]
    if not said["decided"]:
        del said["decided"]
    return said


def _kept_of(said: dict[str, Any]) -> ListHistory:
    def version(row: dict[str, Any] | None) -> Version | None:
        return None if row is None else Version(**row | {"sketch": tuple(row["sketch"])})

    older = tuple(found for row in said["older"] if (found := version(row)) is not None)
    return ListHistory(
        **said
        | {
            "good": version(said["good"]),
            "held": version(said["held"]),
            "waiting": version(said["waiting"]),
            "older": older,
            "refused": Refusal(**said["refused"]) if said["refused"] else None,
            "failed": Failure(**said["failed"]) if said["failed"] else None,
            "validators": Validators(**said["validators"]) if said["validators"] else None,
            "decided": tuple(said.get("decided", ())),
        }
    )
