"""A file is split by concept before it reaches 500 lines."""

from collections.abc import Callable
from pathlib import Path

MOST_LINES = 500
MOST_OCTETS = 400_000  # of anything committed: lists and captures are made or fetched, not kept

Files = Callable[..., list[Path]]


def test_no_source_file_has_more_than_500_lines(root: Path, files: Files) -> None:
    lengths = {path: len((root / path).read_text().splitlines()) for path in files(".py", ".pyx", ".pxd", ".pyi")}

    assert {str(path): n_lines for path, n_lines in lengths.items() if n_lines > MOST_LINES} == {}


def test_no_file_is_large(root: Path, files: Files) -> None:
    assert [str(path) for path in files() if (root / path).stat().st_size > MOST_OCTETS] == []
