from pathlib import Path

import pytest

from rules.base.atomic_file import writing_whole


def test_a_file_has_its_name_only_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "file"

    with writing_whole(path) as file:
        file.write(b"half")
        assert not path.exists()

    assert path.read_bytes() == b"half"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_leaves_the_old_file_and_no_rest(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    with pytest.raises(KeyError), writing_whole(path) as file:
        file.write(b"new")
        raise KeyError

    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
