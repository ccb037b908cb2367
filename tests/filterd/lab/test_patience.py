from pathlib import Path

import pytest

from filterd.lab import patience
from filterd.lab.patience import LONGEST, Patience


class Machine:
    """A clock, and how long a program of the machine has waited for a core."""

    def __init__(self, pressure: Path) -> None:
        self.now_s, self._pressure = 1_000.0, pressure
        self.wait_for_core(0)

    def wait_for_core(self, waited_s: float) -> None:
        self._pressure.write_text(f"some avg10=0.00 avg60=0.00 avg300=0.00 total={int(waited_s * 1e6)}\n")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine(tmp_path / "cpu")
    monkeypatch.setattr(patience, "PRESSURE", tmp_path / "cpu")
    monkeypatch.setattr("filterd.lab.patience.time.monotonic", lambda: machine.now_s)
    return machine


def test_a_limit_of_a_quiet_machine_is_that_of_the_clock(machine: Machine) -> None:
    limit = Patience(60)

    machine.now_s += 60
    assert not limit.is_over()
    machine.now_s += 1
    assert limit.is_over()


def test_time_in_which_a_program_waited_for_a_core_does_not_count(machine: Machine) -> None:
    limit = Patience(60)

    machine.now_s += 100
    machine.wait_for_core(50)
    assert not limit.is_over()
    machine.now_s += 11
    assert limit.is_over()


def test_a_limit_ends_at_a_multiple_by_the_clock_whatever_the_machine_does(machine: Machine) -> None:
    limit = Patience(60)

    machine.now_s += LONGEST * 60 + 1
    machine.wait_for_core(LONGEST * 60 + 1)

    assert limit.is_over()


@pytest.mark.parametrize("said", ["", "some\n", "some total=x\n"])
def test_where_the_kernel_does_not_tell_the_clock_counts(machine: Machine, tmp_path: Path, said: str) -> None:
    (tmp_path / "cpu").write_text(said)
    limit = Patience(60)

    machine.now_s += 61

    assert limit.is_over()
