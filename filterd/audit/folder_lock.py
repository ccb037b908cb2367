"""The lock of a folder that one process writes: a second one is refused, and touches nothing."""

import fcntl
import os
from pathlib import Path

from filterd.box.errors import MissingPart


def hold_lock(path: Path) -> int:
    """The descriptor of a lock, which is held until it is closed.   Raises MissingPart: another process has it"""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise MissingPart(f"{path}: another process writes this folder; not started; stop that one first") from None
    return descriptor
