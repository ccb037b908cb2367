import errno
from pathlib import Path

import pytest

from fastpath.report.spool import (
    MAX_SEGMENTS,
    Reporter,
    read_segment,
    remove_segment,
    segment_numbers,
    segment_path,
    wipe_segment,
)


def test_a_new_reporter_lays_one_segment_ready(tmp_path: Path) -> None:
    Reporter(tmp_path / "counters", tmp_path / "spool")

    assert segment_numbers(str(tmp_path / "spool")) == [1]
    assert read_segment(segment_path(str(tmp_path / "spool"), 1), 0, 10).events == []


def test_a_process_that_is_killed_while_it_makes_a_segment_leaves_none_that_nothing_can_read(tmp_path: Path) -> None:
    class Killed(BaseException):
        """At this moment."""

    def killed(*_: object) -> None:
        raise Killed

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("os.pwrite", killed)
        with pytest.raises(Killed):
            Reporter(tmp_path / "counters", tmp_path / "spool")
    assert segment_numbers(str(tmp_path / "spool")) == []

    Reporter(tmp_path / "counters", tmp_path / "spool")

    assert [each.name for each in (tmp_path / "spool").iterdir()] == ["000001.seg"]
    assert read_segment(segment_path(str(tmp_path / "spool"), 1), 0, 10).events == []


def test_the_next_process_begins_a_segment_of_its_own(tmp_path: Path) -> None:
    Reporter(tmp_path / "counters", tmp_path / "spool")
    Reporter(tmp_path / "counters", tmp_path / "spool")

    assert segment_numbers(str(tmp_path / "spool")) == [1, 2]


def test_tending_makes_no_second_spare(tmp_path: Path) -> None:
    reporter = Reporter(tmp_path / "counters", tmp_path / "spool")
    reporter.tend()

    assert segment_numbers(str(tmp_path / "spool")) == [1]


def test_a_spool_that_nobody_drains_stops_growing(tmp_path: Path) -> None:
    for number in range(1, MAX_SEGMENTS + 1):
        (tmp_path / f"{number:06d}.seg").touch()

    Reporter(tmp_path / "counters", tmp_path)

    assert segment_numbers(str(tmp_path)) == list(range(1, MAX_SEGMENTS + 1))


def test_a_full_disk_stops_neither_the_start_nor_the_next_try(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.posix_fallocate", full)
        reporter = Reporter(tmp_path / "counters", tmp_path / "spool")
        assert segment_numbers(str(tmp_path / "spool")) == []

    reporter.tend()

    assert segment_numbers(str(tmp_path / "spool")) == [1]


def test_who_has_no_descriptor_left_goes_on_and_tries_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(*_: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    folder = str(tmp_path / "spool")
    with monkeypatch.context() as patched:
        patched.setattr("os.posix_fallocate", none_left)
        reporter = Reporter(tmp_path / "counters", folder)
        assert segment_numbers(folder) == []
        patched.setattr("os.listdir", none_left)
        reporter.tend()

    reporter.tend()

    assert segment_numbers(folder) == [1]


def test_a_foreign_file_is_no_segment(tmp_path: Path) -> None:
    (tmp_path / "000001.seg").write_bytes(b"something else entirely")

    with pytest.raises(ValueError, match="not a spool segment"):
        read_segment(tmp_path / "000001.seg", 0, 10)


def test_slots_are_overwritten_and_the_header_stays(tmp_path: Path) -> None:
    Reporter(tmp_path / "counters", tmp_path / "spool")
    path = Path(segment_path(str(tmp_path / "spool"), 1))
    head, size = path.read_bytes()[:16], path.stat().st_size
    with path.open("r+b") as file:
        file.seek(128)
        file.write(b"x" * 128 * 4)

    wipe_segment(path, 1, 3)

    octets = path.read_bytes()
    assert (octets[:16], len(octets)) == (head, size)
    assert [octets[128 * at : 128 * (at + 1)].count(b"x") for at in (1, 2, 3, 4)] == [128, 0, 0, 128]


def test_a_segment_is_overwritten_before_it_is_removed(tmp_path: Path) -> None:
    Reporter(tmp_path / "counters", tmp_path / "spool")
    path = Path(segment_path(str(tmp_path / "spool"), 1))
    kept = tmp_path / "kept"
    kept.hardlink_to(path)
    with kept.open("r+b") as file:
        file.seek(128)
        file.write(b"x" * 1000)

    remove_segment(path)

    assert not path.exists()
    assert kept.read_bytes()[128:].strip(b"\0") == b""
