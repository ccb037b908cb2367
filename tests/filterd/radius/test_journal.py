import os
from pathlib import Path

import pytest
from support.sessions.requests import session

from filterd.radius.journal import (
    WRITTEN_OCTETS,
    BadSnapshot,
    Journal,
    journal_path,
    newest_snapshot,
    read_back,
    read_below,
    read_snapshot,
    snapshot_path,
    write_snapshot,
)
from parental.sessions.record import ENDED, Session
from parental.sessions.table import SessionTable


def written(folder: Path, n: int, number: int = 1) -> None:
    one = Journal(folder, number)
    one.append(session(key, f"192.0.2.{key}/32").packed() for key in range(1, n + 1))
    one.close()


def test_what_was_appended_is_read_back_with_what_changed_since_the_snapshot(tmp_path: Path) -> None:
    written(tmp_path, 3)

    table, number, n_cut = read_back(tmp_path)

    assert (len(table), number, n_cut) == (3, 0, 0)
    assert len(table.take_changes().holders) == 3


@pytest.mark.parametrize("lost", range(1, WRITTEN_OCTETS))
def test_a_record_that_is_not_whole_is_cut_off_and_all_before_it_are_there(tmp_path: Path, lost: int) -> None:
    written(tmp_path, 3)
    path = journal_path(tmp_path, 1)
    os.truncate(path, 3 * WRITTEN_OCTETS - lost)

    table, _, n_cut = read_back(tmp_path)

    assert (len(table), n_cut, path.stat().st_size) == (2, 1, 2 * WRITTEN_OCTETS)
    assert read_back(tmp_path)[2] == 0


def test_a_record_with_a_changed_octet_ends_the_journal(tmp_path: Path) -> None:
    written(tmp_path, 3)
    path = journal_path(tmp_path, 1)
    octets = bytearray(path.read_bytes())
    octets[WRITTEN_OCTETS + 9] ^= 1
    path.write_bytes(octets)

    table, _, n_cut = read_back(tmp_path)

    assert (len(table), n_cut) == (1, 1)


def test_a_write_that_the_disk_refuses_leaves_no_part_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = Journal(tmp_path, 1)
    one.append([session(1, "192.0.2.1/32").packed()])
    real = os.write
    monkeypatch.setattr(os, "write", lambda file, octets: real(file, octets[:50]))

    with pytest.raises(OSError, match="a part of it"):
        one.append([session(2, "192.0.2.2/32").packed()])
    monkeypatch.undo()
    one.append([session(3, "192.0.2.3/32").packed()])

    assert {each for each, _ in read_back(tmp_path)[0].holders()} == {b"\x20\xc0\0\2\1", b"\x20\xc0\0\2\3"}


def test_a_snapshot_stands_for_the_journals_below_it_and_goes_on_from_there(tmp_path: Path) -> None:
    written(tmp_path, 3, 1)
    written(tmp_path, 4, 2)

    write_snapshot(tmp_path, 2, read_below(tmp_path, 2))

    assert not journal_path(tmp_path, 1).exists()
    assert len(read_snapshot(tmp_path, 2)) == 3
    table, number, _ = read_back(tmp_path)
    assert (len(table), number) == (4, 2)


def test_a_snapshot_has_ends_and_restarts_too(tmp_path: Path) -> None:
    table = SessionTable()
    table.put(Session(ENDED, (5).to_bytes(16, "big"), bytes(8), at_s=300))
    table.put(Session(3, bytes(16), (1).to_bytes(8, "big"), at_s=300))

    write_snapshot(tmp_path, 2, table)

    assert set(read_snapshot(tmp_path, 2).records()) == set(table.records())


@pytest.mark.parametrize("at", [0, 9, 60, -1])
def test_a_snapshot_that_was_damaged_is_refused_and_says_what_to_do(tmp_path: Path, at: int) -> None:
    written(tmp_path, 3)
    write_snapshot(tmp_path, 2, read_below(tmp_path, 2))
    octets = bytearray(snapshot_path(tmp_path, 2).read_bytes())
    octets[at] ^= 1
    snapshot_path(tmp_path, 2).write_bytes(octets)

    with pytest.raises(BadSnapshot, match="remove it"):
        read_back(tmp_path)


def test_a_snapshot_that_was_not_finished_is_not_there(tmp_path: Path) -> None:
    written(tmp_path, 3)
    (tmp_path / "snapshot-9.dat.part").write_bytes(b"half")

    assert newest_snapshot(tmp_path) == 0
    assert len(read_back(tmp_path)[0]) == 3
