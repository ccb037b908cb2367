import contextlib
import os
import sqlite3
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from support.system.reachable import make_reachable

from filterd.box.as_owner import as_owner_of
from filterd.box.errors import MissingPart
from filterd.process.database.copies import back_up, digest_file, make_file, restore
from parental.store.database import open_database
from parental.store.errors import DatabaseDamage


def test_a_copy_that_is_not_read_back_has_no_name(tmp_path: Path) -> None:
    path, copy = tmp_path / "filterd.db", tmp_path / "copy"
    open_database(path).dispose()
    os.truncate(path, path.stat().st_size // 2)

    with pytest.raises(DatabaseDamage):
        back_up(path, copy)

    assert [file.name for file in tmp_path.iterdir() if "copy" in file.name] == []


def test_a_copy_ends_however_often_others_write_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, n_written = tmp_path / "filterd.db", 0
    open_database(path).dispose()
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("CREATE TABLE told (said BLOB)")
    writer.execute("INSERT INTO told VALUES (zeroblob(20000000))")

    def write(*_: int) -> None:
        nonlocal n_written
        n_written += 1
        assert n_written < 5, "it begins again at each write"
        writer.execute("INSERT INTO told VALUES ('more')")

    class Disturbed(sqlite3.Connection):
        def backup(self, target: sqlite3.Connection, **given: Any) -> None:
            super().backup(target, progress=write, **given)

    monkeypatch.setattr("filterd.process.database.copies.sqlite3.connect", partial(sqlite3.connect, factory=Disturbed))
    with contextlib.closing(writer):
        back_up(path, tmp_path / "copy")

    with contextlib.closing(sqlite3.connect(tmp_path / "copy")) as copied:
        assert copied.execute("SELECT count(*) FROM told").fetchone() == (1,)


def test_a_digest_is_what_sha256sum_checks(tmp_path: Path) -> None:
    path, copy = tmp_path / "filterd.db", tmp_path / "copy"
    open_database(path).dispose()

    digest = back_up(path, copy)

    assert digest_file(copy).read_text() == f"{digest}  copy\n"


def test_a_journal_of_the_database_before_is_never_taken_for_the_copys(tmp_path: Path) -> None:
    path, copy = tmp_path / "filterd.db", tmp_path / "copy"
    open_database(path).dispose()
    back_up(path, copy)
    (tmp_path / "filterd.db-wal").write_bytes(b"of another one" * 1000)

    restore(copy, path, True)

    assert not (tmp_path / "filterd.db-wal").exists()
    open_database(path).dispose()


def test_a_disk_without_room_for_a_copy_is_said(tmp_path: Path) -> None:
    path = tmp_path / "filterd.db"
    open_database(path).dispose()

    with pytest.raises(MissingPart, match="no copy made; name a place with room"):
        back_up(path, tmp_path / "absent/copy")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_what_root_makes_in_the_folder_of_an_account_is_that_accounts(tmp_path: Path) -> None:
    make_reachable(tmp_path)
    os.chown(tmp_path, 12345, 12346)
    tmp_path.chmod(0o2770)
    file = tmp_path / "filterd.db"

    with as_owner_of(tmp_path):
        make_file(file)

    assert (file.stat().st_uid, file.stat().st_gid, file.stat().st_mode & 0o777) == (12345, 12346, 0o660)
