"""A disk that something else has filled: a tmpfs of its own, with a whole filterd on it."""

import contextlib
import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.system.daemon import ONLY_POSTGRESQL, Daemon, eventually

from filterd.cli import main

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.skipif(ONLY_POSTGRESQL, reason="PostgreSQL's disk is another server's"),
]
DISK = "192m"  # each reporter of blocks has a spool of 20 MiB


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    state = tmp_path / "state"
    state.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(state)], check=True)
    running = Daemon(tmp_path)
    try:
        running.start()
        yield running
    finally:
        running.stop()
        subprocess.run(["umount", "-l", str(state)], check=True)


def ask(daemon: Daemon, token: str, path: str, body: Any = None, method: str = "POST") -> tuple[int, dict[str, Any]]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{daemon.api}{path}", json.dumps(body or {}).encode(), method=method
    )
    request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as problem:
        with problem:
            return problem.code, json.loads(problem.read())


def fill(folder: Path) -> Path:
    """Take every octet that is left on a disk."""
    path = folder / "somebody-elses"
    with path.open("ab", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    return path


def order(ref: str, n: int = 1) -> dict[str, Any]:
    names = [f"{ref.lower()}-{i}.test" for i in range(n)]
    return {"issuer": "PTA", "ref": ref, "ground": "a law", "entries": names}


def test_pauses_and_orders_live_on_the_reserve_and_without_one_they_are_told_why_not(daemon: Daemon) -> None:
    state = daemon.folder / "state"
    token = daemon.token("operator")
    assert ask(daemon, token, "/v1/subscribers/7", {"label": "Home", "prefixes": ["192.0.2.7"]}, "PUT")[0] in (200, 201)
    eventually((state / "database/reserve").exists, "the reserve")

    filled = fill(state)
    paused = ask(daemon, token, "/v1/subscribers/7/pause")
    pushed = ask(daemon, token, "/v1/orders?wait=15", order("FULL-1", 500))

    assert (paused[0], pushed[0]) == (200, 201), (paused, pushed, daemon.log()[-2000:])
    assert not (state / "database/reserve").exists()

    fill(state)
    for path, body in (("/v1/subscribers/7/resume", None), ("/v1/orders?wait=15", order("FULL-2", 2000))):
        status, said = ask(daemon, token, path, body)
        assert status in (503, 507), (path, status, said)
        assert "no space" in said["detail"].lower()

    filled.unlink()
    assert ask(daemon, token, "/v1/subscribers/7/resume")[0] == 200
    assert ask(daemon, token, "/v1/orders?wait=15", order("FULL-2", 2000))[0] == 201
    assert "Traceback" not in daemon.log()


def test_a_database_for_which_there_is_no_room_is_not_made_and_said_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = tmp_path / "state"
    state.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(state)], check=True)
    try:
        (state / "database").mkdir()
        filled = fill(state)
        config = tmp_path / "f.yaml"
        config.write_text('{state_dir: state, run_dir: run, dns: {upstreams: ["192.0.2.53:53"]}}')

        assert main(["db", "upgrade", "--config", str(config)]) == 3
        assert "filterd.db: no space is left on its disk; nothing written" in capsys.readouterr().err

        filled.unlink()
        assert main(["db", "check", "--config", str(config)]) in (1, 3)  # empty, or not even there
    finally:
        subprocess.run(["umount", "-l", str(state)], check=True)
