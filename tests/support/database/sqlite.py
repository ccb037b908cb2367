"""Databases of SQLite that begin with their tables."""

import functools
import tempfile
from pathlib import Path

from support.system.memory import folder_in_memory

from parental.store.revisions import upgrade


def make_database(path: Path) -> None:
    """Write a database at the newest revision; a copy, since its revisions take longer."""
    path.write_bytes(_template())


@functools.cache
def _template() -> bytes:
    with tempfile.TemporaryDirectory(prefix="filterd-sqlite-", dir=folder_in_memory()) as folder:
        path = Path(folder) / "filterd.db"
        upgrade(path)
        return path.read_bytes()  # whole: whoever closes it last takes in its journal
