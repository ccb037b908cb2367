"""A folder into which an issuer's files come, each with its signature beside it.

    letter.xlsx + letter.xlsx.asc | .p7s → taken/ or refused/, with letter.xlsx.why

Invariants: a file without a signature waits, in case it is still being written, and is refused after WAITS_S; no link
is followed; what is neither taken nor refused stays.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from filterd.intake.desk import MAX_OCTETS, Desk, NotTaken, Table
from filterd.intake.proof import PGP, SMIME
from filterd.lists.signatures import NotSigned

TAKEN: Final = "taken"
REFUSED: Final = "refused"
WHY: Final = ".why"
WAITS_S: Final = 600.0  # for a signature; a file that is copied over a slow line is there by then


def collect_folder(folder: Path, desk: Desk) -> tuple[int, int]:
    """Take what lies in a folder: how many files were taken, and refused.   Raises Missing, OSError: not now."""
    counts = [0, 0]
    for name in (TAKEN, REFUSED):
        (folder / name).mkdir(exist_ok=True)
    for path in _files_in(folder):
        signature = next((each for kind in (PGP, SMIME) if (each := _beside(path, kind)).exists()), None)
        if signature is None and desk.clock().timestamp() - path.lstat().st_mtime < WAITS_S:
            continue
        counts[_take_one(path, signature, desk)] += 1
    return counts[0], counts[1]


def _take_one(path: Path, signature: Path | None, desk: Desk) -> int:
    """0: taken;   1: refused."""
    octets = b""
    try:
        octets = _read(path)
        if signature is None:
            raise NotTaken(f"no {path.name}{PGP} or {path.name}{SMIME} came with it: not signed")
        desk.keys.check(octets, _read(signature), signature.suffix, desk.clock())
        desk.take(octets, [Table(path.name, octets)])
    except (NotTaken, NotSigned) as reason:
        desk.note_refusal(octets, "file", str(reason))
        _put_away(path, signature, REFUSED).write_text(f"{reason}\n", encoding="utf-8")
        return 1
    _put_away(path, signature, TAKEN)
    return 0


def _files_in(folder: Path) -> Iterator[Path]:
    """What an issuer has put there, by name."""
    for path in sorted(folder.iterdir()):
        if path.suffix not in (PGP, SMIME) and not path.name.startswith(".") and not path.is_dir():
            yield path


def _beside(path: Path, kind: str) -> Path:
    return path.with_name(path.name + kind)


def _read(path: Path) -> bytes:
    """Raises NotTaken for what is no file of a fit size."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as reason:
        raise NotTaken(f"{path.name}: no file that can be read ({reason.strerror})") from reason
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise NotTaken(f"{path.name}: no file")
        octets = file.read(MAX_OCTETS + 1)
    if len(octets) > MAX_OCTETS:
        raise NotTaken(f"{path.name}: larger than {MAX_OCTETS >> 20} MiB: give it as a list")
    return octets


def _put_away(path: Path, signature: Path | None, where: str) -> Path:
    """Move both; where the reason may be written.   A name that is there already gets a number."""
    folder, n = path.parent / where, 0
    while (to := folder / (path.name if n == 0 else f"{n}-{path.name}")).exists():
        n += 1
    if signature is not None:
        signature.rename(folder / (to.name + signature.suffix))
    path.rename(to)
    return to.with_name(to.name + WHY)
