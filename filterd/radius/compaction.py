"""Compaction: a snapshot of the sessions and the base of their images, of files alone.

The role does it itself at a start without a base; while it serves, a job does it, and the role goes on in a new
journal.

Invariants: the base is whole before the snapshot, and the snapshot before what it stands for is removed.
"""

from pathlib import Path

from filterd.radius.images import write_base
from filterd.radius.journal import read_below, write_snapshot
from filterd.radius.nas import NasTable


def compact(folder: Path, number: int, base: Path, nas: NasTable, oldest_s: int) -> None:
    """Write snapshot `number`, of all that is below it, and a base of it.

    oldest_s   ends of sessions before this instant are forgotten
    Raises BadSnapshot, OSError.   Cost: 8 s and 0.7 GB for a million sessions"""
    table = read_below(folder, number)
    table.forget_ended(oldest_s)
    write_base(base, table.holders(), dict(nas.pools()), nas.default_of)
    write_snapshot(folder, number, table)
