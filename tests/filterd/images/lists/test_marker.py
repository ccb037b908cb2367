"""The drill of a planted name: in a sealed list it is enforced and found nowhere; without the seal it is found."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from hostile.marker import BLOCKED, MARKER, Box, drill
from support.lists.marker import places_of, processes_of
from support.system.daemon import UPSTREAM_ADDRESS

import filterd

pytestmark = [
    pytest.mark.services,
    pytest.mark.skipif(os.geteuid() != 0, reason="root alone reads the memory of others"),
]


def test_a_planted_name_of_a_sealed_list_is_enforced_and_found_nowhere(tmp_path: Path) -> None:
    assert drill(tmp_path).startswith("marker: enforced, and in none of ")


def test_the_same_search_finds_it_where_it_is_not_sealed(tmp_path: Path) -> None:
    box = Box(tmp_path, None)
    box.start()
    try:
        box.run("lists", "refresh", "stop", "--config", str(box.config))
        pushed = ("orders", "push", MARKER, "--issuer", "PTA", "--ref", "1", "--ground", "a test")
        assert box.run(*pushed, token=box.token("regulator")).returncode == 0
        assert box.run("db", "backup", str(tmp_path / "copy.db"), "--config", str(box.config)).returncode == 0
        assert box.ask(MARKER) == BLOCKED
        assert box.ask("other.test") == (0, UPSTREAM_ADDRESS)
        assert box.process is not None
        found = places_of(MARKER, [tmp_path], processes_of(box.process.pid))
    finally:
        box.stop()

    for part in ("stop.pgp", "state/lists/stop/", "state/database/", "state/images/", "copy.db", "memory of "):
        assert any(part in place for place in found), part


def test_a_reader_that_crashes_leaves_no_core(tmp_path: Path) -> None:
    crash = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
    program = f"import filterd.images.lists.sealed_reader as r; r._replied = lambda *_: exec({crash!r}); r.main()"
    ours, theirs = socket.socketpair()
    with ours, theirs:
        done = subprocess.run(
            ["bash", "-c", 'ulimit -c unlimited; exec "$@"', "-", sys.executable, "-P", "-c", program],
            stdin=theirs.fileno(),
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(Path(filterd.__file__).parents[1])},
            check=False,
        )

    assert done.returncode == -signal.SIGSEGV
    assert not list(tmp_path.glob("core*"))
