"""What the tests of the repository look at: its own files, as git would commit them."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("fastpath", "rules", "parental", "dns", "mgmt", "filterd")

Files = Callable[..., list[Path]]


def _all_files() -> list[Path]:
    listed = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        names = subprocess.run(listed, capture_output=True, check=True, text=True).stdout.split("\0")
    except (OSError, subprocess.CalledProcessError):  # an unpacked sdist has no git
        return [path for path in sorted(ROOT.rglob("*")) if path.is_file() and not _is_built(path.relative_to(ROOT))]
    return [ROOT / name for name in sorted(set(names)) if name and (ROOT / name).is_file()]


def _is_built(path: Path) -> bool:
    top, is_compiled = path.parts[0], path.suffix in {".so", ".c", ".pyc"}
    return is_compiled or top in {"build", "dist"} or top.endswith((".egg-info", "_cache")) or top.startswith(".venv")


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def packages() -> tuple[str, ...]:
    return PACKAGES


@pytest.fixture(scope="session")
def files() -> Files:
    """files(".py", ".pyx", under=("dns",)): of these suffixes, in these top-level folders, relative to the root."""
    every = [path.relative_to(ROOT) for path in _all_files()]

    def chosen(*suffixes: str, under: tuple[str, ...] = ()) -> list[Path]:
        return [
            path
            for path in every
            if (not suffixes or path.suffix in suffixes) and (not under or path.parts[0] in under)
        ]

    return chosen
