"""A database for a control role that a test plays."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from support.control.cuts import Wants, noted_cuts
from support.system.commands import start_job

from filterd.box.places import database_file
from parental.store.database import open_database
from parental.store.engines import Where


@pytest.fixture(autouse=True)
def jobs_without_imports(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a played control role starts waits for no imports; test_jobs is about processes of their own."""
    monkeypatch.setattr("filterd.process.jobs.start_job", start_job)


@pytest.fixture
def engine(place: Path, database: Where) -> Iterator[Engine]:
    """Where the compile job looks for it, too."""
    opened = open_database(database if isinstance(database, str) else database_file(place / "state"))
    yield opened
    opened.dispose()


@pytest.fixture
def wants(monkeypatch: pytest.MonkeyPatch) -> Wants:
    """What was to be ended, cut by cut."""
    return noted_cuts(monkeypatch)
