"""The last checkpoint that a key has signed or a witness has seen, in a file of its own.

Invariants: it is on the disk when write() returns, whole; only its owner reads it.
"""

import os
from pathlib import Path

from rules.base.atomic_file import writing_whole


class LastCheckpoint:
    """A signed note in a file.   Raises OSError"""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> str | None:
        """None: there was none yet."""
        try:
            return self.path.read_text()
        except FileNotFoundError:
            return None

    def write(self, note: str) -> None:
        with writing_whole(self.path) as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(note.encode())
