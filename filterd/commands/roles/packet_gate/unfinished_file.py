"""The file in which a gate worker remembers connections that a server may not have finished, for its next life.

Invariants: only a file that the worker itself has made, and no one else can read or write, is believed: its key is
secret, and a link or another's file is replaced.  Its room is allocated at once, as a full disk must not end the loop.
"""

import logging
import mmap
import os
import stat
from pathlib import Path

log = logging.getLogger("filterd.commands.roles.packet_gate")


def map_unfinished(path: Path, octets: int) -> mmap.mmap:
    """Map the file at `path`, made again unless it is ours and of this size; without room memory of no file."""
    try:
        descriptor = _open_ours(path, octets)
        try:
            return mmap.mmap(descriptor, octets)
        finally:
            os.close(descriptor)
    except OSError as reason:
        log.warning(
            "%s: %s; what servers still wait for is not remembered beyond this worker; make room",
            path,
            reason.strerror,
        )
        return mmap.mmap(-1, octets)


def _open_ours(path: Path, octets: int) -> int:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:  # none, or a link
        return _create(path, octets)
    if _is_ours(os.fstat(descriptor), octets):
        return descriptor
    os.close(descriptor)
    return _create(path, octets)


def _is_ours(found: os.stat_result, octets: int) -> bool:
    is_private = stat.S_ISREG(found.st_mode) and not found.st_mode & 0o077 and found.st_nlink == 1
    return is_private and found.st_uid == os.geteuid() and found.st_size == octets


def _create(path: Path, octets: int) -> int:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, octets)
    except OSError:
        os.close(descriptor)
        path.unlink()
        raise
    return descriptor
