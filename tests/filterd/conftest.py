"""Fixtures of the daemon's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from support.control.box import SAID, database_key
from support.system.daemon import Daemon

from parental.store.database import opened
from parental.store.engines import Where
from rules.lists.acceptance import examine


@pytest.fixture(scope="session")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """One running filterd for all tests that only look at it or use subscribers and orders of their own."""
    running = Daemon(tmp_path_factory.mktemp("daemon"))
    running.start()
    yield running
    running.stop()


@pytest.fixture
def place(tmp_path: Path, database: Where) -> Path:
    """The folder of a box whose control role is played (support.control.box)."""
    (tmp_path / "f.yaml").write_text(SAID + database_key(database))
    (tmp_path / "pta.txt").write_text("listed.test\n")
    (tmp_path / "stop.txt").write_text("worse.test\n")
    for folder in ("state", "run"):
        (tmp_path / folder).mkdir()
    return tmp_path


@pytest.fixture(autouse=True)
def read_here(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists are read in this process, where a test is not about processes."""
    if not any(request.node.get_closest_marker(name) for name in ("services", "kernel", "long")):
        monkeypatch.setattr("filterd.images.lists.jobs.read_apart", lambda copy, source, door: examine(copy, source))


@pytest.fixture
def engine(database: Where) -> Iterator[Engine]:
    """A database of its own."""
    with opened(database) as engine:
        yield engine
