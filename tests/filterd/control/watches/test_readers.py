import json
from pathlib import Path

import pytest

from filterd.config import Config, read_config
from filterd.control.watches import readers
from filterd.images.lists.sealed_client import SealedReader


def config_of(folder: Path, *, is_sealed: bool) -> Config:
    entry = {"id": "stop", "file": "stop.txt", "format": "plain", "tier": "csam", "sealed": is_sealed}
    said = {"state_dir": "state", "run_dir": "run", "dns": {"upstreams": ["192.0.2.53:53"]}, "lists": [entry]}
    return read_config(json.dumps(said).encode(), "x", folder)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return config_of(tmp_path, is_sealed=False)


def test_readers_with_every_measure_are_no_fault(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "measures_missing", lambda _: [])

    readers.look(config)


def test_what_the_system_lacks_is_said(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "measures_missing", lambda _: ["landlock", "a memory limit"])

    with pytest.raises(OSError, match=r"^lists are read without landlock, a memory limit$"):
        readers.look(config)


def test_what_it_lacks_for_sealed_lists_is_said(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SealedReader, "measures_missing", lambda _: ["landlock"])

    with pytest.raises(OSError, match="without landlock"):
        readers.look_at_sealed(config)


def test_the_reader_that_has_a_key_is_looked_at_where_there_is_a_list_for_it(tmp_path: Path) -> None:
    assert [readers.has_sealed(config_of(tmp_path, is_sealed=each)) for each in (False, True)] == [False, True]
