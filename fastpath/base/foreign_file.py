"""Files that another account may have put where they are, opened so that they harm no one.

Invariants: no link is followed; nothing waits, as a FIFO would; only a regular file is opened, and no more of it read
than the caller says.
Absent on purpose: a mapping.  A file that its owner cuts short kills a process that has it mapped (SIGBUS): it is read
instead.
Source: open(2), mmap(2).
"""

import errno
import os
import stat
from typing import BinaryIO


def open_foreign(path: str | os.PathLike[str], flags: int = os.O_RDONLY) -> BinaryIO:
    """Open a regular file.   flags  of open(2), without those that make a file   Raises OSError"""
    where = os.fspath(path)
    descriptor = os.open(where, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "no regular file; not opened; remove it", where)
    return os.fdopen(descriptor, "rb" if flags == os.O_RDONLY else "r+b")


def read_foreign(path: str | os.PathLike[str], most: int) -> bytes:
    """The octets of a regular file.   most  that it may have   Raises OSError"""
    with open_foreign(path) as file:
        octets = file.read(most + 1)
    if len(octets) > most:
        raise OSError(errno.EFBIG, f"more than {most} octets; not read; remove it", os.fspath(path))
    return octets
