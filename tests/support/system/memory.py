"""Where tests keep their files: in memory, as none of them asks what a machine without power leaves on a disk."""

from pathlib import Path

FOLDER = Path("/dev/shm")
LEAST_KIB = 4 << 20  # of memory; the spools of some daemons at once are a gigabyte


def folder_in_memory() -> str | None:
    """A folder in memory, where there is enough of it; None: the usual one, on a disk."""
    words = (line.split() for line in Path("/proc/meminfo").read_text().splitlines())
    available_kib = next(int(word[1]) for word in words if word[0] == "MemAvailable:")
    return str(FOLDER) if FOLDER.is_dir() and available_kib >= LEAST_KIB else None
