"""Fixtures of the daemon's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from support.control.box import SAID
from support.system.daemon import Daemon

from parental.database import opened


@pytest.fixture(scope="session")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """One running filterd for all tests that only look at it or use subscribers and orders of their own."""
    running = Daemon(tmp_path_factory.mktemp("daemon"))
    running.start()
    yield running
    running.stop()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """The folder of a box whose control role is played (support.control.box)."""
    (tmp_path / "f.yaml").write_text(SAID)
    (tmp_path / "pta.txt").write_text("listed.test\n")
    (tmp_path / "stop.txt").write_text("worse.test\n")
    for folder in ("state", "run"):
        (tmp_path / folder).mkdir()
    return tmp_path


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """A database of its own."""
    with opened(tmp_path / "db") as engine:
        yield engine
