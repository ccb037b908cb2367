from pathlib import Path

import pytest

from filterd.cli import main

EXAMPLE = Path(__file__).parents[3] / "docs/filterd.example.yaml"


def test_the_shipped_example_passes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-config", str(EXAMPLE)]) == 0
    assert "good; 8 lists, 1 dns and 1 gate workers" in capsys.readouterr().out


def test_every_fault_is_printed_and_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "f.yaml"
    path.write_text("dns: {workers: x}\n")

    assert main(["check-config", str(path)]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 3
    assert said[-1] == f"{path}: 2 faults"


def test_a_list_file_that_is_not_there_yet_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "f.yaml"
    lists = "lists: [{id: a, file: a.txt, format: plain, tier: security}]\n"
    path.write_text("dns: {upstreams: ['192.0.2.53:53']}\n" + lists)

    assert main(["check-config", str(path)]) == 0
    assert f"list a: {tmp_path / 'a.txt'} does not exist yet" in capsys.readouterr().out


def test_a_certificate_that_is_not_there_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "f.yaml"
    upstream = "upstreams: ['tls://192.0.2.53:853'], upstream_ca: b.pem"
    path.write_text(f"dns: {{{upstream}, tls: {{certificate: a.pem, key: a.key}}}}\n")

    assert main(["check-config", str(path)]) == 0
    said = capsys.readouterr().out
    for name in ("a.pem", "a.key", "b.pem"):
        assert f"dns tls: {tmp_path / name} does not exist, or this account cannot read it" in said


def test_a_key_of_a_zone_that_is_not_there_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    zone = "{name: rpz.test, lists: [orders], allow: [192.0.2.0/24], tsig: rpz.key}"
    rpz = f"rpz: {{listen: ['192.0.2.1:5380'], zones: [{zone}]}}"
    (tmp_path / "f.yaml").write_text(f"dns: {{upstreams: ['192.0.2.53:53']}}\n{rpz}\n")

    assert main(["check-config", str(tmp_path / "f.yaml")]) == 0
    assert f"zone rpz.test: {tmp_path}/rpz.key does not exist; no zone is served" in capsys.readouterr().out
