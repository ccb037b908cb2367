"""The journal of sessions: what was answered is on the disk.

    snapshot-N.dat   every session of a moment     journal-N.log   records since, in order

A snapshot stands for all journals below its number.  It is written next to the role, from the files alone, while a
journal of a higher number grows (filterd.radius.compaction); what is below it is removed once it is whole.

Invariants: append() returns once its records are on the disk; a record that is not whole ends a journal, and is cut off
before anything is written behind it; a snapshot is whole or not there.
Cost: a group of records, one write and one fdatasync; reading, 1.5 us a session.
"""

import os
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from parental.sessions.record import RECORD_OCTETS, read_record
from parental.sessions.table import SessionTable
from rules.base.atomic_file import writing_whole

MAGIC = b"FLTRDSN1"
CRC_OCTETS = 4
WRITTEN_OCTETS = RECORD_OCTETS + CRC_OCTETS
AT_ONCE = 4096  # records of one write of a snapshot


class BadSnapshot(ValueError):
    """A snapshot that is not what was written."""


class Journal:
    """The journal that is written to.   Raises OSError"""

    def __init__(self, folder: Path, number: int) -> None:
        self.number = number
        self._file = os.open(journal_path(folder, number), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        sync_folder(folder)
        self.n_octets = os.fstat(self._file).st_size

    def append(self, records: Iterable[bytes]) -> None:
        """Write records; they are on the disk then.   Blocking.   Raises OSError: none of them counts"""
        octets = b"".join(record + _crc(record) for record in records)
        try:
            written = os.write(self._file, octets)
            if written != len(octets):
                raise OSError("the disk has taken a part of it")
            os.fdatasync(self._file)
        except OSError:
            os.ftruncate(self._file, self.n_octets)  # or what comes next would stand behind half a record
            raise
        self.n_octets += len(octets)

    def close(self) -> None:
        os.close(self._file)


def read_back(folder: Path) -> tuple[SessionTable, int, int]:
    """The table as it was: with the number of the snapshot, and how many journals ended in a record that was cut off.

    The changes of the table are those since the snapshot.   Raises BadSnapshot, OSError"""
    number = newest_snapshot(folder)
    table = read_snapshot(folder, number) if number else SessionTable()
    n_cut = 0
    for path in journals_from(folder, number):
        n_cut += _replay(path, table)
    return table, number, n_cut


def read_below(folder: Path, number: int) -> SessionTable:
    """The table of everything below a journal that may be growing.   Raises BadSnapshot, OSError"""
    newest = newest_snapshot(folder)
    table = read_snapshot(folder, newest) if newest else SessionTable()
    for path in journals_from(folder, newest):
        if (_number_of(path) or 0) < number:
            _replay(path, table)
    return table


def read_snapshot(folder: Path, number: int) -> SessionTable:
    """The table of a snapshot.   Raises BadSnapshot, OSError"""
    path = snapshot_path(folder, number)
    octets = path.read_bytes()
    body = memoryview(octets)[len(MAGIC) + CRC_OCTETS :]
    head, crc = octets[: len(MAGIC)], octets[len(MAGIC) : len(MAGIC) + CRC_OCTETS]
    if head != MAGIC or len(body) % RECORD_OCTETS or zlib.crc32(body).to_bytes(CRC_OCTETS, "little") != crc:
        raise BadSnapshot(
            f"{path}: is not what was written; no session is known; remove it, and sessions come with their updates"
        )
    table = SessionTable()
    begin = len(MAGIC) + CRC_OCTETS
    for at in range(begin, len(octets), RECORD_OCTETS):
        table.load(octets[at : at + RECORD_OCTETS])
    return table


def write_snapshot(folder: Path, number: int, table: SessionTable) -> None:
    """Write a snapshot, and remove what it stands for."""
    with writing_whole(snapshot_path(folder, number)) as file:
        file.write(MAGIC + bytes(CRC_OCTETS))
        crc = 0
        for piece in _pieces(table.records()):
            crc = zlib.crc32(piece, crc)
            file.write(piece)
        file.seek(len(MAGIC))
        file.write(crc.to_bytes(CRC_OCTETS, "little"))
    for path in folder.iterdir():
        if (found := _number_of(path)) is not None and found < number:
            path.unlink(missing_ok=True)


def newest_snapshot(folder: Path) -> int:
    """The number of the newest snapshot; 0: none exists."""
    return max((_number_of(path) or 0 for path in folder.glob("snapshot-*.dat")), default=0)


def journals_from(folder: Path, number: int) -> list[Path]:
    """The journals that a snapshot does not stand for, in order."""
    found = [path for path in folder.glob("journal-*.log") if (_number_of(path) or 0) >= number]
    return sorted(found, key=lambda path: _number_of(path) or 0)


def journal_path(folder: Path, number: int) -> Path:
    return folder / f"journal-{number}.log"


def snapshot_path(folder: Path, number: int) -> Path:
    return folder / f"snapshot-{number}.dat"


def sync_folder(folder: Path) -> None:
    """Have the names of new files on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _replay(path: Path, table: SessionTable) -> bool:
    """Put the records of a journal into a table; whether its end was cut off."""
    octets = path.read_bytes()
    whole = 0
    for record in _whole_records(octets):
        table.put(read_record(record))
        whole += WRITTEN_OCTETS
    if whole == len(octets):
        return False
    os.truncate(path, whole)
    return True


def _whole_records(octets: bytes) -> Iterator[bytes]:
    for at in range(0, len(octets) - WRITTEN_OCTETS + 1, WRITTEN_OCTETS):
        record = octets[at : at + RECORD_OCTETS]
        if octets[at + RECORD_OCTETS : at + WRITTEN_OCTETS] != _crc(record):
            return
        yield record


def _pieces(records: Iterable[bytes]) -> Iterator[bytes]:
    some: list[bytes] = []
    for record in records:
        some.append(record)
        if len(some) == AT_ONCE:
            yield b"".join(some)
            some = []
    yield b"".join(some)


def _crc(record: bytes) -> bytes:
    return zlib.crc32(record).to_bytes(CRC_OCTETS, "little")


def _number_of(path: Path) -> int | None:
    name = path.stem.partition("-")[2]
    return int(name) if path.stem.startswith(("snapshot-", "journal-")) and name.isdigit() else None
