from pathlib import Path

import pytest
from support.system.daemon import Daemon

from filterd.cli import main


@pytest.mark.services
def test_a_daemon_that_is_told_to_stop_ends_well_and_leaves_no_socket(tmp_path: Path) -> None:
    own = Daemon(tmp_path)
    own.start()

    assert own.stop() == 0
    assert {path.name for path in (tmp_path / "run").iterdir()} == {"control", "dns", "dns-0"}


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
