import json
import subprocess
import sys
from pathlib import Path

import pytest
from support.mgmt.orders import publish, push

from fastpath.images.tables import TableSet
from fastpath.wire.name import to_wire
from filterd.cli import main
from filterd.config import load
from filterd.process.database.access import database_of
from parental.store.database import open_database, writing


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    path = tmp_path / "bad.txt"
    path.write_text("listed.test\ncom\n192.0.2.1\n")
    return path


def test_a_compiled_list_is_in_force_in_its_directory(
    tmp_path: Path, bad: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compile", f"{bad},tier=order,list=pta", "-o", str(tmp_path / "out")]) == 0

    tables = TableSet.open(tmp_path / "out/current.json")
    assert tables.decide(to_wire(b"www.listed.test"), None, 0).list == "pta"
    assert "1 rules, 2 lines not enforced" in capsys.readouterr().out


def test_the_report_counts_rules_skipped_lines_bytes_and_seconds(
    tmp_path: Path, bad: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["compile", str(bad), "-o", str(tmp_path / "out"), "--json"])

    report = json.loads(capsys.readouterr().out)
    assert (report["rules"], report["skipped"]) == (1, 2)
    assert report["bytes"] > 0
    assert report["seconds"] >= 0


def test_urls_come_into_force_with_the_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "pta.csv").write_text("URL\nhttp://half.test/bad\nhttp://bad.test/\n")

    assert main(["compile", str(tmp_path / "pta.csv"), "-o", str(tmp_path / "out"), "--json"]) == 0

    tables = TableSet.open(tmp_path / "out/current.json")
    assert tables.decide_url(None, b"half.test/bad", None, 0).list == "pta"
    assert tables.decide(to_wire(b"bad.test"), None, 0).list == "pta"
    report = json.loads(capsys.readouterr().out)
    assert (report["names"], report["urls"], report["enforceability"]["enforced_http_only"]) == (1, 1, 1)


@pytest.mark.parametrize("text", ["<html>not found</html>\n", "\ufeff<!DOCTYPE html>\n"])
def test_a_list_that_is_none_leaves_the_last_good_images_in_force(
    tmp_path: Path, bad: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    main(["compile", str(bad), "-o", str(tmp_path / "out")])
    before = sorted(path.name for path in (tmp_path / "out").iterdir())
    bad.write_text(text)

    assert main(["compile", str(bad), "-o", str(tmp_path / "out")]) == 2

    assert f"{bad}: line 1: a web page instead of a list; not read; " in capsys.readouterr().err
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == before
    assert TableSet.open(tmp_path / "out/current.json").decide(to_wire(b"listed.test"), None, 0).list == "bad"


def test_compiling_again_raises_the_generation(tmp_path: Path, bad: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        main(["compile", str(bad), "-o", str(tmp_path / "out"), "--json"])

    first, second = (json.loads(line)["generation"] for line in capsys.readouterr().out.splitlines())
    assert second > first


@pytest.mark.parametrize(
    "wrong", [[], ["x.txt"], ["-o", "out"], ["absent.txt", "-o", "out"], ["a,tier=nonsense", "-o", "out"]]
)
def test_what_cannot_be_compiled_is_wrong_use_and_leaves_no_manifest(
    wrong: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    assert main(["compile", *wrong]) == 2
    assert capsys.readouterr().err
    assert not (tmp_path / "out/current.json").exists()


@pytest.mark.services
def test_controls_job_compiles_without_network_capabilities_and_other_files(tmp_path: Path) -> None:
    (tmp_path / "f.yaml").write_text(
        'state_dir: state\nrun_dir: run\ndns: {upstreams: ["192.0.2.53:53"]}\n'
        "lists: [{id: pta, tier: order, file: pta.txt, format: plain}]\n"
        "protected: {watch: [watch.txt], shared_hosting: [cloud.txt]}\n"
    )
    (tmp_path / "pta.txt").write_text("listed.test\nwatched.test\n")
    (tmp_path / "watch.txt").write_text("# names outside of the state directory\nwatched.test\n")
    (tmp_path / "cloud.txt").write_text("# a cloud, 2026-11-01\n198.51.100.0/28\n")
    assert main(["compile", "--config", str(tmp_path / "f.yaml")]) == 0
    after = """
import socket, sys
from pathlib import Path
from filterd.cli import main
print(main(sys.argv[1:]))
for work in (socket.socket, Path(sys.argv[3]).read_text, lambda: Path("/proc/1/status").read_text()):
    try:
        print(work())
    except PermissionError:
        print("refused")
"""

    done = subprocess.run(
        [sys.executable, "-P", "-c", after, "compile", "--config", str(tmp_path / "f.yaml"), "--kept", "--confined"],
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert done.stdout.splitlines()[-4:] == ["0", *["refused"] * 3], done.stderr
    assert "is watched (names outside of the state directory)" in done.stdout and "cloud.txt" not in done.stderr
    assert len(list((tmp_path / "state/images").glob("names-*.img"))) == 2


@pytest.mark.services
@pytest.mark.parametrize("job", [["--kept", "--confined"], ["--people", "base"]])
def test_controls_job_sorts_more_than_sqlite_has_memory_for(tmp_path: Path, job: list[str]) -> None:
    (tmp_path / "f.yaml").write_text('state_dir: state\nrun_dir: run\ndns: {upstreams: ["192.0.2.53:53"]}\n')
    engine = open_database(database_of(load(tmp_path / "f.yaml")))
    with writing(engine) as conn:
        push(conn, *(f"name-{number}.listed.test" for number in range(50_000)))
        publish(conn)
    engine.dispose()
    sorting = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500000) "
    after = f"""
import sys
from filterd.cli import main
print(main(sys.argv[1:]))
import sqlite3  # after it, as SQLite looks once where its files go
rows = sqlite3.connect(":memory:").execute("{sorting} SELECT i, hex(randomblob(20)) AS b FROM n ORDER BY b")
print(len(rows.fetchall()))
"""

    command = [sys.executable, "-P", "-c", after, "compile", "--config", str(tmp_path / "f.yaml"), *job]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)

    assert done.stdout.splitlines()[-2:] == ["0", "500000"], done.stderr


def test_only_kept_copies_are_compiled_confined(bad: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", str(bad), "-o", "x", "--confined"]) == 2
    assert "--confined: reads kept copies alone; nothing compiled; add --kept" in capsys.readouterr().err
