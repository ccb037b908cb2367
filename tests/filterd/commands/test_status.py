import json
from pathlib import Path

import pytest
from support.present import present
from support.system.daemon import Daemon, eventually

from filterd.cli import main


def status_of(daemon: Daemon, *options: str) -> str:
    """What is said once there is no fault, as of a control that is late, on a busy machine."""

    def said() -> str | None:
        done = daemon.run("status", *options, "--config", str(daemon.config))
        return done.stdout if done.returncode == 0 else None

    return present(eventually(said, "a status without a fault"))


@pytest.mark.services
def test_the_status_holds_generations_lists_and_workers(daemon: Daemon) -> None:
    found = json.loads(status_of(daemon, "--json"))

    assert found["generations"].keys() == {"names", "urls", "subscribers", "policy"}
    assert [each["id"] for each in found["lists"]][:2] == ["pta", "adult"]
    assert found["workers"][0]["name"] == "dns-0"


@pytest.mark.services
def test_for_people_it_is_a_few_lines(daemon: Daemon) -> None:
    said = status_of(daemon)

    assert said.startswith("images names: generation ")
    assert "list pta: 1 rules, 0 lines not enforced" in said


def test_where_nothing_runs_a_part_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "f.yaml"
    config.write_text("run_dir: run\ndns: {upstreams: ['192.0.2.53:53']}\n")

    assert main(["status", "--config", str(config)]) == 3
    assert "start filterd run" in capsys.readouterr().err


def test_where_control_has_a_fault_it_is_said_with_the_workers_and_no_wrong_cure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "f.yaml"
    config.write_text("run_dir: run\ndns: {upstreams: ['192.0.2.53:53']}\n")
    fault = {"ok": False, "error": "database x: cannot be reached"}
    replies = {"control.sock": fault, "worker.sock": {"ok": True, "name": "dns-0", "pid": 7}}
    monkeypatch.setattr("filterd.commands.status.ask_blocking", lambda path, role, request: replies[path.name])

    assert main(["status", "--config", str(config)]) == 3
    assert capsys.readouterr().err.endswith(
        "control: database x: cannot be reached; nothing is known; see its journal\n"
    )

    worker = tmp_path / "run/dns-0/worker.sock"
    worker.parent.mkdir(parents=True)
    worker.touch()
    assert main(["status", "--config", str(config)]) == 1
    first, second = capsys.readouterr().out.splitlines()[:2]
    assert first == "control: database x: cannot be reached; workers continue with the last images"
    assert second.startswith("worker dns-0: pid 7 ")


@pytest.mark.parametrize(
    ("unjudged", "lines"),
    [
        (14, ["gate: 14 packets without a verdict: no worker, full queue, or still waiting"]),
        (0, []),
        (None, []),
    ],
)
def test_what_passed_the_gate_unjudged_is_told_where_anything_did(
    unjudged: int | None,
    lines: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = tmp_path / "f.yaml"
    config.write_text("run_dir: run\ndns: {upstreams: ['192.0.2.53:53']}\n")
    said = {"ok": True, "workers": [], "unjudged": unjudged}
    monkeypatch.setattr("filterd.commands.status.ask_blocking", lambda path, role, request: said)

    assert main(["status", "--config", str(config)]) == 0
    assert capsys.readouterr().out.splitlines() == lines


def test_lists_in_the_shadow_are_told_with_what_they_would_have_blocked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "f.yaml"
    config.write_text("run_dir: run\ndns: {upstreams: ['192.0.2.53:53']}\n")
    said = {"ok": True, "workers": [], "shadowed": {"new": {"dns": 14, "sni": 2}, "newer": {}}}
    monkeypatch.setattr("filterd.commands.status.ask_blocking", lambda path, role, request: said)

    assert main(["status", "--config", str(config)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "list new: not enforced, would have blocked dns=14 sni=2",
        "list newer: not enforced, would have blocked nothing yet",
    ]


def test_each_level_is_told_with_its_size_and_what_is_outstanding(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "f.yaml"
    config.write_text("run_dir: run\ndns: {upstreams: ['192.0.2.53:53']}\n")
    base = {"kind": "people", "level": "base", "rows": None, "octets": 40_000_000, "written_s": 0.0}
    young = {"kind": "people", "level": "young", "rows": 3, "octets": 4_096, "written_s": 2.0**40}
    said = {"ok": True, "workers": [], "levels": [base, young]}
    monkeypatch.setattr("filterd.commands.status.ask_blocking", lambda path, role, request: said)

    assert main(["status", "--config", str(config)]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("level people base: 40.00 MB, ")
    assert second == "level people young: 3 rows that are not below it, 0.00 MB, 0 s old"


def test_ways_around_are_told_by_list(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "f.yaml"
    config.write_text("run_dir: run\ndns: {upstreams: ['192.0.2.53:53']}\n")
    said = {"ok": True, "workers": [], "ways_around": {"tor": {"address": 3, "sni": 2}, "vpn": {}}}
    monkeypatch.setattr("filterd.commands.status.ask_blocking", lambda path, role, request: said)

    assert main(["status", "--config", str(config)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "list tor: circumvention attempts seen by the gate: address=3 sni=2",
        "list vpn: circumvention attempts seen by the gate: nothing yet",
    ]


def test_what_goes_to_a_siem_is_told_by_stream(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "f.yaml"
    config.write_text("run_dir: run\ndns: {upstreams: ['192.0.2.53:53']}\n")
    blocks = {"sent": 5, "waiting": 0, "oldest_s": 0.0, "gone": 0, "fault": None}
    ledger = {"sent": 7, "waiting": 3, "oldest_s": 90.4, "gone": 2, "fault": "siem.example:6514: Connection refused"}
    said = {"ok": True, "workers": [], "siem": {"blocks": blocks, "ledger": ledger}}
    monkeypatch.setattr("filterd.commands.status.ask_blocking", lambda path, role, request: said)

    assert main(["status", "--config", str(config)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "siem blocks: 5 sent, 0 waiting",
        "siem ledger: 7 sent, 3 waiting, the oldest for 90 s, 2 destroyed by age before they were sent; "
        "siem.example:6514: Connection refused; it is tried again",
    ]


def test_hellos_by_class_of_software_are_told_of_all_workers_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "f.yaml"
    config.write_text("run_dir: run\ndns: {upstreams: ['192.0.2.53:53']}\n")
    classes = [{"other": 5, "tor": 0}, {"other": 6, "tor": 1}, {}]
    workers = [{"name": f"gate-{number}", "pid": 7, "ja4_classes": each} for number, each in enumerate(classes)]
    monkeypatch.setattr(
        "filterd.commands.status.ask_blocking", lambda path, role, request: {"ok": True, "workers": workers}
    )

    assert main(["status", "--config", str(config)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "TLS hellos by software class: other=11 tor=1"
