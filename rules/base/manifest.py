"""Manifest of the images in force.

images/current.json names the images of each kind: a base, a delta that stands on it and, of subscribers and policy, a
young level that stands on the delta, or on the base where there is no delta.  It is written whole, so that a worker
which starts at any moment, with the control plane dead, finds a set of images that belong together.
It is not synced, so that a tap waits for no disk: after a power cut it, or a young level, may be anything.
settled.json says the same once all of it is on the disk, and is what a worker serves where the manifest leads nowhere.
One compilation makes names-N, urls-N and origins-N (which rule stands in which line; for explain, never for workers).

Invariants: one writer of the manifest; a generation is given once, also to several processes that write images at the
same time, and also where one of them dies; a new base takes the old delta's place too (a delta is cumulative against
its own base); what the manifest names, or a kept delta stands on, is never pruned.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal

from fastpath.images.image import BadImage, base_generation_of
from rules.base.atomic_file import sync, writing_whole

Kind = Literal["names", "urls", "subscribers", "policy"]

KINDS: tuple[Kind, ...] = ("names", "urls", "subscribers", "policy")
MANIFEST = "current.json"
SETTLED = "settled.json"
ORIGINS = "origins"
N_LEVELS = 3
KEPT_GENERATIONS = 10  # of a kind, so that a rollback finds what it needs

_FILE_NAME = re.compile(r"([a-z]+)-(\d+)\.(img|claim)")
_COMPILED = ("names", "urls", ORIGINS)  # these count their generations together


@dataclass(frozen=True, slots=True)
class Levels:
    """The images of one kind, by file name next to the manifest; None: none exists."""

    base: str | None = None
    delta: str | None = None
    young: str | None = None

    @property
    def newest(self) -> str | None:
        """The level that was written last."""
        return self.young or self.delta or self.base


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is in force.   behind_s  of the clock, while that is doubted: see filterd.control.base.clock"""

    names: Levels = Levels()
    urls: Levels = Levels()
    subscribers: Levels = Levels()
    policy: Levels = Levels()
    behind_s: int = field(default=0, kw_only=True)

    def levels(self, kind: Kind) -> Levels:
        """The images of one kind."""
        found: Levels = getattr(self, kind)
        return found


def read_manifest(images_dir: Path) -> Manifest:
    """The manifest in force; empty before the first publication; the settled one where a power cut has torn it.

    Raises ValueError where neither can be read."""
    try:
        return _read(images_dir / MANIFEST)
    except ValueError:
        if not (images_dir / SETTLED).is_file():
            raise
        return _read(images_dir / SETTLED)


def _read(path: Path) -> Manifest:
    try:
        said = json.loads(path.read_bytes())
    except FileNotFoundError:
        return Manifest()
    except ValueError as exc:
        raise ValueError(f"{path}: is not JSON; not read; publish again") from exc
    try:
        levels = (Levels(**(said.get(kind) or {})) for kind in KINDS)
        return Manifest(*levels, behind_s=int(said.get("behind_s", 0)))
    except (AttributeError, TypeError) as exc:
        raise ValueError(f"{path}: is not a manifest; not read; publish again") from exc


def publish_base(images_dir: Path, kind: Kind, base: Path, delta: Path | None = None) -> Manifest:
    """Put a new base in force, and the delta that was made against it, if there is one."""
    return publish(images_dir, {kind: Levels(base.name, None if delta is None else delta.name)})


def publish_delta(images_dir: Path, kind: Kind, delta: Path) -> Manifest:
    """Put a new delta of the present base in force.   Raises ValueError where there is no base."""
    base = read_manifest(images_dir).levels(kind).base
    if base is None:
        raise ValueError(f"{images_dir / MANIFEST}: no {kind} base; {delta.name} not published; publish a base first")
    return publish(images_dir, {kind: Levels(base, delta.name)})


def publish(images_dir: Path, kinds: Mapping[Kind, Levels]) -> Manifest:
    """Put images of several kinds in force at one moment; the other kinds stay; settle() has to follow.

    Raises ValueError for a file that does not exist."""
    for name in (name for levels in kinds.values() for name in asdict(levels).values()):
        if name is not None and not (images_dir / name).is_file():
            raise ValueError(f"{images_dir / name}: does not exist; not published; write the image there first")
    before = read_manifest(images_dir)
    levels = (kinds.get(kind, before.levels(kind)) for kind in KINDS)
    return _write(images_dir, Manifest(*levels, behind_s=before.behind_s))


def doubt_clock(images_dir: Path, behind_s: int) -> Manifest:
    """Have schedules read at two times from now on, as far apart as the clock was set back; 0: at one again."""
    return _write(images_dir, replace(read_manifest(images_dir), behind_s=behind_s))


def _write(images_dir: Path, manifest: Manifest) -> Manifest:
    with writing_whole(images_dir / MANIFEST, is_synced=False) as file:
        file.write(_text(manifest))
    return manifest


def settle(images_dir: Path) -> None:
    """Have what is in force survive a power cut.   One caller at a time, while another one publishes.

    Cost: what the disk takes to write young levels and two small files"""
    manifest = read_manifest(images_dir)
    young = [images_dir / levels.young for kind in KINDS if (levels := manifest.levels(kind)).young is not None]
    sync([*young, images_dir / MANIFEST])
    with writing_whole(images_dir / SETTLED) as file:
        file.write(_text(manifest))


def _text(manifest: Manifest) -> bytes:
    return json.dumps(asdict(manifest), indent=1).encode() + b"\n"


def next_generation(images_dir: Path, kind: Kind) -> int:
    """One more than the highest generation of a kind that is on the disk, claimed or in force.

    Where others may write images at the same time: claimed_generation()."""
    manifest = read_manifest(images_dir)
    names = [path.name for path in images_dir.iterdir()]
    counted = _COMPILED if kind in _COMPILED else (kind,)
    for one in KINDS:
        names += [name for name in asdict(manifest.levels(one)).values() if name]
    return 1 + max((generation_of(name) for name in names if name.partition("-")[0] in counted), default=0)


@contextmanager
def claimed_generation(images_dir: Path, kind: Kind) -> Iterator[int]:
    """The next generation, reserved while its image is written."""
    while True:
        generation = next_generation(images_dir, kind)
        claim = images_dir / f"{kind}-{generation}.claim"
        try:
            claim.touch(exist_ok=False)
        except FileExistsError:  # between our look and now
            continue
        break
    try:
        yield generation
    finally:
        claim.unlink(missing_ok=True)


def image_path(images_dir: Path, kind: Kind | Literal["origins"], generation: int) -> Path:
    """Where an image of a kind and generation lies."""
    return images_dir / f"{kind}-{generation}.img"


def generation_of(name: str | None) -> int:
    """The generation in a file name; 0 without one."""
    found = _FILE_NAME.fullmatch(name or "")
    return int(found[2]) if found else 0


def prune(images_dir: Path, kept_generations: int = KEPT_GENERATIONS, also: Collection[str] = ()) -> list[Path]:
    """Remove old images, and claims of writers that died; returns what was removed.

    kept_generations  of each kind, at least 1;   also  names of images that will be in force
    Cost: the header of every image kept"""
    manifest, settled = read_manifest(images_dir), _settled(images_dir)
    removed = []
    for kind in KINDS:
        newest = sorted(_files(images_dir, kind, "img"), key=lambda path: generation_of(path.name), reverse=True)
        kept: set[str | None] = {*also, *(path.name for path in newest[:kept_generations])}
        kept |= {*asdict(manifest.levels(kind)).values(), *asdict(settled.levels(kind)).values()}
        for _ in range(N_LEVELS - 1):  # what a kept one stands on, down to the base
            kept |= {f"{kind}-{_base_of(images_dir / name)}.img" for name in kept if name}
        in_force = generation_of(manifest.levels(kind).base)
        claims = [path for path in _files(images_dir, kind, "claim") if generation_of(path.name) >= in_force]
        kept |= {path.with_suffix(".img").name for path in claims}  # its writer has not said so yet
        # A base that is newer than the one in force is about to be.
        kept |= {path.name for path in newest if generation_of(path.name) > in_force and _base_of(path) == 0}
        removed += [path for path in newest if path.name not in kept]
        # A claim below the base in force is no one's, or its number is out of reach already.
        removed += [path for path in _files(images_dir, kind, "claim") if generation_of(path.name) < in_force]
    for path in removed:
        path.unlink(missing_ok=True)
    left = {generation_of(path.name) for path in _files(images_dir, "names", "img")}
    left |= set(range(generation_of(manifest.names.base), 1 + max(left, default=0)))  # one may be on its way
    lone = [path for path in _files(images_dir, ORIGINS, "img") if generation_of(path.name) not in left]
    for path in lone:
        path.unlink(missing_ok=True)
    return removed + lone


def _settled(images_dir: Path) -> Manifest:
    try:
        return _read(images_dir / SETTLED)
    except ValueError:  # written again soon
        return Manifest()


def _files(images_dir: Path, kind: str, suffix: str) -> list[Path]:
    return [path for path in images_dir.glob(f"{kind}-*.{suffix}") if _FILE_NAME.fullmatch(path.name)]


def _base_of(path: Path) -> int:
    """The generation that an image stands on; 0 for a base, and for a file that is no image (which needs none)."""
    try:
        return base_generation_of(path)
    except (BadImage, OSError):
        return 0
