"""Images of subscribers and policy, each in three levels: who holds an address, and what holds for them.

    base    everyone; once a day, as a policy knows two turns of a zone's clocks, or when the delta is large
    delta   who changed since the base; when the young level is large
    young   who changed since the delta; at every change

Base and delta are written by a job from a moment of the database, while the young level goes on from there; so a change
costs the same after one and after ten thousand.

Invariants: one writer of each level; a base or delta that was noted is whole; what is noted outlives the process, so a
start reads only what changed since.
The young level is not synced here: the database holds all of it, control writes it again at each start, and until then
a worker whose young level a power cut has torn serves what ImageStore.settle() has had on the disk.
"""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO, Literal, Self

from sqlalchemy import Connection, Engine

from fastpath.images.image import BadImage, open_image
from fastpath.images.layout import ImageKind
from parental.policy.addresses import forget_released
from parental.policy.changed_profiles import ChangedProfiles
from parental.policy.compile import write_policy_base, write_subscribers_base
from parental.policy.long_names import with_long_names
from parental.store.database import reading
from parental.store.revision import current_revision
from rules.base.atomic_file import writing_whole
from rules.base.manifest import Kind, Levels, claimed_generation, generation_of, image_path, publish

Level = Literal["base", "delta"]
Write = Callable[[BinaryIO, int, int], int]  # (out, generation, generation of the level below): octets

PEOPLE: tuple[Kind, ...] = ("subscribers", "policy")
YOUNG_ROWS = 500  # then the delta is written again: a change costs some milliseconds more by then
DELTA_ROWS = 20_000  # then the base: a delta stays below 1 MiB
MADE = 1  # raise it with what becomes of a profile in an image: boxes then write their bases again
TOO_OLD = timedelta(days=30)  # of a base that a start goes on from: zones turn their clocks twice a year

log = logging.getLogger("filterd.images.store")


@dataclass(frozen=True, slots=True)
class PeopleLevel:
    """A level on the disk."""

    subscribers: str  # file names next to the manifest
    policy: str
    below: str | None  # the base's subscribers, of a delta
    revision: int  # of the database: the last change that it holds
    rows: int
    at_s: int
    made: int = MADE

    @classmethod
    def read(cls, directory: Path, level: Level) -> Self | None:
        """The newest that was written; None where none is known, or it was made another way."""
        try:
            found = cls(**json.loads(_note(directory, level).read_bytes()))
        except (OSError, ValueError, TypeError):
            return None
        return found if found.made == MADE else None

    def is_whole(self, directory: Path) -> bool:
        """Whether its images can be used.   Cost: one read of them"""
        try:
            for kind in PEOPLE:
                open_image(directory / str(getattr(self, kind)), ImageKind[kind.upper()])
        except (BadImage, OSError) as reason:
            log.warning("%s; written again", reason)
            return False
        return True


class PeopleImages:
    """Puts the levels in force, and keeps the young one.

    shortened  profiles of which a name is left out, since no image has room for it; None: not asked yet"""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._base: PeopleLevel | None = None
        self._delta: PeopleLevel | None = None
        self._young = ChangedProfiles(0)
        self.shortened: list[int] | None = None

    def is_whole(self) -> bool:
        """Whether base and delta can still be used.   Cost: one read of them"""
        return all(each is None or each.is_whole(self._directory) for each in (self._base, self._delta))

    @property
    def overgrown(self) -> Level | None:
        """The level that should be written again by now."""
        if len(self._young) <= YOUNG_ROWS:
            return None
        return "base" if self._delta is not None and self._delta.rows > DELTA_ROWS else "delta"

    @property
    def rows(self) -> dict[str, int]:
        """Rows of the levels above the base."""
        delta = {} if self._delta is None else {"delta": self._delta.rows}
        return delta | {"young": len(self._young)}

    @property
    def revision(self) -> int:
        """The last change of the database that is in what was published."""
        return self._young.revision

    @property
    def base_at(self) -> datetime | None:
        """When the base was written."""
        return None if self._base is None else datetime.fromtimestamp(self._base.at_s, UTC)

    @property
    def noted(self) -> set[str]:
        """File names that must not be pruned, in force or not yet."""
        found = (PeopleLevel.read(self._directory, "base"), PeopleLevel.read(self._directory, "delta"))
        return {name for each in found if each is not None for name in (each.subscribers, each.policy)}

    def find_levels(self, conn: Connection, at: datetime) -> bool:
        """Stand on what an earlier process wrote; False: a base must be written first.

        Not on what holds changes that the database does not know: that was put back from a copy."""
        base = PeopleLevel.read(self._directory, "base")
        oldest = (at - TOO_OLD).timestamp()
        if base is None or base.revision > current_revision(conn) or not oldest <= base.at_s <= at.timestamp():
            return False
        if not base.is_whole(self._directory):
            return False
        self._stand_on(conn, base)
        return True

    def take_levels(self, conn: Connection, at: datetime) -> None:
        """Put in force the newest levels that were written, and who changed after them.   conn  one transaction"""
        base = PeopleLevel.read(self._directory, "base")
        assert base is not None
        self._stand_on(conn, base)
        self.publish(conn, at)

    def publish(self, conn: Connection, at: datetime) -> None:
        """Put in force who changed, as of `at`.   conn  one transaction, so that both images are of one moment"""
        assert self._base is not None
        below = self._delta or self._base
        self._young.add(conn, at)
        self._find_shortened(conn)
        writers: Mapping[Kind, Write] = {
            "subscribers": self._young.write_subscribers,
            "policy": self._young.write_policy,
        }
        levels = {}
        for kind, write in writers.items():
            young = _write(self._directory, kind, write, getattr(below, kind))
            delta = getattr(self._delta, kind) if self._delta is not None else None
            levels[kind] = Levels(getattr(self._base, kind), delta, young)
        publish(self._directory, levels)

    def forget_released(self, conn: Connection, up_to_revision: int) -> None:
        """Drop addresses released up to a revision, where the base was made later.   conn: may write."""
        forget_released(conn, min(up_to_revision, self._base.revision if self._base is not None else 0))

    def _find_shortened(self, conn: Connection) -> None:
        """All are looked at once; then those that are known, until they are fixed, and those that changed."""
        among = None if self.shortened is None else {*self.shortened, *self._young.shortened}
        if among is None or among:
            self.shortened = with_long_names(conn, among)

    def _stand_on(self, conn: Connection, base: PeopleLevel) -> None:
        delta = PeopleLevel.read(self._directory, "delta")
        if delta is not None and (
            delta.below != base.subscribers
            or delta.revision > current_revision(conn)
            or not (delta == self._delta or delta.is_whole(self._directory))
        ):
            delta = None
        if (base, delta) != (self._base, self._delta):
            self._base, self._delta = base, delta
            self._young = ChangedProfiles((delta or base).revision)


def write_levels(directory: Path, level: Level, engine: Engine, at: datetime) -> None:
    """Write a level as of `at`, and a delta on a new base; noted, not in force yet.

    Cost: everyone, or everyone who changed since the base."""
    for each in ("base", "delta") if level == "base" else ("delta",):
        with reading(engine) as conn:
            _write_level(directory, each, conn, at)


def _write_level(directory: Path, level: Level, conn: Connection, at: datetime) -> None:
    base = PeopleLevel.read(directory, "base") if level == "delta" else None
    if base is None:
        writers, rows = _writers_of_base(conn, at), 0
    else:
        changed = ChangedProfiles(base.revision)
        changed.add(conn, at)
        writers, rows = (changed.write_subscribers, changed.write_policy), len(changed)
    with claimed_generation(directory, "subscribers") as subscribers, claimed_generation(directory, "policy") as policy:
        names = []
        for kind, generation, write in zip(PEOPLE, (subscribers, policy), writers, strict=True):
            below = generation_of(getattr(base, kind)) if base is not None else 0
            path = image_path(directory, kind, generation)
            with writing_whole(path) as out:
                write(out, generation, below)
            names.append(path.name)
        below_name = base.subscribers if base is not None else None
        written = PeopleLevel(names[0], names[1], below_name, current_revision(conn), rows, int(at.timestamp()))
        with writing_whole(_note(directory, "base" if base is None else "delta")) as file:
            file.write(json.dumps(asdict(written)).encode())


def _writers_of_base(conn: Connection, at: datetime) -> tuple[Write, Write]:
    def write_subscribers(out: BinaryIO, generation: int, _: int) -> int:
        return write_subscribers_base(conn, out, generation)

    def write_policy(out: BinaryIO, generation: int, _: int) -> int:
        return write_policy_base(conn, out, generation, at)

    return write_subscribers, write_policy


def _write(directory: Path, kind: Kind, write: Write, below: str) -> str:
    with claimed_generation(directory, kind) as generation:
        path = image_path(directory, kind, generation)
        with writing_whole(path, is_synced=False) as out:
            write(out, generation, generation_of(below))
    return path.name


def _note(directory: Path, level: Level) -> Path:
    return directory / f"people-{level}.json"
