"""A role that cannot use its database says so in one sentence, with the command to run, and ends with 3."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import filterd
from filterd.box.keys import pseudonym_key
from filterd.config import load
from filterd.process.database.access import database_of
from parental.store.database import open_database

pytestmark = pytest.mark.services
DEADLINE_S = 120


def stamped(path: Path, revision: str) -> None:
    open_database(path).dispose()
    with sqlite3.connect(path) as conn:
        conn.execute("UPDATE alembic_version SET version_num = ?", (revision,))
    conn.close()


def of_an_early_build(path: Path) -> None:
    stamped(path, "0044")


def of_a_newer_release(path: Path) -> None:
    stamped(path, "9999")


def cut_in_half(path: Path) -> None:
    open_database(path).dispose()
    os.truncate(path, path.stat().st_size // 2)


def lost(path: Path) -> None:
    path.touch()
    pseudonym_key(path.parents[1])


@pytest.mark.parametrize("role", ["control", "web"])
@pytest.mark.parametrize(
    ("make", "said"),
    [
        (of_an_early_build, "it is of an early build (revision 0044), and this release upgrades from revision 0045 on"),
        (
            of_a_newer_release,
            "this release does not know its revision 9999; not used; install the release",
        ),
        (cut_in_half, "damaged (database disk image is malformed); not used"),
        (lost, "it is empty, and this box has had one; not started"),
    ],
)
def test_a_role_refuses_a_database_that_it_cannot_use(
    tmp_path: Path, role: str, make: Callable[[Path], None], said: str
) -> None:
    config = tmp_path / "f.yaml"
    config.write_text('{state_dir: state, run_dir: run, dns: {upstreams: ["192.0.2.53:53"]}}')
    path = database_of(load(config))
    assert isinstance(path, Path)
    make(path)

    done = subprocess.run(
        [sys.executable, "-P", "-m", "filterd", "run", "--config", str(config), "--role", role],
        env=os.environ | {"PYTHONPATH": str(Path(filterd.__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )

    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr
    expected = "it is empty; not used; see what control says of it" if (role, make) == ("web", lost) else said
    assert expected in done.stderr
