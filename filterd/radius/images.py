"""Images of the sessions: written in levels, named in a manifest, which the workers and control follow.

    base    all sessions of a snapshot of the journal: a job writes both, of files alone
    delta   what has changed since; young  what has changed since the delta: at every change

Invariants: one writer; a manifest names files that are there; what a manifest named a moment ago stays for a while.
Delta, young and manifest are not synced: they are written again from the journal at every start.
Cost: what has changed since the delta, 3 us each; the delta, when that is more than YOUNG_ROWS.
"""

import logging
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import msgspec

from fastpath.images.image import BadImage, open_image
from fastpath.images.layout import ImageKind
from fastpath.people.session_levels import MOST_OCTETS
from filterd.box.places import SESSIONS_MANIFEST
from filterd.radius.level import Row, write_level
from rules.base.atomic_file import writing_whole

YOUNG_ROWS = 500
DELTA_ROWS = 20_000  # then a new base is due
KEPT = 8  # files behind the manifest: a worker may be about to open them

log = logging.getLogger("filterd.radius.images")

Default = Callable[[bytes], int | None]
_NAME = re.compile(r"(base|level)-(\d+)\.img")


class SessionsManifest(msgspec.Struct, frozen=True, kw_only=True):
    """The levels in force, by file name.   snapshot, pools  what the base is made of"""

    base: str | None = None
    delta: str | None = None
    young: str | None = None
    snapshot: int = 0
    pools: str | None = None


class SessionImages:
    """The levels of a folder.   default_of: the profile that holds where no session is known"""

    def __init__(self, folder: Path, default_of: Default) -> None:
        self._folder, self._default_of = folder, default_of
        folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        self._said = read_manifest(folder)
        self._delta: dict[bytes, int | None] = {}
        self._young: dict[bytes, int | None] = {}
        self._since: dict[bytes, int | None] | None = None
        self._last = max((_number(path.name) for path in folder.iterdir()), default=0)

    @property
    def is_overgrown(self) -> bool:
        """Whether a new base is due, and none is being made."""
        return self._since is None and len(self._delta) > DELTA_ROWS

    @property
    def generation(self) -> int:
        """Of the level that was written last."""
        return self._last

    def has_base(self, snapshot: int, pools: str) -> bool:
        """Whether there is a base of a snapshot, with these pools, that is whole; else it is to be made again."""
        said = self._said
        if said.base is None or (said.snapshot, said.pools) != (snapshot, pools):
            return False
        try:
            open_image(self._folder / said.base, ImageKind.SUBSCRIBERS, most=MOST_OCTETS)
        except (OSError, BadImage) as reason:
            log.warning("%s; made again", reason)
            return False
        return True

    def next_base(self) -> Path:
        """Where a job shall write the next base; changes are kept from now on until use_base()."""
        self._since = {}
        self._last += 1
        return self._folder / f"base-{self._last}.img"

    def give_up_base(self) -> None:
        """The job has failed."""
        self._since = None

    def use_base(self, base: Path, snapshot: int, pools: str) -> None:
        """Stand on a base that a job has written."""
        self._said = SessionsManifest(base=base.name, snapshot=snapshot, pools=pools)
        self._delta, self._young, self._since = self._since or {}, {}, None
        self._write_delta()

    def publish(self, changed: Mapping[bytes, int | None]) -> None:
        """Put changes in force: prefix → profile, 0 not known, None no session.   Blocking"""
        self._young.update(changed)
        if self._since is not None:
            self._since.update(changed)
        if len(self._young) > YOUNG_ROWS:
            self._delta.update(self._young)
            self._young.clear()
            self._write_delta()
        said = self._said
        young = self._write(self._young, _number(said.delta or said.base)) if self._young else None
        with writing_whole(self._folder / SESSIONS_MANIFEST, is_synced=False) as out:
            out.write(msgspec.json.encode(msgspec.structs.replace(said, young=young)))
        self._prune()

    def _write_delta(self) -> None:
        delta = self._write(self._delta, _number(self._said.base)) if self._delta else None
        self._said = msgspec.structs.replace(self._said, delta=delta)

    def _write(self, changed: Mapping[bytes, int | None], below: int) -> str:
        self._last += 1
        path = self._folder / f"level-{self._last}.img"
        with writing_whole(path, is_synced=False) as out:
            write_level(out, self._last, below, self._rows(changed))
        return path.name

    def _rows(self, changed: Mapping[bytes, int | None]) -> Iterable[Row]:
        for slot, number in changed.items():
            yield slot, number or self._default_of(slot)

    def _prune(self) -> None:
        kept = {self._said.base, self._said.delta}
        files = sorted((path for path in self._folder.iterdir() if _number(path.name)), key=lambda p: _number(p.name))
        for path in files[:-KEPT]:
            if path.name not in kept and not (self._since is not None and path.name.startswith("base")):
                path.unlink(missing_ok=True)


def write_base(path: Path, holders: Iterable[tuple[bytes, int]], pools: Mapping[bytes, int], default: Default) -> None:
    """Write a base, for the job.   holders  prefix → profile, 0: not known"""
    rows: dict[bytes, int | None] = dict(pools)
    for slot, number in holders:
        rows[slot] = number or default(slot)
    with writing_whole(path) as out:
        write_level(out, _number(path.name), 0, rows.items())


def read_manifest(folder: Path) -> SessionsManifest:
    """What the manifest says; nothing where none exists that can be read."""
    try:
        return msgspec.json.decode((folder / SESSIONS_MANIFEST).read_bytes(), type=SessionsManifest)
    except (OSError, ValueError):
        return SessionsManifest()


def _number(name: str | None) -> int:
    found = _NAME.fullmatch(name or "")
    return int(found[2]) if found else 0
