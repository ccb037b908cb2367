import json
from pathlib import Path

import pytest
from support.system.certificates import make_certificate

from filterd.cli import main
from filterd.config.accepted import in_force

DOCS = Path(__file__).parents[3] / "docs"
UPSTREAM = "dns: {upstreams: ['192.0.2.53:53']}\nstate_dir: state\n"
MISSING_LIST = "lists: [{id: a, file: a.txt, format: plain, tier: security}]\n"


def test_the_shipped_example_has_no_fault_but_the_files_that_are_not_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tls").mkdir()
    certificate, key = make_certificate(tmp_path / "tls", "dns.isp.example")
    for name in ("siem-ca.pem", "siem-client.pem"):
        (tmp_path / "tls" / name).write_bytes(certificate.read_bytes())
    (tmp_path / "tls/siem-client.key").write_bytes(key.read_bytes())
    (tmp_path / "tls/resolver-ca.pem").write_bytes(certificate.read_bytes())
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys/cookies.key").write_bytes(bytes(16))
    path = tmp_path / "f.yaml"
    path.write_text((DOCS / "filterd.example.yaml").read_text())

    assert main(["check-config", str(path)]) == 0
    said = capsys.readouterr()
    assert "good; 10 lists, 1 dns and 1 gate workers; " in said.out
    assert all(" does not" not in line for line in said.err.splitlines())


def test_the_shipped_starter_is_short_and_passes_a_strict_check(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = (DOCS / "filterd.starter.yaml").read_text()
    (tmp_path / "f.yaml").write_text(said)
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists/orders.txt").write_text("blocked.example\n")

    assert main(["check-config", "--strict", str(tmp_path / "f.yaml")]) == 0
    assert capsys.readouterr().err == ""
    assert len(said.splitlines()) <= 22


def test_every_fault_is_printed_and_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "f.yaml"
    path.write_text("dns: {workers: x}\n")

    assert main(["check-config", str(path)]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 3
    assert said[-1] == f"{path}: 2 faults, 0 warnings"


def test_faults_of_keys_between_keys_and_of_files_are_told_in_one_round(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "f.yaml"
    path.write_text(
        "dns:\n  upstreams: [here]\n  tls: {certificate: a.pem, key: a.key}\n  workers: 1\n"
        "gate: {tls_ports: [80]}\n" + MISSING_LIST
    )

    assert main(["check-config", str(path)]) == 2
    said = capsys.readouterr().err.splitlines()
    assert [line.split(": ")[0].split()[-1] for line in said[:-1]] == [
        "/dns/upstreams/0",
        "/dns/tls/certificate",
        "/dns/tls/key",
        "/gate/http_ports",
        "/lists/0/file",
    ]
    assert said[-1] == f"{path}: 4 faults, 1 warning"


def test_warnings_are_apart_on_stderr_and_fail_a_strict_check_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "f.yaml"
    path.write_text(UPSTREAM + MISSING_LIST)

    assert main(["check-config", str(path)]) == 0
    said = capsys.readouterr()
    assert said.out == f"{path}: good; 1 lists, 1 dns and 1 gate workers; 1 warning\n"
    assert said.err == (
        f"config {path} line 3 /lists/0/file: {tmp_path}/a.txt: No such file or directory; "
        "its last good version stays in force, where there is one; put the file there, readable by the control role\n"
    )
    assert main(["check-config", "--strict", str(path)]) == 1
    (tmp_path / "a.txt").write_text("a.test\n")
    assert main(["check-config", "--strict", str(path)]) == 0


def test_files_below_another_root_are_looked_for_there(tmp_path: Path) -> None:
    etc = tmp_path / "etc/filterd"
    etc.mkdir(parents=True)
    (etc / "f.yaml").write_text(
        "dns: {upstreams: ['192.0.2.53:53']}\n"
        "lists: [{id: a, file: /etc/filterd/only-there.txt, format: plain, tier: security}]\n"
    )
    (etc / "only-there.txt").write_text("a.test\n")

    assert main(["check-config", "--strict", str(etc / "f.yaml")]) == 1
    assert main(["check-config", "--strict", "--base", str(tmp_path), str(etc / "f.yaml")]) == 0


@pytest.mark.services  # doctor runs nft
@pytest.mark.parametrize("n", [117, 118])
def test_no_more_lists_are_good_than_fit_beside_those_without_a_source(n: int, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a.test\n")
    lists = [{"id": f"l{at}", "file": "a.txt", "format": "plain", "tier": "order"} for at in range(n)]
    said = {"dns": {"upstreams": ["192.0.2.53:53"]}, "lists": lists}
    (tmp_path / "f.yaml").write_text(json.dumps(said))

    assert main(["check-config", "--strict", str(tmp_path / "f.yaml")]) == (0 if n == 117 else 2)
    assert (main(["doctor", "--config", str(tmp_path / "f.yaml")]) == 2) == (n == 118)


def test_what_is_good_is_accepted_and_what_is_not_is_not(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_text(UPSTREAM)

    assert main(["check-config", "--accept", str(path)]) == 0
    assert in_force(path).at_s is not None

    path.write_text(UPSTREAM + "gate: {workers: x}\n")
    assert main(["check-config", "--accept", str(path)]) == 2
    assert in_force(path).config.gate.workers == 1


def test_what_is_no_yaml_is_one_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "f.yaml").write_text("dns: [\n")

    assert main(["check-config", str(tmp_path / "f.yaml")]) == 2
    assert "not YAML" in capsys.readouterr().err


def test_a_retired_key_is_a_warning_and_the_file_is_accepted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "f.yaml"
    path.write_text(UPSTREAM + "records: {store: database}\n")

    assert main(["check-config", "--strict", str(path)]) == 1
    assert main(["check-config", "--accept", str(path)]) == 0
    said = capsys.readouterr()
    assert said.out.splitlines()[-1].endswith("; 1 warning")
    assert "/records/store: block records are always files; the key is ignored" in said.err
