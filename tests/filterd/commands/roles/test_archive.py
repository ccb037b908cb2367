"""The role as a whole: blocks of a real daemon, pulled from files."""

import asyncio
import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from support.block_store import drain_all
from support.spool import block_event, put_segment
from support.system.daemon import DEADLINE_S, Daemon, eventually

import filterd
from fastpath.images.verdict import Reason
from filterd.audit.archive_client import ArchiveClient
from mgmt.registers.records.block_archive import ArchiveFailure
from mgmt.registers.records.block_ledger import BlockRecord, RecordQuery, append_blocks
from parental.store.database import open_database, writing

pytestmark = pytest.mark.services

DAY_S = 86_400
OLD_S = int(time.time()) - 400 * DAY_S  # kept for three years


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A box that had a record in its database, as an earlier release kept them."""
    running = Daemon(tmp_path_factory.mktemp("box"))
    running.start()
    put_old_row(running)
    running.stop()
    assert running.run("audit", "move", "--config", str(running.config)).returncode == 0
    running.start()
    yield running
    running.stop()


def put_old_row(box: Daemon) -> None:
    """A record in the database, as earlier versions had it."""
    engine = open_database(box.url or box.folder / "state/database/filterd.db")
    with writing(engine) as conn:
        old = BlockRecord(OLD_S, "dns", "splash", "pta", "old.test", 0, "", "order", 12, None)
        append_blocks(conn, [old], bytes(32))
    engine.dispose()


@pytest.fixture(scope="module")
def auditor(box: Daemon) -> str:
    return box.token("auditor")


def pulled(box: Daemon, token: str, query: str = "") -> list[dict[str, Any]]:
    """What is pulled; nothing while it is refused."""
    time.sleep(0.5)  # the drain gives way to everything, also to those who ask
    url = f"http://127.0.0.1:{box.api}/v1/audit/blocks{query}"
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return [json.loads(line) for line in answer]
    except urllib.error.HTTPError as refusal:
        assert refusal.code == 503
        return []


def count(box: Daemon, token: str, query: str = "") -> int:
    return sum(each["count"] for each in pulled(box, token, query))


# Each test of the box stands by itself, in any order: another worker of pytest may take over those that wait.


def test_what_the_database_had_is_found_with_what_is_blocked_now(box: Daemon, auditor: str) -> None:
    assert eventually(lambda: pulled(box, auditor), "the record that was in the database")[0]["rule"] == "old.test"
    before = eventually(lambda: count(box, auditor), "records")
    box.ask("x.listed.test")
    box.ask("other.test")

    eventually(lambda: count(box, auditor) == before + 1, "both records")

    rows, since = pulled(box, auditor), time.strftime("%Y-%m-%dT00:00:00Z", time.gmtime(OLD_S + 2 * DAY_S))
    assert {(row["rule"], row["order"], row["issuer"]) for row in rows[1:]} == {("listed.test", "PTA-1", "PTA")}
    assert count(box, auditor, f"?channel=dns&list=pta&since={since}") == before
    assert count(box, auditor, "?channel=sni") + count(box, auditor, "?order=4711") == 0


def test_parquet_goes_out_whole_and_is_read_by_any_reader(box: Daemon, auditor: str) -> None:
    before = eventually(lambda: count(box, auditor), "records")
    box.ask("p.listed.test")
    eventually(lambda: count(box, auditor) == before + 1, "its record")
    env = box.env(FILTERD_API=f"http://127.0.0.1:{box.api}", FILTERD_TOKEN=auditor)

    octets = subprocess.run(
        box.command("audit", "pull", "--format", "parquet"), env=env, capture_output=True, check=True
    ).stdout

    assert pq.read_table(io.BytesIO(octets)).column("rule").unique().to_pylist() == ["old.test", "listed.test"]


def test_while_the_archive_is_away_a_pull_says_so_blocks_go_on_and_none_is_lost(box: Daemon, auditor: str) -> None:
    before = eventually(lambda: count(box, auditor), "records")
    pid = int((box.folder / "run/archive-0.pid").read_text())
    os.kill(pid, signal.SIGSTOP)
    try:
        for _ in range(3):
            box.ask("y.listed.test")
    finally:
        os.kill(pid, signal.SIGKILL)

    eventually(lambda: count(box, auditor) == before + 3, "all that was blocked meanwhile")


def test_web_and_control_do_without_the_libraries_of_the_archive(box: Daemon, auditor: str) -> None:
    eventually(lambda: pulled(box, auditor), "an archive that has answered")
    for role in ("web", "control"):
        pid = int((box.folder / f"run/{role}-0.pid").read_text())
        mapped = Path(f"/proc/{pid}/maps").read_text()
        assert "arrow" not in mapped and "duckdb" not in mapped
    assert "arrow" in Path(f"/proc/{int((box.folder / 'run/archive-0.pid').read_text())}/maps").read_text()


def test_a_box_without_the_libraries_of_the_archive_filters_keeps_batches_and_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    box, absent = Daemon(tmp_path), tmp_path / "absent"
    absent.mkdir()
    for library in ("duckdb", "pyarrow"):
        (absent / f"{library}.py").write_text(f"raise ModuleNotFoundError('No module named {library}')\n")
    env = box.env(PYTHONPATH=f"{absent}:{box.env()['PYTHONPATH']}")
    monkeypatch.setattr(box, "env", lambda **more: env | more)
    box.start()
    try:
        auditor = box.token("auditor")
        pid = (box.folder / "run/archive-0.pid").read_text()
        box.ask("z.listed.test")
        eventually(lambda: list((box.folder / "state/blocks/batches").glob("*.batch")), "a batch")
        fault = str(eventually(lambda: box.fault("archive"), "the fault of an archive without libraries"))
        request = urllib.request.Request(
            f"http://127.0.0.1:{box.api}/v1/audit/blocks", headers={"Authorization": f"Bearer {auditor}"}
        )
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=60)
        said = refused.value.read().decode()
        assert (box.folder / "run/archive-0.pid").read_text() == pid
        box.halt()

        monkeypatch.undo()
        box.start()
        found = eventually(lambda: pulled(box, auditor), "what waited")
    finally:
        box.stop()

    assert "install filterd[audit], and restart the role archive" in fault
    assert refused.value.code == 503 and "install filterd[audit]" in said
    assert [(each["rule"], each["count"]) for each in found] == [("listed.test", 1)]


def test_rows_of_the_database_are_a_fault_and_moved_once_control_is_stopped(tmp_path: Path) -> None:
    box = Daemon(tmp_path)
    box.start()
    try:
        put_old_row(box)
        fault = eventually(lambda: box.fault("rows of block records"), "the fault of a row that is in no file")
        refused = box.run("audit", "move", "--json", "--config", str(box.config))
        box.ask("x.listed.test")  # what is in force stays in force
        box.stop()
        moved = box.run("audit", "move", "--json", "--config", str(box.config))
        box.start()
        eventually(box.is_well, "a box without a fault")
        rules = eventually(lambda: [row["rule"] for row in pulled(box, box.token("auditor"))], "the record")
    finally:
        box.stop()

    assert "run filterd audit move" in str(fault)
    assert (refused.returncode, refused.stdout) == (3, "") and "another process writes this folder" in refused.stderr
    assert moved.returncode == 0
    said = json.loads(moved.stdout)
    assert (said["rows"], said["blocks"], said["household"], said["dropped"], said["fault"]) == (1, 1, 0, 0, None)
    assert rules[0] == "old.test"


# -------------------------------------------------------------------------------------------------------- the proof


def killed(box: Daemon, role: str) -> None:
    """A role that dies without a warning, and its next life."""
    place = box.folder / f"run/{role}-0.pid"
    before = place.read_text()

    def lives_again() -> bool:
        with contextlib.suppress(FileNotFoundError):  # it goes with the old life, be it while it is looked at
            return place.read_text() not in ("", before)
        return False

    os.kill(int(before), signal.SIGKILL)
    eventually(lives_again, f"the next life of {role}")


def bundle_of(box: Daemon, auditor: str, rule: str) -> str:
    """The bundle of all days, once it has a record of this rule that is signed: control signs as it starts."""
    found = ""

    def has_rule() -> bool:
        nonlocal found
        done = box.run("audit", "bundle", token=auditor)
        found = done.stdout if done.returncode == 0 else ""
        return f'"rule":"{rule}"' in found

    eventually(has_rule, f"a signed record of {rule}")
    return found


def test_a_bundle_of_the_box_is_verified_offline_and_names_what_is_done_to_it(
    box: Daemon, auditor: str, tmp_path: Path
) -> None:
    before = eventually(lambda: count(box, auditor), "records")
    box.ask("z.listed.test")
    eventually(lambda: count(box, auditor) == before + 1, "its record")
    killed(box, "control")
    octets = bundle_of(box, auditor, "listed.test")

    def verified(octets: str, *more: str) -> str:
        (tmp_path / "bundle").write_text(octets)
        done = box.run("audit", "verify", str(tmp_path / "bundle"), *more)
        return done.stdout + done.stderr

    key = json.loads(octets.splitlines()[0])["keys"][0]
    assert "whole, in order, unaltered" in verified(octets, "--key", key)

    def keys_put() -> set[str]:  # an event is in the export once a checkpoint has it
        lines = map(json.loads, box.run("audit", "export", token=auditor).stdout.splitlines())
        events = [line["event"] for line in lines if "event" in line]
        return {each["said"]["key"] for each in events if each["action"] == "block records key put"}

    assert eventually(keys_put, "the key in the ledger") == {key}

    lines = octets.splitlines(keepends=True)
    at = next(number for number, line in enumerate(lines) if '"rule":"listed.test"' in line)
    assert "records were altered" in verified(octets.replace('"rule":"listed.test"', '"rule":"Listed.test"', 1))
    assert "left out" in verified("".join(lines[:at] + lines[at + 1 :]))
    assert "left out" in verified("".join(lines[: at - 1] + lines[at + 1 :]))
    assert "no checkpoint closes the bundle" in verified("".join(lines[:-1]))
    batch = json.loads(lines[at - 1])["batch"]["number"]
    alone = box.run("audit", "bundle", "--record", f"{batch}/0", token=auditor).stdout
    assert "1 records in batches" in verified(alone, "--key", key)
    assert box.run("audit", "bundle", "--record", "999999/0", token=auditor).returncode == 1


# ------------------------------------------------------------------------------------------------- the role by itself


def started(folder: Path, run_dir: str) -> "subprocess.Popen[str]":
    """The role alone, over the blocks of a folder."""
    said = {"state_dir": str(folder / "state"), "run_dir": str(folder / run_dir)}
    config = folder / f"{run_dir}.yaml"
    config.write_text(json.dumps(said | {"dns": {"upstreams": ["192.0.2.53:53"]}}))
    command = [sys.executable, "-P", "-m", "filterd", "run", "--config", str(config), "--role", "archive"]
    env = {**os.environ, "PYTHONPATH": str(Path(filterd.__file__).parents[1]), "FILTERD_PARENT": str(os.getpid())}
    return subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True)


async def pulled_of(run_dir: Path) -> list[str]:
    """The rules of all records, once the role answers."""
    client = ArchiveClient(run_dir)
    async with asyncio.timeout(DEADLINE_S):
        while True:
            with contextlib.suppress(ArchiveFailure):
                async with aclosing(client.pull(RecordQuery(0, 1 << 33), "ndjson", [])) as pieces:
                    octets = b"".join([piece async for piece in pieces])
                return [json.loads(line)["rule"] for line in octets.splitlines()]
            await asyncio.sleep(0.2)


async def test_a_role_that_is_killed_finds_the_same_again_and_a_second_one_beside_it_is_refused(tmp_path: Path) -> None:
    put_segment(tmp_path / "spool/dns-0", 1, block_event(), block_event("theirs.test", reason=Reason.PAUSE))
    drain_all(tmp_path / "spool", tmp_path / "state/blocks")
    first = started(tmp_path, "run")
    try:
        assert await pulled_of(tmp_path / "run") == ["bad.test"]
        second = started(tmp_path, "other")
        said = await asyncio.to_thread(second.communicate, timeout=DEADLINE_S)
        assert "another process writes this folder; not started; stop that one first" in said[1]
    finally:
        first.kill()
        first.communicate()
    again = started(tmp_path, "run")
    try:
        assert await pulled_of(tmp_path / "run") == ["bad.test"]
    finally:
        again.terminate()
        again.communicate()
    assert again.returncode == 0
