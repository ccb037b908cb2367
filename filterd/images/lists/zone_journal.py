"""What a transferred zone has changed since its kept copy: lines that are appended, change by change.

    -owner 60 CNAME .       removed
    +owner 60 CNAME .       added
    =OLD @ 60 SOA …         all of it holds from here on, since serial OLD

Invariants: a change without its last line, the writer died, does not count; changes follow one another by serial, and
only those that join the copy's serial mean anything; one writer, the control role.
Cost: an fsync a change; reading it 1 µs a record.
"""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from rules.base.atomic_file import writing_whole
from rules.lists.zone_copy import Difference, timers_in

JOURNAL: Final = "journal"
MAX_OCTETS: Final = 16 << 20  # beyond it nothing is read: the copy is some tens of thousands of records behind

_REMOVED, _ADDED, _ENDS = b"-", b"+", b"="


class Journal:
    """The journal in a list's directory."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / JOURNAL

    def octets(self) -> int:
        """How long it is."""
        try:
            return self._path.stat().st_size
        except FileNotFoundError:
            return 0

    def read(self) -> list[Difference]:
        """Every change that is whole, the oldest first."""
        return self._read()[0]

    def since(self, serial: int) -> list[Difference]:
        """The changes that lead on from a serial."""
        return joined(self.read(), serial)

    def append(self, differences: Iterable[Difference]) -> None:
        """Add changes; they are on the disk when this returns.   Raises OSError."""
        _, whole_octets = self._read()
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "wb") as file:  # opened so that what is there stays
            file.truncate(whole_octets)
            file.seek(whole_octets)
            file.write(b"".join(map(_text, differences)))
            file.flush()
            os.fsync(file.fileno())

    def keep_since(self, serial: int) -> None:
        """Forget what leads to a serial, and what does not lead on from it.   Raises OSError."""
        if not self.octets():
            return
        kept = self.since(serial)
        if not kept:
            self._path.unlink(missing_ok=True)
            return
        with writing_whole(self._path) as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(b"".join(map(_text, kept)))

    def _read(self) -> tuple[list[Difference], int]:
        """The changes, and where the last whole one ends."""
        if not 0 < self.octets() <= MAX_OCTETS:
            return [], 0
        found: list[Difference] = []
        removed: list[bytes] = []
        added: list[bytes] = []
        at = end = 0
        for line in self._path.read_bytes().splitlines(keepends=True):
            at += len(line)
            sign, said = line[:1], line[1:]
            if sign == _ENDS:
                old, _, soa = said.partition(b" ")
                timers = timers_in(soa)
                if timers is None or not old.isdigit():
                    break
                found.append(Difference(int(old), timers.serial, soa, removed, added))
                removed, added, end = [], [], at
            elif sign in (_REMOVED, _ADDED) and said.endswith(b"\n"):
                (removed if sign == _REMOVED else added).append(said)
            else:
                break
        return found, end


def joined(differences: Sequence[Difference], serial: int) -> list[Difference]:
    """Those of the changes that lead on from a serial, one after the other."""
    found = []
    for difference in differences:
        if difference.old_serial == serial:
            found.append(difference)
            serial = difference.serial
    return found


def _text(difference: Difference) -> bytes:
    removed = b"".join(_REMOVED + line for line in difference.removed)
    added = b"".join(_ADDED + line for line in difference.added)
    return removed + added + _ENDS + b"%d " % difference.old_serial + difference.soa
