import argparse
from pathlib import Path

import pytest

from filterd.lab import cli


def parse(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    cli.add_arguments(parser)
    return parser.parse_args(words)


def test_the_demo_gives_its_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "run_demo", lambda: 1)
    monkeypatch.setattr("signal.signal", lambda *_: None)

    assert cli.main(parse("run")) == 1


def test_down_says_when_nothing_stood(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "DIRECTORY", tmp_path / "none")
    monkeypatch.setattr(cli, "remove", lambda prefix: [])
    monkeypatch.setattr(cli, "remove_orphans", list)

    assert cli.main(parse("down")) == 1
    assert capsys.readouterr().out == "nothing\n"


def test_down_removes_the_standing_lab_and_what_killed_ones_have_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "lab/logs").mkdir(parents=True)
    monkeypatch.setattr(cli, "DIRECTORY", tmp_path / "lab")
    monkeypatch.setattr(cli, "remove", lambda prefix: [f"{prefix}-child"])
    monkeypatch.setattr(cli, "remove_orphans", lambda: ["fd-7-child"])

    assert cli.main(parse("down")) == 0
    assert capsys.readouterr().out == "removed: fd-up-child, fd-7-child\n"
    assert not (tmp_path / "lab").exists()


def test_anything_else_is_wrong_use() -> None:
    with pytest.raises(SystemExit):
        parse("sideways")


def test_a_signal_ends_it_like_an_exception_so_that_the_lab_is_taken_down() -> None:
    with pytest.raises(SystemExit) as ended:
        cli._end(15, None)

    assert ended.value.code == 143
