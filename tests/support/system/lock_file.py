"""Reads requirements.lock."""

import re
from collections.abc import Iterator
from pathlib import Path

_PIN = re.compile(r"([A-Za-z0-9._-]+)==([^ ]+)")


def locked_in(path: Path) -> Iterator[tuple[str, str]]:
    """(name, version) of each package that a lock file pins."""
    for line in path.read_text().splitlines():
        if pin := _PIN.match(line):
            yield pin[1], pin[2]
