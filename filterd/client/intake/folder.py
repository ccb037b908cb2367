"""A folder into which an issuer's files come, each with its signature next to it.

    letter.xlsx + letter.xlsx.asc | .p7s → taken/ or refused/, with letter.xlsx.why

Invariants: a file without a signature waits, in case it is still being written, and is refused after WAITS_S; no link
is followed; what is neither taken nor refused stays; a file that cannot be put away stops no other.
"""

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from fastpath.base.foreign_file import open_foreign
from filterd.client.intake.desk import MAX_OCTETS, Desk, IntakeRefusal, Table, told
from filterd.client.intake.proof import PGP, SMIME
from filterd.images.lists.signatures import SignatureMismatch

TAKEN: Final = "taken"
REFUSED: Final = "refused"
WHY: Final = ".why"
NAME_OCTETS: Final = 240  # of a name that is kept: a number and an ending come to it, and a file system has 255
WAITS_S: Final = 600.0  # for a signature; a file that is copied over a slow line is there by then


class _StuckFile(OSError):
    """A file that cannot be put away."""


def collect_folder(folder: Path, desk: Desk) -> tuple[int, int]:
    """Take what lies in a folder: how many files were taken, and refused.   Raises MissingPart, OSError: not now."""
    counts, faults = [0, 0], list[_StuckFile]()
    for name in (TAKEN, REFUSED):
        (folder / name).mkdir(exist_ok=True)
    for path in _files_in(folder):
        signature = _signature_of(path)
        if signature is None and desk.clock().timestamp() - _changed_s(path) < WAITS_S:
            continue
        try:
            counts[_take_one(path, signature, desk)] += 1
        except _StuckFile as reason:
            faults.append(reason)
    if faults:
        raise faults[0]
    return counts[0], counts[1]


def _changed_s(path: Path) -> float:
    """When it was written; of what is gone meanwhile: just now."""
    try:
        return path.lstat().st_mtime
    except FileNotFoundError:
        return math.inf


def _take_one(path: Path, signature: Path | None, desk: Desk) -> int:
    """0: taken;   1: refused.   Raises MissingPart, OSError."""
    octets = b""
    try:
        octets = _read(path)
        if signature is None:
            raise IntakeRefusal(f"no {path.name}{PGP} or {path.name}{SMIME} came with it: not signed")
        desk.keys.check(octets, _read(signature), signature.suffix, desk.clock())
        desk.take(octets, [Table(path.name, octets)])
    except (IntakeRefusal, SignatureMismatch) as refusal:
        reason = told(refusal)
        desk.note_refusal(octets, "file", reason)
        _put_away(path, signature, REFUSED, f"{reason}\n")
        return 1
    _put_away(path, signature, TAKEN)
    return 0


def _files_in(folder: Path) -> Iterator[Path]:
    """What an issuer has put there, by name."""
    for path in sorted(folder.iterdir()):
        if path.suffix not in (PGP, SMIME) and not path.name.startswith(".") and not path.is_dir():
            yield path


def _signature_of(path: Path) -> Path | None:
    beside = (path.with_name(path.name + kind) for kind in (PGP, SMIME))
    return next((each for each in beside if os.path.exists(each)), None)  # noqa: PTH110  # of a long name: False


def _read(path: Path) -> bytes:
    """Raises IntakeRefusal for what is no file of a fit size."""
    try:
        with open_foreign(path) as file:
            octets = file.read(MAX_OCTETS + 1)
    except OSError as reason:
        raise IntakeRefusal(f"{path.name}: no file that can be read ({reason.strerror})") from reason
    if len(octets) > MAX_OCTETS:
        raise IntakeRefusal(f"{path.name}: larger than {MAX_OCTETS >> 20} MiB: give it as a list")
    return octets


def _put_away(path: Path, signature: Path | None, where: str, why: str = "") -> None:
    """Move both, and write the reason next to them.   Raises _StuckFile."""
    to = _free_place(path.parent / where, path.name)
    try:
        if signature is not None:
            signature.rename(to.with_name(to.name + signature.suffix))
        path.rename(to)
        if why:
            to.with_name(to.name + WHY).write_text(why, encoding="utf-8")
    except OSError as reason:
        raise _StuckFile(told(reason)) from reason


def _free_place(folder: Path, name: str) -> Path:
    """Where nothing is yet, nor next to it.   A name that is there already gets a number, a long one loses its end."""
    kept, n = os.fsdecode(os.fsencode(name)[:NAME_OCTETS]), 0
    to = folder / kept
    while any(os.path.lexists(f"{to}{ending}") for ending in ("", PGP, SMIME, WHY)):
        n += 1
        to = folder / f"{n}-{kept}"
    return to
