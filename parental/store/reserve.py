"""A reserve on the disk of SQLite's database: space that is held while there is enough, and given back on a full disk.

So a pause and an order still find room on a disk that something else has filled.  Records of blocks give way first:
they are not written while the disk has less than the reserve left, and wait where they are.
Invariants: the reserve is never larger than a sixteenth of the disk; giving it back costs one unlink; what another
account that writes the folder has put there, nothing outside of it is written.
"""

import os
import stat
from pathlib import Path

from rules.base.atomic_file import writing_whole

NAME = "reserve"
LARGEST_OCTETS = 32 << 20  # some thousand taps, or one order of the largest size with its images
SHARE_OF_DISK = 16


class Reserve:
    """The reserve in the folder of a database."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME

    @property
    def octets(self) -> int:
        """How large it is to be."""
        disk = os.statvfs(self.path.parent)
        return min(LARGEST_OCTETS, disk.f_blocks * disk.f_frsize // SHARE_OF_DISK)

    @property
    def is_held(self) -> bool:
        """Whether it is there: a link or a file that was cut short is not it."""
        try:
            found = self.path.lstat()
        except FileNotFoundError:
            return False
        return stat.S_ISREG(found.st_mode) and found.st_size >= self.octets

    def is_low(self) -> bool:
        """Whether less is left on the disk, next to the reserve or after it was given back, than it is large."""
        disk = os.statvfs(self.path.parent)
        return disk.f_bavail * disk.f_frsize < self.octets

    def hold(self) -> bool:
        """Take the space, if as much again is left next to it; whether it is held.   Raises OSError."""
        if self.is_held:
            return True
        disk = os.statvfs(self.path.parent)
        if disk.f_bavail * disk.f_frsize < 2 * self.octets:
            return False
        with writing_whole(self.path, is_synced=False) as file:
            os.posix_fallocate(file.fileno(), 0, self.octets)
        return True

    def give_back(self) -> bool:
        """Leave the space to what must be written now; whether there was any."""
        try:
            self.path.unlink()
        except OSError:  # another process was faster, or may and we may not: then none exists for us
            return False
        return True
