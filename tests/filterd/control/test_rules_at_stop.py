import logging
from pathlib import Path

import pytest

from filterd.config import Config, read_config
from filterd.control import rules_at_stop
from filterd.control.rules_at_stop import leave, leave_quietly


class Recorder:
    """Stands for the kernel: what is done to its rules."""

    def __init__(self) -> None:
        self.done: list[object] = []

    def remove(self) -> None:
        self.done.append("remove")

    def remove_left(self, port: int) -> bool:
        self.done.append(f"remove what is left, and {port}")
        return True

    def keep_gate(self) -> None:
        self.done.append("keep the gate")

    def forget_redirected(self, port: int) -> int:
        self.done.append(port)
        return 0


def box(said: str, place: Path) -> Config:
    return read_config(f"dns: {{upstreams: ['192.0.2.53:53']}}\n{said}".encode(), "x", place)


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    made = Recorder()
    monkeypatch.setattr(rules_at_stop, "Kernel", lambda: made)
    return made


@pytest.mark.parametrize(
    ("said", "done"),
    [
        ("", ["remove", 5300]),
        ("gate: {when_dead: closed}", ["keep the gate", 5300]),
        ("gate: {when_dead: closed, mode: tap, tap_interfaces: [eth1]}", ["remove", 5300]),
        ("gate: {when_dead: closed, workers: 0}", ["remove", 5300]),
    ],
    ids=["open", "closed", "a tap closes nothing", "no gate closes nothing"],
)
def test_at_the_end_the_kernel_is_left_as_the_operator_wants_it(
    said: str, done: list[object], kernel: Recorder, tmp_path: Path
) -> None:
    leave(box(said, tmp_path))

    assert kernel.done == done


@pytest.mark.parametrize("gate", ["{workers: 0, when_dead: closed}", "{mode: tap, tap_interfaces: [eth1]}"])
def test_a_box_that_wants_no_rules_any_more_removes_those_that_are_left(
    gate: str, kernel: Recorder, tmp_path: Path
) -> None:
    said = f"dns: {{upstreams: ['192.0.2.53:53'], redirect_foreign: false}}\ngate: {gate}\n"

    leave(read_config(said.encode(), "x", tmp_path))

    assert kernel.done == ["remove what is left, and 5300"]


def test_the_end_of_a_process_tells_its_log_alone(
    kernel: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse() -> None:
        raise RuntimeError("nft: busy; rules stay as they were; run 'filterd doctor'")

    monkeypatch.setattr(kernel, "remove", refuse)

    with caplog.at_level(logging.WARNING):
        leave_quietly(box("", tmp_path))

    assert "nft: busy" in caplog.text
