"""Atomic file replacement: a file appears whole or not at all.

Invariants: under its final name a file is complete and, unless its writer says that it syncs later, on the disk; a
failure leaves the old file and no temporary one.
Source: rename(2); fsync(2) of the directory, so that the new name survives a power cut.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def writing_whole(path: Path, is_synced: bool = True) -> Iterator[BinaryIO]:
    """Write a temporary file next to `path`, renamed on success.   One writer for each path.

    is_synced   False: a power cut may leave anything under that name, until the caller has called sync()"""
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    try:
        with part.open("xb") as file:  # never through a link that someone has put there
            yield file
            file.flush()
            if is_synced:
                os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    if is_synced:
        _sync(path.parent, os.O_DIRECTORY)


def sync(paths: Iterable[Path]) -> None:
    """Have the content of files survive a power cut; that of their names, once a file is written whole next to them."""
    for path in paths:
        _sync(path)


def _sync(path: Path, also: int = 0) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | also)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
