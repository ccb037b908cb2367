"""Every source file has its test file at the same path.

Exempt by rule: `__init__`, `__main__`, and what only declares (.pxd, .pyi, a .py without a function).
Exempt by name: EXCEPTIONS, which only shrinks.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

EXCEPTIONS: dict[str, str] = {}  # path → reason
MOST = 0  # lower it with the list; never raise it

Files = Callable[..., list[Path]]


def mirror(source: Path) -> Path:
    return Path("tests", source.parent, f"test_{source.stem}.py")


@pytest.fixture
def sources(root: Path, files: Files, packages: tuple[str, ...]) -> list[Path]:
    return [
        path
        for path in files(".py", ".pyx", under=packages)
        if not path.stem.startswith("__") and "def " in (root / path).read_text()
    ]


def test_every_source_file_has_its_test_file(root: Path, sources: list[Path]) -> None:
    without = [path for path in sources if str(path) not in EXCEPTIONS and not (root / mirror(path)).exists()]

    assert [f"{path}: no {mirror(path)}" for path in without] == []


def test_the_exceptions_only_shrink(root: Path, sources: list[Path]) -> None:
    stale = [name for name in EXCEPTIONS if Path(name) not in sources or (root / mirror(Path(name))).exists()]

    assert stale == []
    assert len(EXCEPTIONS) <= MOST


def test_every_mirrored_test_file_has_a_test(root: Path, sources: list[Path]) -> None:
    mirrored = [mirror(path) for path in sources if (root / mirror(path)).exists()]

    assert [path for path in mirrored if "def test_" not in (root / path).read_text()] == []


def test_every_compiled_module_has_its_stub(root: Path, files: Files) -> None:
    assert [path for path in files(".pyx") if not (root / path.with_suffix(".pyi")).exists()] == []
