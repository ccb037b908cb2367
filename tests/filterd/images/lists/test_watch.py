from pathlib import Path

import pytest

from fastpath.images.verdict import Mode
from filterd.config import Config, read_config
from filterd.images.compile import inputs_of
from filterd.images.lists.watch import watch_inputs, watched_of
from rules.base.canonical import canonical_wire
from rules.base.errors import BadList


def config_of(folder: Path, protected: str = "watch: [own.txt]") -> Config:
    said = f'state_dir: state\ndns: {{upstreams: ["192.0.2.53:53"]}}\nprotected: {{{protected}}}\n'
    return read_config(said.encode(), "test", folder)


def put(folder: Path, text: str) -> None:
    (folder / "new").write_text(text)
    (folder / "new").replace(folder / "own.txt")


def is_held(config: Config, name: str) -> bool:
    return watched_of(config).refusal(canonical_wire(name), Mode.SUBTREE) is not None


def test_pk_critical_is_watched_unless_it_is_taken_out(tmp_path: Path) -> None:
    assert is_held(config_of(tmp_path, ""), "nadra.gov.pk")
    assert not is_held(config_of(tmp_path, "critical: false"), "nadra.gov.pk")
    assert not is_held(config_of(tmp_path, "released: [nadra.gov.pk]"), "nadra.gov.pk")


def test_a_file_that_changes_is_read_again_and_compiled_with(tmp_path: Path) -> None:
    put(tmp_path, "# own\na.test\n")
    config = config_of(tmp_path)
    before = watch_inputs(config)
    assert is_held(config, "a.test") and before in inputs_of(config)

    put(tmp_path, "# own\nb.test\n")
    assert (is_held(config, "a.test"), is_held(config, "b.test")) == (False, True)
    assert watch_inputs(config) != before


def test_a_file_that_goes_bad_takes_nothing_away(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    put(tmp_path, "# own\na.test\n")
    config = config_of(tmp_path)
    assert is_held(config, "a.test")

    put(tmp_path, "no name\n")
    assert is_held(config, "a.test")
    assert "what was read from it before holds" in caplog.text
    (tmp_path / "own.txt").unlink()
    assert is_held(config, "a.test")


def test_a_file_that_was_never_read_is_a_fault_that_changes_nothing(tmp_path: Path) -> None:
    with pytest.raises(BadList, match=r"/protected/watch: .*own.txt: No such file .*; nothing changed"):
        watched_of(config_of(tmp_path))
