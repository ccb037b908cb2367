import stat
from pathlib import Path

import pytest

from filterd.keys import image_key, key_at, pseudonym_key


def test_a_key_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    made = key_at(tmp_path / "k", 16)

    assert len(made) == 16
    assert key_at(tmp_path / "k", 16) == made
    assert stat.S_IMODE((tmp_path / "k").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["k"]


def test_the_two_keys_of_a_box_are_not_the_same(tmp_path: Path) -> None:
    assert image_key(tmp_path) != pseudonym_key(tmp_path)[:16]


def test_a_key_of_another_length_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "k").write_bytes(b"short")

    with pytest.raises(ValueError, match="5 octets, a key of 16 was expected"):
        key_at(tmp_path / "k", 16)
