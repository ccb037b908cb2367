"""What the levels in force are, for status: how large, what is outstanding, since when.

Everything that a base does not hold is outstanding, since that base was written; a young level is written at every
change, also where nothing is left in it.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from filterd.process.control_messages import LevelState
from rules.base.manifest import Kind, Manifest, read_manifest

OF: Mapping[str, tuple[Kind, ...]] = {"names": ("names", "urls"), "people": ("subscribers", "policy")}
LEVELS = ("base", "delta", "young")

Rows = Mapping[tuple[str, str], int]  # (kind, level): rows of a level


def level_states(images_dir: Path, rows: Rows) -> list[LevelState]:
    """Every level in force, bases first.   rows  as far as they are known   Raises ValueError, as read_manifest()"""
    manifest = read_manifest(images_dir)
    return [
        LevelState(kind=kind, level=level, rows=rows.get((kind, level)), octets=octets, written_s=written_s)
        for kind, parts in OF.items()
        for level in LEVELS
        for octets, written_s in _files_of(images_dir, manifest, parts, level)
    ]


def _files_of(images_dir: Path, manifest: Manifest, parts: tuple[Kind, ...], level: str) -> Iterator[tuple[int, float]]:
    """(octets of its images, when the last of them was written); nothing where it has none."""
    names = [getattr(manifest.levels(part), level) for part in parts]
    found = [path.stat() for name in names if name and (path := images_dir / name).is_file()]
    if found:
        yield sum(each.st_size for each in found), max(each.st_mtime for each in found)
