import io
from pathlib import Path

import pytest
from support.system.stage import scripted_stage

from filterd.lab.demo import STEPS, Step, run_steps
from filterd.lab.stage import Stage, StepFailure
from filterd.lab.step_printer import Teller


def passes(_: Stage) -> str:
    return "measured"


def fails(_: Stage) -> str:
    raise StepFailure("a reset", "a page")


def run(stage: Stage, *steps: Step) -> tuple[bool, str]:
    out = io.StringIO()
    return run_steps(stage, steps, Teller(len(steps), out)), out.getvalue()


def test_the_demo_ends_at_the_first_step_that_fails_and_says_what_was_seen_and_where_the_log_is(tmp_path: Path) -> None:
    stage = scripted_stage(tmp_path, lambda *_: "")
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/gateway-filterd.log").write_text("last words\n")

    has_passed, told = run(stage, Step("One", passes), Step("Two", fails), Step("Three", passes))

    assert not has_passed
    assert "[1/3] One … ok " in told
    assert "[2/3] Two … FAILED " in told
    assert "expected: a reset\n        saw:      a page\n" in told
    assert f"{tmp_path}/logs/gateway-filterd.log:\n        last words\n" in told
    assert "Three" not in told


@pytest.mark.parametrize("fault", [OSError("gone"), TimeoutError("late"), KeyError("receipt"), ValueError("no JSON")])
def test_a_step_that_breaks_has_failed(tmp_path: Path, fault: Exception) -> None:
    def breaks(_: Stage) -> str:
        raise fault

    has_passed, told = run(scripted_stage(tmp_path, lambda *_: ""), Step("One", breaks))

    assert not has_passed
    assert f"{type(fault).__name__}: " in told


def test_without_packets_the_steps_that_need_them_are_named_and_not_run(tmp_path: Path) -> None:
    has_passed, told = run(scripted_stage(tmp_path, lambda *_: ""), Step("Packets", fails, True), Step("DNS", passes))

    assert has_passed
    assert "[1/2] Packets … not run: it needs packets\n[2/2] DNS … ok " in told


def test_every_sentence_is_told_once() -> None:
    assert len({step.sentence for step in STEPS}) == len(STEPS)


def test_the_records_are_pulled_after_every_block() -> None:
    names = [step.call.__name__ for step in STEPS]

    assert names[-2:] == ["pull_records", "stop_filterd"]
