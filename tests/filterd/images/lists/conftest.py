"""Boxes with one list each."""

from collections.abc import Callable
from pathlib import Path

import pytest
from support.lists.one_list import config_of, names

from filterd.config import Config
from rules.lists.acceptance import examine

Pulled = Callable[..., Config]


@pytest.fixture(autouse=True)
def read_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """What these tests take is read in this process; test_reader_client is about the other one."""
    monkeypatch.setattr("filterd.images.lists.jobs.read_apart", lambda copy, source, door: examine(copy, source))


@pytest.fixture
def dropped(tmp_path: Path) -> Config:
    """A list that is dropped as a file."""
    (tmp_path / "pta.txt").write_text(names(range(100)))
    return config_of(tmp_path, "file: pta.txt, format: plain")


@pytest.fixture
def pulled(tmp_path: Path) -> Pulled:
    """A list that is pulled, at a URL that the test fills in."""
    return lambda url, more="": config_of(tmp_path, f'url: "{url}", format: plain{more}')
