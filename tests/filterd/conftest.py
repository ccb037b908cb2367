"""Fixtures of the daemon's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
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
def engine(tmp_path: Path):
    """A database of its own."""
    with opened(tmp_path / "db") as engine:
        yield engine
