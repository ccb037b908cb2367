"""The manifest: which images are the ones in force.

images/current.json names a base and a delta of each kind.  It is written whole, so that a worker which starts at any
moment, with the control plane dead, finds a set of images that belong together.

Invariants: one writer; a new base takes the old delta's place too (a delta is cumulative against its own base); what
the manifest names, or a kept delta stands on, is never pruned.
"""
import json
import re
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from fastpath.image import BadImage, open_image
from fastpath.layout import ImageKind
from rules.whole import writing_whole

Kind = Literal["names", "subscribers", "policy"]

KINDS: tuple[Kind, ...] = ("names", "subscribers", "policy")
MANIFEST = "current.json"
KEPT_GENERATIONS = 10       # of a kind, so that a rollback finds what it needs

_IMAGE_NAME = re.compile(r"(names|subscribers|policy)-(\d+)\.img")


@dataclass(frozen=True, slots=True)
class Pair:
    """The images of one kind, by file name beside the manifest; None: there is none."""

    base: str | None = None
    delta: str | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is in force."""

    names: Pair = Pair()
    subscribers: Pair = Pair()
    policy: Pair = Pair()

    def pair(self, kind: Kind) -> Pair:
        """The images of one kind."""
        found: Pair = getattr(self, kind)
        return found


def read_manifest(images_dir: Path) -> Manifest:
    """What is in force; an empty Manifest where nothing was ever published.   Raises ValueError for a broken file."""
    path = images_dir / MANIFEST
    try:
        said = json.loads(path.read_bytes())
    except FileNotFoundError:
        return Manifest()
    except ValueError as exc:
        raise ValueError(f"{path}: is no JSON; not read; publish again") from exc
    try:
        return Manifest(**{kind: Pair(**said[kind]) for kind in KINDS if said.get(kind)})
    except (AttributeError, TypeError) as exc:
        raise ValueError(f"{path}: is no manifest; not read; publish again") from exc


def publish_base(images_dir: Path, kind: Kind, base: Path, delta: Path | None = None) -> Manifest:
    """Put a new base in force, and the delta that was made against it, if there is one."""
    return _write(images_dir, kind, Pair(base.name, None if delta is None else delta.name))


def publish_delta(images_dir: Path, kind: Kind, delta: Path) -> Manifest:
    """Put a new delta of the present base in force.   Raises ValueError where there is no base."""
    pair = read_manifest(images_dir).pair(kind)
    if pair.base is None:
        raise ValueError(f"{images_dir / MANIFEST}: no {kind} base; {delta.name} not published; publish a base first")
    return _write(images_dir, kind, Pair(pair.base, delta.name))


def next_generation(images_dir: Path, kind: Kind) -> int:
    """One more than the highest generation of a kind that is on the disk or in force."""
    pair = read_manifest(images_dir).pair(kind)
    names = [path.name for path in images_dir.glob(f"{kind}-*.img")]
    return 1 + max(_generation(name) for name in (*names, pair.base or "", pair.delta or ""))


def image_path(images_dir: Path, kind: Kind, generation: int) -> Path:
    """Where an image of a kind and generation lies."""
    return images_dir / f"{kind}-{generation}.img"


def prune(images_dir: Path, kept_generations: int = KEPT_GENERATIONS) -> list[Path]:
    """Remove old images; returns what was removed.   kept_generations  of each kind, at least 1."""
    manifest = read_manifest(images_dir)
    removed = []
    for kind in KINDS:
        newest = sorted((p for p in images_dir.glob(f"{kind}-*.img") if _IMAGE_NAME.fullmatch(p.name)),
                        key=lambda p: _generation(p.name), reverse=True)
        kept = {path.name for path in newest[:kept_generations]} | set(asdict(manifest.pair(kind)).values())
        kept |= {f"{kind}-{_base_of(images_dir / name, kind)}.img" for name in kept if name}
        removed += [path for path in newest if path.name not in kept]
    for path in removed:
        path.unlink(missing_ok=True)
    return removed


def _write(images_dir: Path, kind: Kind, pair: Pair) -> Manifest:
    for name in (pair.base, pair.delta):
        if name is not None and not (images_dir / name).is_file():
            raise ValueError(f"{images_dir / name}: is not there; not published; write the image there first")
    manifest = replace(read_manifest(images_dir), **{kind: pair})
    with writing_whole(images_dir / MANIFEST) as file:
        file.write(json.dumps(asdict(manifest), indent=1).encode() + b"\n")
    return manifest


def _generation(name: str) -> int:
    found = _IMAGE_NAME.fullmatch(name)
    return int(found[2]) if found else 0


def _base_of(path: Path, kind: Kind) -> int:
    """The generation that an image stands on; 0 for a base, and for a file that is no image (which needs none)."""
    try:
        return open_image(path, ImageKind[kind.upper()]).base_generation
    except (BadImage, OSError):
        return 0
