"""What fails by chance in CI is played once more, and said: .ci/pytest."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ONCE = """
from pathlib import Path
def test_once{0}():
    if not Path("seen{0}").exists():
        Path("seen{0}").touch()
        assert False
"""
TWICE = "def test_twice(): assert False\n"
CRASH = """
import os
from pathlib import Path
def test_crash():
    if not Path("crashed").exists():
        Path("crashed").touch()
        os._exit(9)
"""


def play(root: Path, folder: Path, text: str, *arguments: str) -> tuple[int, str, list[str]]:
    """Exit code, output, and the tests that were called flaky."""
    (folder / "test_it.py").write_text(text)
    (folder / "pytest.ini").write_text("[pytest]\n")
    log = folder / "flaky"
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}  # of this worker
    environment = ours | {"FLAKY": str(log)}
    command: list[str | Path] = [sys.executable, root / ".ci/pytest", "-q", *arguments, "test_it.py"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr, log.read_text().splitlines() if log.exists() else []


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one process", "workers"])
def test_what_fails_once_and_passes_alone_is_flaky_and_no_failure(
    root: Path, tmp_path: Path, workers: tuple[str, ...]
) -> None:
    code, said, flaky = play(root, tmp_path, ONCE.format(1) + ONCE.format(2), *workers)

    assert code == 0, said
    assert sorted(flaky) == [f"flaky: test_it.py::test_once{n}: failed, then passed alone" for n in (1, 2)]


def test_what_fails_again_is_a_failure(root: Path, tmp_path: Path) -> None:
    code, said, flaky = play(root, tmp_path, ONCE.format(1) + TWICE)

    assert (code, flaky) == (1, []), said


def test_more_than_three_are_not_by_chance(root: Path, tmp_path: Path) -> None:
    code, said, flaky = play(root, tmp_path, "".join(map(ONCE.format, range(4))))

    assert (code, flaky) == (1, []) and "4 failed tests, more than 3 are not by chance" in said


def test_three_are_those_of_all_tiers_of_a_run(root: Path, tmp_path: Path) -> None:
    (tmp_path / "flaky").write_text("flaky: a\nflaky: b\nflaky: c\n")
    code, said, flaky = play(root, tmp_path, ONCE.format(1))

    assert code == 1 and len(flaky) == 3, said


def test_a_worker_that_crashed_is_a_failure(root: Path, tmp_path: Path) -> None:
    code, said, flaky = play(root, tmp_path, CRASH, "-n", "2")

    assert (code, flaky) == (1, []) and "a worker crashed" in said


def test_a_file_that_cannot_be_read_is_a_failure(root: Path, tmp_path: Path) -> None:
    code, said, flaky = play(root, tmp_path, "import nothing_of_that_name\n")

    assert code not in (0, 5) and flaky == [], said


def test_what_passes_is_played_once(root: Path, tmp_path: Path) -> None:
    code, said, flaky = play(root, tmp_path, "def test_passes(): pass\n")

    assert (code, flaky) == (0, []) and "played again" not in said
