from pathlib import Path

import pytest
from support.system.daemon import Daemon

from filterd.cli import main
from filterd.commands.run import _leave_kernel
from filterd.config import read_config


@pytest.mark.services
def test_a_daemon_that_is_told_to_stop_ends_well_and_leaves_no_socket(tmp_path: Path) -> None:
    own = Daemon(tmp_path)
    own.start()

    assert own.stop() == 0
    assert {path.name for path in (tmp_path / "run").iterdir()} == {"counters", "cookies.key"}


def test_a_bad_configuration_is_exit_2_with_every_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "f.yaml"
    config.write_text("dns: {workers: x}\n")

    assert main(["run", "--config", str(config)]) == 2
    said = capsys.readouterr().err
    assert "/dns/workers" in said and "/dns/upstreams" in said


def test_a_foreign_package_under_one_of_our_names_is_exit_3(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("filterd.commands.run.foreign_claims", lambda: {"dns": {"dnspython"}})

    assert main(["run"]) == 3
    assert "remove dnspython" in capsys.readouterr().err


@pytest.mark.parametrize(("when_dead", "removed"), [("open", True), ("closed", False)])
def test_at_the_end_the_kernel_is_left_as_the_operator_wants_it(
    when_dead: str, removed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    said = f"dns: {{upstreams: ['192.0.2.53:53']}}\ngate: {{when_dead: {when_dead}}}\n"
    done: list[bool] = []
    monkeypatch.setattr("filterd.kernel.firewall.Kernel.remove", lambda self: done.append(True))

    _leave_kernel(read_config(said.encode(), "x", tmp_path))

    assert bool(done) == removed
    assert ("kernel rules stay" in caplog.text) != removed


def test_a_box_without_kernel_rules_removes_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = b"dns: {upstreams: ['192.0.2.53:53'], redirect_foreign: false}\ngate: {workers: 0}\n"
    monkeypatch.setattr("filterd.kernel.firewall.Kernel.remove", lambda self: pytest.fail("removed"))

    _leave_kernel(read_config(said, "x", tmp_path))
