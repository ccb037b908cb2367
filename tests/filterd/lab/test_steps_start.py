import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from support.system.stage import scripted_stage

from filterd.lab import steps_start
from filterd.lab.api_desk import MARK, Desk
from filterd.lab.seed.life import SeedReport
from filterd.lab.stage import Stage, StepFailure


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
    with pytest.raises(StepFailure):
        steps_start.refuse_wrong_token(stage_with(tmp_path, wrong, other))


@pytest.mark.services
def test_a_compiler_that_fails_fails_the_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps_start, "filterd_command", lambda *_: ["false"])

    with pytest.raises(StepFailure, match="exit code 0 of filterd compile; saw 1"):
        steps_start.compile_list(scripted_stage(tmp_path, lambda *_: ""))


@pytest.mark.services
def test_the_counts_of_a_compilation_are_told_without_the_single_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = "names image 1: 2 names\n  pta: 2 rules\n    1: covers a public suffix\n      pta.csv line 7:1: co.test"
    monkeypatch.setattr(steps_start, "filterd_command", lambda *_: ["printf", "%s", report])

    told = steps_start.compile_list(scripted_stage(tmp_path, lambda *_: ""))

    assert told == report.rpartition("\n")[0]


def month_of(folder: Path, states: Sequence[str], outcome: str | None = None) -> Stage:
    """A stage whose API tells of orders in these states, one report, and a block on each of thirty days."""
    blocks = "\n".join(json.dumps({"time": f"2026-08-{day:02}T10:00:00Z", "count": 2}) for day in range(1, 31))

    def answer(_: str, __: object, stdin: str | None) -> str:
        asked = stdin or ""
        if "/v1/orders" in asked:
            said = json.dumps({"orders": [{"ref": f"WP {n}", "state": state} for n, state in enumerate(states)]})
        else:
            said = blocks if "/v1/audit" in asked else json.dumps({"reports": [{"outcome": outcome}]})
        return said + MARK + "200"

    stage = scripted_stage(folder, answer)
    stage.filled = SeedReport({"compliance": "an-officer", "auditor": "an-auditor"}, len(states))
    return stage


def test_the_month_is_told_as_the_api_tells_it(tmp_path: Path) -> None:
    told = steps_start.look_back(month_of(tmp_path, ["enforced", "enforced", "partly_enforced", "withdrawn"]))

    assert told.endswith("1 reports of wrong blocks, 60 blocks of 30 days")


@pytest.mark.parametrize(("states", "outcome"), [(["enforced", "withdrawn"], None), (["pending"], None)])
def test_a_month_that_is_not_all_there_fails_the_step(tmp_path: Path, states: list[str], outcome: str | None) -> None:
    with pytest.raises(StepFailure):
        steps_start.look_back(month_of(tmp_path, states, outcome))
