"""Nothing large is committed."""

from collections.abc import Callable
from pathlib import Path

MOST_OCTETS = 400_000  # of anything committed: lists and captures are made or fetched, not kept

Files = Callable[..., list[Path]]


def test_no_file_is_large(root: Path, files: Files) -> None:
    assert [str(path) for path in files() if (root / path).stat().st_size > MOST_OCTETS] == []
