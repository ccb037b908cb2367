from pathlib import Path

import pytest
from support.system.stage import scripted_stage

from filterd.lab import steps_start
from filterd.lab.api_desk import MARK, Desk
from filterd.lab.stage import Failed, Stage


def stage_with(folder: Path, wrong: str, other: str) -> Stage:
    def answer(_: str, __: object, stdin: str | None) -> str:
        return "{}" + MARK + (wrong if "Bearer wrong" in (stdin or "") else other)

    stage = scripted_stage(folder, answer)
    stage.desks["parent"] = Desk(stage.place, "a-parent")
    return stage


def test_a_wrong_token_gets_401_and_anothers_line_403(tmp_path: Path) -> None:
    steps_start.refuse_wrong_token(stage_with(tmp_path, "401", "403"))


@pytest.mark.parametrize(("wrong", "other"), [("200", "403"), ("401", "200"), ("403", "403")])
def test_an_api_that_lets_them_in_fails_the_step(tmp_path: Path, wrong: str, other: str) -> None:
    with pytest.raises(Failed):
        steps_start.refuse_wrong_token(stage_with(tmp_path, wrong, other))


@pytest.mark.services
def test_a_compiler_that_fails_fails_the_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps_start, "filterd_command", lambda *_: ["false"])

    with pytest.raises(Failed, match="exit code 0 of filterd compile; saw 1"):
        steps_start.compile_list(scripted_stage(tmp_path, lambda *_: ""))


@pytest.mark.services
def test_the_counts_of_a_compilation_are_told_without_the_single_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = "names image 1: 2 names\n  pta: 2 rules\n    1: covers a public suffix\n      pta.csv line 7:1: co.test"
    monkeypatch.setattr(steps_start, "filterd_command", lambda *_: ["printf", "%s", report])

    told = steps_start.compile_list(scripted_stage(tmp_path, lambda *_: ""))

    assert told == report.rpartition("\n")[0]
