import contextlib
import os
import signal
import socket
from pathlib import Path
from typing import Any

import pytest
from support.system.daemon import DEADLINE_S, Daemon, Upstream, eventually

from filterd.cli import main
from filterd.lab.patience import Patience

COUNTERS = ("dns-0", "dns-0-tcp")


@pytest.mark.services
def test_a_daemon_that_is_told_to_stop_ends_well_and_leaves_no_socket(tmp_path: Path) -> None:
    own, patience = Daemon(tmp_path), Patience(DEADLINE_S)
    own.start()
    while own.halt() == 0 and "after SIGTERM; killed" in own.log() and not patience.is_over():
        own.start()  # once more: a role had no core in the seconds that it is given for its end

    assert own.stop() == 0
    assert {path.name for path in (tmp_path / "run").glob("**/*") if not path.is_dir()} == {
        "cookies.key",
        "starts",
        *COUNTERS,
    }


@pytest.mark.services
def test_a_second_filterd_is_refused_with_the_number_of_the_first_and_touches_nothing_of_it(tmp_path: Path) -> None:
    own = Daemon(tmp_path)
    own.start()
    assert own.process is not None
    before = {path.name: path.lstat().st_ino for path in (tmp_path / "run").iterdir()}

    second = own.run("run", "--config", str(own.config))

    assert second.returncode == 3
    assert f"filterd runs there already, process {own.process.pid}; not started, nothing changed" in second.stderr
    assert {path.name: path.lstat().st_ino for path in (tmp_path / "run").iterdir()} == before
    eventually(own.is_well, "a status without a fault")
    assert own.ask("listed.test") == (0, bytes((192, 0, 2, 1)))
    assert own.stop() == 0


@pytest.mark.services
@pytest.mark.parametrize("role", ["control", "dns"])
def test_a_role_beside_one_of_the_same_name_is_refused(role: str, tmp_path: Path) -> None:
    own = Daemon(tmp_path)
    own.start()

    second = own.run("run", "--config", str(own.config), "--role", role)

    assert second.returncode == 3
    assert f"its role {'control' if role == 'control' else 'dns-0'} runs there already, process " in second.stderr
    eventually(own.is_well, "a status without a fault")
    assert own.ask("listed.test") == (0, bytes((192, 0, 2, 1)))
    own.stop()


def _fault_said(own: Daemon) -> Any:
    """What `status` says while a role does not work; None between two of its tries."""
    said = own.run("status", "--config", str(own.config))
    return said if said.returncode == 1 and "does not work" in said.stdout else None


@pytest.mark.services
def test_a_taken_port_of_the_pages_leaves_dns_ready_and_is_said_in_one_sentence(tmp_path: Path) -> None:
    own = Daemon(tmp_path)
    with socket.create_server(("127.0.0.1", own.splash)) as taken:
        own.start(until="ready, without")
        pids = eventually(lambda: _pids(own, "dns-0"), "dns-0")
        eventually(lambda: own.log().count("splash listen") >= 3, "three tries of the splash")
        eventually(lambda: own.ask("listed.test")[1] == bytes((192, 0, 2, 1)), "a block")

        said = eventually(lambda: _fault_said(own), "the fault of the splash")

        assert "role splash-0: does not work: splash listen" in said.stdout
        assert "Address already in use" in said.stdout
        assert _pids(own, "dns-0") == pids
        assert "Traceback" not in own.log()
        log = own.log()  # once: it goes on
        assert len([line for line in log.splitlines() if "splash listen" in line]) == log.count("splash listen")
        taken.close()
    eventually(lambda: "all roles ready" in own.log(), "the splash")
    eventually(own.is_well, "a status without a fault")
    own.stop()


def _pids(own: Daemon, name: str) -> str:
    with contextlib.suppress(FileNotFoundError):  # it goes with its process, be it while it is looked at
        return (own.folder / "run" / f"{name}.pid").read_text()
    return ""


@pytest.mark.services
def test_a_saved_fault_and_the_death_of_a_worker_are_no_outage(tmp_path: Path) -> None:
    own = Daemon(tmp_path)
    own.start()
    good, before = own.config.read_text(), _pids(own, "dns-0")
    own.config.write_text(good.replace("upstreams", "upsteams"))

    os.kill(int(before), signal.SIGKILL)

    eventually(lambda: _pids(own, "dns-0") not in ("", before), "a new worker")
    assert eventually(lambda: _asked(own, "listed.test"), "an answer") == (0, bytes((192, 0, 2, 1)))
    said = own.run("status", "--config", str(own.config))
    assert said.returncode == 1
    assert "/dns/upsteams: no such key; not loaded; write 'upstreams'" in said.stdout
    own.config.write_text(good)
    eventually(own.is_well, "a status without a fault")
    own.stop()


@pytest.mark.services
def test_a_restart_with_a_fault_in_the_file_goes_on_with_what_was_accepted(tmp_path: Path) -> None:
    own = Daemon(tmp_path)
    own.start()
    own.stop()
    again = Daemon.__new__(Daemon)
    again.__dict__ |= own.__dict__ | {"upstream": Upstream()}
    own.config.write_text("state_dir: state\ndns: [\n")

    again.start()

    assert "what was accepted before stays in force" in again.log()
    assert again.ask("listed.test") == (0, bytes((192, 0, 2, 1)))
    again.stop()


def _asked(own: Daemon, name: str) -> tuple[int, bytes | None] | None:
    try:
        return own.ask(name)
    except OSError:
        return None


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
