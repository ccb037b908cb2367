import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from parental.store.reserve import Reserve


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A disk of 64 MiB, as statvfs tells it."""
    disk = SimpleNamespace(f_frsize=1 << 20, f_blocks=64, f_bavail=40)
    monkeypatch.setattr(os, "statvfs", lambda _path: disk)
    return disk


def test_the_reserve_is_a_sixteenth_of_a_small_disk_and_takes_its_space(tmp_path: Path, disk: SimpleNamespace) -> None:
    reserve = Reserve(tmp_path)

    assert reserve.hold()

    assert reserve.path.stat().st_size == 4 << 20
    assert reserve.path.stat().st_blocks * 512 >= 4 << 20
    disk.f_blocks = 1 << 20
    assert reserve.octets == 32 << 20


def test_it_is_not_taken_from_a_disk_that_has_little_left(tmp_path: Path, disk: SimpleNamespace) -> None:
    disk.f_bavail = 7
    reserve = Reserve(tmp_path)

    assert not reserve.hold()

    assert not reserve.path.exists()


def test_once_given_back_records_wait_until_it_is_held_again(tmp_path: Path, disk: SimpleNamespace) -> None:
    reserve = Reserve(tmp_path)
    reserve.hold()
    assert not reserve.is_low()
    disk.f_bavail = 0

    assert reserve.give_back()
    disk.f_bavail = 3  # of the 4 that were given back
    assert reserve.is_low()
    assert not reserve.hold()
    assert not reserve.give_back()

    disk.f_bavail = 20
    assert reserve.hold()
    assert not reserve.is_low()


def test_what_another_account_has_put_in_its_place_is_neither_written_nor_believed(
    tmp_path: Path, disk: SimpleNamespace
) -> None:
    del disk
    folder, key = tmp_path / "database", tmp_path / "pseudonym.key"
    folder.mkdir()
    key.write_bytes(b"32 octets that nobody may replace")
    (folder / "reserve.part").symlink_to(key)
    (folder / "reserve").symlink_to(key)
    reserve = Reserve(folder)
    assert not reserve.is_held

    assert reserve.hold()

    assert key.read_bytes() == b"32 octets that nobody may replace"
    assert (folder / "reserve").lstat().st_size == 4 << 20
    assert [path.name for path in folder.iterdir()] == ["reserve"]


def test_a_fifo_does_not_stop_it_and_one_that_was_cut_short_is_taken_again(
    tmp_path: Path, disk: SimpleNamespace
) -> None:
    del disk
    os.mkfifo(tmp_path / "reserve.part")
    reserve = Reserve(tmp_path)
    assert reserve.hold()

    os.truncate(reserve.path, 0)

    assert not reserve.is_held
    assert reserve.hold()
    assert reserve.path.stat().st_size == 4 << 20
