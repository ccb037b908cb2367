import json
from pathlib import Path

import pytest

from filterd.cli import main


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    runner = "def benchmarks(): return ['one']\ndef measure(name): return {'lookup_ns': 12.5}\n"
    (tmp_path / "run.py").write_text(runner)
    monkeypatch.setattr("filterd.commands.bench.FOLDER", tmp_path)
    return tmp_path


def test_a_benchmark_is_measured_and_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "one", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"bench": "one", "figures": {"lookup_ns": 12.5}}


def test_one_that_is_not_there_is_wrong_use(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "two"]) == 2
    assert "write one" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["quic", "lock"])
def test_one_that_the_command_line_promises_and_is_not_there_yet_is_a_missing_part(
    folder: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert main(["bench", "one", name]) == 3
    told = capsys.readouterr()
    assert (told.out, f"bench {name}: not there; nothing measured; it needs " in told.err) == ("", True)


def test_without_the_source_tree_a_part_is_missing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "run.py").unlink()

    assert main(["bench"]) == 3
