"""What was taken already, so that a copy of it is not taken again: digests in a file.   Cost: 90 octets each."""

import json
from datetime import datetime
from pathlib import Path

from rules.base.atomic_file import writing_whole


class SeenDigests:
    """Digests of what was signed.   file  JSON, written whole"""

    def __init__(self, file: Path) -> None:
        """Raises OSError; ValueError: the file is damaged, and what was taken is not known."""
        self._file = file
        self._at: dict[str, float] = json.loads(file.read_text()) if file.exists() else {}

    def when(self, digest: str) -> float | None:
        """When it was taken, in Unix seconds."""
        return self._at.get(digest)

    def add(self, digest: str, now: datetime) -> None:
        """Note that it was taken."""
        self._at[digest] = now.timestamp()
        with writing_whole(self._file) as file:
            file.write(json.dumps(self._at).encode())
