"""The file of unfinished connections: what is in it outlives a worker, and nobody else's file is believed."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from filterd.commands.roles.packet_gate.unfinished_file import map_unfinished

OCTETS = 8256


def test_what_was_written_is_there_for_the_next_worker(tmp_path: Path) -> None:
    map_unfinished(tmp_path / "unfinished", OCTETS)[:5] = b"known"

    assert map_unfinished(tmp_path / "unfinished", OCTETS)[:5] == b"known"


def test_nobody_else_may_read_the_file(tmp_path: Path) -> None:
    map_unfinished(tmp_path / "unfinished", OCTETS)

    assert (tmp_path / "unfinished").stat().st_mode & 0o777 == 0o600


def another_size(path: Path) -> None:
    path.write_bytes(b"x" * 100)
    path.chmod(0o600)


def open_to_a_group(path: Path) -> None:
    path.write_bytes(b"x" * OCTETS)
    path.chmod(0o660)


def a_link(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(b"x" * OCTETS)
    other.chmod(0o600)
    path.symlink_to(other)


def one_of_two_names(path: Path) -> None:
    a_link(path)
    path.unlink()
    path.hardlink_to(path.with_name("other"))


def a_pipe(path: Path) -> None:
    os.mkfifo(path, 0o600)


@pytest.mark.parametrize("plant", [another_size, open_to_a_group, a_link, one_of_two_names, a_pipe])
def test_a_file_that_may_be_another_s_is_replaced(tmp_path: Path, plant: Callable[[Path], None]) -> None:
    plant(tmp_path / "unfinished")

    assert map_unfinished(tmp_path / "unfinished", OCTETS)[:] == bytes(OCTETS)
    other = tmp_path / "other"
    assert not other.exists() or other.read_bytes() == b"x" * OCTETS


@pytest.mark.skipif(os.geteuid() != 0, reason="another user's file is made by root")
def test_a_file_of_another_user_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "unfinished"
    path.write_bytes(b"x" * OCTETS)
    path.chmod(0o600)
    os.chown(path, 65534, 65534)

    assert map_unfinished(path, OCTETS)[:1] == b"\0"
    assert path.stat().st_uid == 0


def test_without_room_the_worker_starts_all_the_same(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    memory = map_unfinished(tmp_path / "absent" / "unfinished", OCTETS)

    assert len(memory) == OCTETS
    assert "not remembered" in caplog.text
