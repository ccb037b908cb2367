"""Where tests keep their files: in memory, as none of them asks what a machine without power leaves on a disk."""

import os
from pathlib import Path

FOLDER = Path("/dev/shm")
LEAST_KIB = 4 << 20  # of memory; the spools of some daemons at once are a gigabyte


def folder_in_memory() -> str | None:
    """A folder in memory, where there is enough of it; None: the usual one, on a disk."""
    words = (line.split() for line in Path("/proc/meminfo").read_text().splitlines())
    available_kib = next(int(word[1]) for word in words if word[0] == "MemAvailable:")
    return str(FOLDER) if min(available_kib, _free_kib(FOLDER)) >= LEAST_KIB else None


def _free_kib(folder: Path) -> int:
    """0 where there is no such folder, or none that programs are started from: containers often have one of 64 MiB."""
    if not folder.is_dir():
        return 0
    found = os.statvfs(folder)
    return 0 if found.f_flag & os.ST_NOEXEC else found.f_bavail * found.f_frsize >> 10
