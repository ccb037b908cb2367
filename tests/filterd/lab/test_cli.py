from pathlib import Path

import pytest

from filterd.box.errors import WrongUse
from filterd.lab import cli


def test_the_demo_gives_its_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "run_demo", lambda: 1)
    monkeypatch.setattr("signal.signal", lambda *_: None)

    assert cli.main("run", None) == 1


def test_down_says_when_nothing_stood(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "DIRECTORY", tmp_path / "none")
    monkeypatch.setattr(cli, "remove", lambda prefix: [])
    monkeypatch.setattr(cli, "remove_orphans", list)

    assert cli.main("down", None) == 1
    assert capsys.readouterr().out == "nothing\n"


def test_down_removes_the_standing_lab_and_what_killed_ones_have_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "lab/logs").mkdir(parents=True)
    monkeypatch.setattr(cli, "DIRECTORY", tmp_path / "lab")
    monkeypatch.setattr(cli, "remove", lambda prefix: [f"{prefix}-child"])
    monkeypatch.setattr(cli, "remove_orphans", lambda: ["fd-7-child"])

    assert cli.main("down", None) == 0
    assert capsys.readouterr().out == "removed: fd-up-child, fd-7-child\n"
    assert not (tmp_path / "lab").exists()


def test_a_signal_ends_it_like_an_exception_so_that_the_lab_is_taken_down() -> None:
    with pytest.raises(SystemExit) as ended:
        cli._end(15, None)

    assert ended.value.code == 143


@pytest.mark.parametrize("what", ["run", "down"])
def test_only_a_laboratory_that_comes_up_is_filled(what: str) -> None:
    with pytest.raises(WrongUse, match=f"lab {what} --seed: there is nothing to fill"):
        cli.main(what, 7)
