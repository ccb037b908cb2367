"""A disk whose power can be cut: what was not synced is gone, as the kernel had it in memory alone."""

import shutil
import subprocess
from pathlib import Path

MIB = 64
# What commits by itself commits late, and names may come to the disk before their octets: the most that ext4 may lose.
OPTIONS = "loop,commit=600,data=writeback,noatime"


class Disk:
    """An ext4 file system in an image.   folder  where it is mounted"""

    def __init__(self, place: Path) -> None:
        self.folder = place / "mounted"
        self._image, self._other = place / "disk.img", place / "other.img"
        self.folder.mkdir()
        with self._image.open("wb") as file:
            file.truncate(MIB << 20)
        _run("mkfs.ext4", "-q", "-E", "lazy_itable_init=0", str(self._image))
        self._mount()

    def cut_power(self) -> None:
        """Go on with what was on the disk at this moment.   No process may have a file of it open."""
        _run("cp", "--sparse=always", str(self._image), str(self._other))  # the disk; not what waits for it in memory
        self.close()
        shutil.move(self._other, self._image)
        self._mount()

    def close(self) -> None:
        _run("umount", str(self.folder))

    def _mount(self) -> None:
        _run("mount", "-o", OPTIONS, str(self._image), str(self.folder))


def why_not() -> str:
    """Why there can be none; empty: there can."""
    missing = [program for program in ("mkfs.ext4", "mount") if shutil.which(program) is None]
    if missing:
        return f"no {missing[0]}"
    return "" if Path("/dev/loop-control").exists() else "no loop devices"


def _run(*argv: str) -> None:
    subprocess.run(argv, check=True, capture_output=True)
