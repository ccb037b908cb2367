"""Where tests keep their files: in memory, as none of them asks what a machine without power leaves on a disk."""

import contextlib
import os
import shutil
from pathlib import Path

FOLDER = Path("/dev/shm")
PREFIX = "filterd-t"
LEAST_KIB = 4 << 20  # of memory; the spools of some daemons at once are a gigabyte


def folder_in_memory() -> str | None:
    """A folder in memory, where there is enough of it; None: the usual one, on a disk."""
    words = (line.split() for line in Path("/proc/meminfo").read_text().splitlines())
    available_kib = next(int(word[1]) for word in words if word[0] == "MemAvailable:")
    return str(FOLDER) if min(available_kib, _free_kib(FOLDER)) >= LEAST_KIB else None


def folder_of_run() -> str | None:
    """A new folder there for the files of this run of pytest; those of runs that are over go.

    Its name is short: a socket's path has 108 octets, and names of tests take most of them."""
    folder = folder_in_memory()
    if folder is None:
        return None
    for old in Path(folder).glob(f"{PREFIX}*"):
        with contextlib.suppress(ValueError, OSError):
            if not Path(f"/proc/{int(old.name.removeprefix(PREFIX))}").exists():
                shutil.rmtree(old, ignore_errors=True)
    return f"{folder}/{PREFIX}{os.getpid()}"


def remove_folder(folder: Path) -> None:
    """Remove what folder_of_run() has named, and nothing that somebody else has."""
    if folder.parent == FOLDER and folder.name.startswith(PREFIX):
        shutil.rmtree(folder, ignore_errors=True)


def _free_kib(folder: Path) -> int:
    """0 where there is no such folder, or none that programs are started from: containers often have one of 64 MiB."""
    if not folder.is_dir():
        return 0
    found = os.statvfs(folder)
    return 0 if found.f_flag & os.ST_NOEXEC else found.f_bavail * found.f_frsize >> 10
