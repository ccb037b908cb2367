"""`filterd db` as an operator uses it, on both databases."""

import hashlib
import json
import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, inspect, text
from support.system.reachable import make_reachable

from filterd.cli import main
from filterd.process.database.copies import digest_file
from parental.store.database import open_database, opened, reading, writing
from parental.store.engines import Where, engine_of
from parental.store.schema.lines import revisions
from parental.store.schema.privileges import CONTROL


@pytest.fixture
def db(tmp_path: Path, empty_database: Where, capsys: pytest.CaptureFixture[str]) -> Any:
    """db("upgrade") → (exit code, stdout, stderr), of a box whose database is empty."""
    config = tmp_path / "f.yaml"
    said = {"state_dir": "state", "run_dir": "run", "dns": {"upstreams": ["192.0.2.53:53"]}}
    if isinstance(empty_database, str):
        said["database"] = {"url": empty_database}
    config.write_text(json.dumps(said))

    def run(verb: str, *more: str) -> tuple[int, str, str]:
        code = main(["db", verb, *more, "--config", str(config)])
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


@pytest.fixture
def place(tmp_path: Path, empty_database: Where) -> Where:
    """Where that database is."""
    return empty_database if isinstance(empty_database, str) else tmp_path / "state/database/filterd.db"


def count_to(where: Where, value: int) -> None:
    with opened(where) as engine, writing(engine) as conn:
        conn.execute(insert(revisions).values(name="told", value=value))


def counted(where: Where) -> Any:
    with opened(where) as engine, reading(engine) as conn:
        return conn.execute(text("SELECT value FROM revisions WHERE name = 'told'")).scalar_one_or_none()


def restored(where: Where) -> list[str]:
    """The digests of the copies that the ledger says were put back."""
    with opened(where) as engine, reading(engine) as conn:
        told = [json.loads(said) for said in conn.execute(text("SELECT text FROM ledger_events")).scalars()]
    return [each["about"]["copy"] for each in told if each["action"] == "database restored"]


def tables_of(where: Where) -> set[str]:
    engine = engine_of(where)
    with reading(engine) as conn:
        found = set(inspect(conn).get_table_names())
    engine.dispose()
    return found


def cut_short(copy: Path) -> None:
    """A copy whose digest is right, and whose last tables are missing."""
    os.truncate(copy, copy.stat().st_size - 5000)
    digest_file(copy).write_text(f"{hashlib.sha256(copy.read_bytes()).hexdigest()}  copy\n")


def test_an_upgrade_makes_the_database_and_a_second_one_has_nothing_to_do(db: Any, place: Where) -> None:
    first, second = db("upgrade"), db("upgrade")

    assert (first[0], second[0]) == (0, 0)
    assert first[1].endswith(", made\n")
    assert second[1].endswith(", already\n")
    open_database(place, may_create=False).dispose()


def test_a_good_database_is_said_to_be_one(db: Any) -> None:
    db("upgrade")

    code, out, _ = db("check", "--json")

    said = json.loads(out)
    assert (code, said["ok"], said["state"], said["why_not_writable"], said["faults"]) == (0, True, "current", None, [])
    assert said["octets"] > 0
    assert db("check")[0] == 0


def test_a_database_that_is_not_there_is_not_made_by_looking(db: Any, place: Where) -> None:
    if not isinstance(place, Path):
        pytest.skip("a server has databases before they are asked for")

    code, _, err = db("check")

    assert (code, "not there; nothing done; control makes it at its first start" in err) == (3, True)
    assert not place.exists()


def test_a_database_without_tables_is_no_good_one(db: Any, place: Where) -> None:
    if isinstance(place, Path):
        place.parent.mkdir(parents=True)
        place.touch()

    code, out, _ = db("check")

    assert code == 1
    assert "revision  none, empty; this release has" in out


def test_a_database_of_a_newer_release_is_neither_good_nor_upgraded(db: Any, place: Where) -> None:
    db("upgrade")
    engine = engine_of(place)
    with writing(engine) as conn:
        conn.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()

    assert db("check")[0] == 1
    code, _, err = db("upgrade")
    assert code == 3
    assert "this release does not know its revision 9999; not used; install the release that wrote it" in err


def test_a_copy_is_put_back_over_what_came_later_when_forced(db: Any, place: Where, tmp_path: Path) -> None:
    db("upgrade")
    count_to(place, 7)
    copy = tmp_path / "copy"
    assert db("backup", str(copy))[0] == 0
    with opened(place) as engine, writing(engine) as conn:
        conn.execute(text("UPDATE revisions SET value = 8"))

    code, _, err = db("restore", str(copy))
    assert (code, counted(place)) == (2, 8)
    assert "there already; not overwritten; add --force to replace it" in err

    assert db("restore", str(copy), "--force")[0] == 0
    assert counted(place) == 7
    assert db("check")[0] == 0
    assert restored(place) == [digest_file(copy).read_text().split()[0]]


def test_a_copy_is_put_back_where_there_is_none(db: Any, place: Where, tmp_path: Path) -> None:
    db("upgrade")
    count_to(place, 7)
    copy = tmp_path / "copy"
    db("backup", str(copy))
    if isinstance(place, Path):
        place.unlink()
    else:
        engine = engine_of(place)
        with writing(engine) as conn:
            conn.execute(text("DROP SCHEMA public CASCADE; CREATE SCHEMA public"))
        engine.dispose()

    assert db("restore", str(copy))[0] == 0
    assert counted(place) == 7


def note_revision(where: Where, revision: str) -> None:
    engine = engine_of(where)
    with writing(engine) as conn:
        conn.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})
    engine.dispose()


def test_a_release_is_rolled_back_over_a_newer_one(db: Any, place: Where, tmp_path: Path) -> None:
    db("upgrade")
    tables = tables_of(place)
    assert db("backup", str(tmp_path / "copy"))[0] == 0
    engine = engine_of(place)
    with writing(engine) as conn:
        conn.execute(text('CREATE TABLE plants ("order" BIGINT REFERENCES orders (id))'))
    engine.dispose()
    note_revision(place, "9999")

    assert db("restore", str(tmp_path / "copy"), "--force")[0] == 0

    assert tables_of(place) == tables
    assert db("check")[0] == 0
    if isinstance(place, str):
        engine = engine_of(place, acts_as=CONTROL)
        with reading(engine) as conn:
            conn.execute(text("SELECT count(*) FROM orders"))
        engine.dispose()


def test_a_database_of_an_early_build_is_copied_and_neither_upgraded_nor_put_back(
    db: Any, place: Where, tmp_path: Path
) -> None:
    db("upgrade")
    count_to(place, 7)
    note_revision(place, "0044")

    code, _, err = db("upgrade")
    assert (code, "first run filterd db upgrade of the last build that has revision 0045" in err) == (3, True)
    assert "revision  0044, too old; this release has" in db("check")[1]
    assert db("backup", str(tmp_path / "copy"))[0] == 0
    note_revision(place, "0045")
    code, _, err = db("restore", str(tmp_path / "copy"), "--force")
    assert (code, "of an early build (revision 0044), which this release does not upgrade; nothing" in err) == (3, True)
    assert counted(place) == 7


def test_what_is_there_stays_where_a_copy_cannot_be_loaded(db: Any, place: Where, tmp_path: Path) -> None:
    if isinstance(place, Path):
        pytest.skip("there a copy is a file in the place of another")
    db("upgrade")
    count_to(place, 7)
    db("backup", str(tmp_path / "copy"))
    cut_short(tmp_path / "copy")

    code, _, err = db("restore", str(tmp_path / "copy"), "--force")

    assert (code, "nothing done" in err) == (3, True)
    assert counted(place) == 7


def test_a_copy_is_made_while_the_database_is_written(db: Any, place: Where, tmp_path: Path) -> None:
    db("upgrade")
    count_to(place, 7)
    with opened(place) as engine, writing(engine) as conn:
        conn.execute(text("UPDATE revisions SET value = 8"))
        assert db("backup", str(tmp_path / "copy"))[0] == 0

    db("restore", str(tmp_path / "copy"), "--force")
    assert counted(place) == 7


def test_a_copy_with_one_octet_altered_is_refused(db: Any, place: Where, tmp_path: Path) -> None:
    db("upgrade")
    copy = tmp_path / "copy"
    db("backup", str(copy))
    octets = bytearray(copy.read_bytes())
    octets[len(octets) // 2] ^= 1
    copy.write_bytes(octets)

    code, _, err = db("restore", str(copy), "--force")

    assert code == 2
    assert "not what copy.sha256 says; not restored; take another copy" in err
    assert counted(place) is None


def test_a_copy_without_its_digest_is_refused(db: Any, tmp_path: Path) -> None:
    db("upgrade")
    copy = tmp_path / "copy"
    db("backup", str(copy))
    digest_file(copy).unlink()

    code, _, err = db("restore", str(copy), "--force")

    assert (code, "no digest can be read there; not restored" in err) == (2, True)


def test_a_copy_never_overwrites_a_file_and_only_its_owner_reads_it(db: Any, tmp_path: Path) -> None:
    db("upgrade")
    copy = tmp_path / "copy"
    db("backup", str(copy))

    assert copy.stat().st_mode & 0o777 == 0o600
    code, _, err = db("backup", str(copy))
    assert (code, "there already; not overwritten" in err) == (2, True)


def test_a_file_that_is_no_copy_is_refused_whatever_its_digest(db: Any, place: Where, tmp_path: Path) -> None:

    db("upgrade")
    copy = tmp_path / "copy"
    copy.write_bytes(b"no copy" * 1000)
    digest_file(copy).write_text(f"{hashlib.sha256(copy.read_bytes()).hexdigest()}  copy\n")

    code, _, err = db("restore", str(copy), "--force")

    assert code == 3
    assert "Traceback" not in err
    assert counted(place) is None


def test_a_damaged_database_is_named_and_replaced_by_a_copy(db: Any, place: Where, tmp_path: Path) -> None:
    if not isinstance(place, Path):
        pytest.skip("PostgreSQL's files are its own")
    db("upgrade")
    with opened(place) as engine, writing(engine) as conn:
        conn.execute(insert(revisions), [{"name": f"{n:0200}", "value": n} for n in range(2000)])
    db("backup", str(tmp_path / "copy"))
    os.truncate(place, place.stat().st_size // 2)

    code, _, err = db("check")
    assert (code, "filterd.db: damaged (database disk image is malformed); not used" in err) == (3, True)
    assert db("backup", str(tmp_path / "second"))[0] == 3

    assert db("restore", str(tmp_path / "copy"), "--force")[0] == 0
    assert db("check")[0] == 0


def test_an_index_that_lacks_a_row_is_found(db: Any, place: Where) -> None:
    if not isinstance(place, Path):
        pytest.skip("PostgreSQL's files are its own")
    db("upgrade")
    conn = sqlite3.connect(place)
    # SQLite's own default checks no keys
    conn.execute("INSERT INTO devices (line, name, address) VALUES (7, 'phone', '2001:db8::7')")
    conn.commit()
    conn.close()

    code, out, _ = db("check")

    assert code == 1
    assert "damaged   row 1 of devices refers to none of lines" in out


def test_no_copy_is_put_back_under_a_running_control_role(db: Any, tmp_path: Path) -> None:
    db("upgrade")
    copy = tmp_path / "copy"
    db("backup", str(copy))
    lock = tmp_path / "run/control/role.lock"
    lock.parent.mkdir(parents=True)
    lock.write_text(json.dumps({"pid": os.getpid()}))

    code, _, err = db("restore", str(copy), "--force")

    assert code == 2
    assert f"control-0 (pid {os.getpid()}) uses the database; not restored; stop control and web" in err


# -- what a role that writes the folder has planted there --------------------------------------------------------------


@pytest.fixture
def planted(tmp_path: Path, db: Any, place: Where) -> Path:
    """A database in a folder of another account, and a file of root's that only root may read or write."""
    if isinstance(place, str):
        pytest.skip("PostgreSQL's files are its own")
    if os.geteuid() != 0:
        pytest.skip("only root has what others may not")
    make_reachable(tmp_path)
    db("upgrade")
    place.parent.chmod(0o2770)
    os.chown(place.parent, 12345, 12346)
    for path in place.parent.iterdir():
        os.chown(path, 12345, 12346)
        path.chmod(0o660)
    secret = tmp_path / "shadow"
    secret.write_text("root:*:")
    secret.chmod(0o600)
    return secret


def is_as_it_was(secret: Path) -> bool:
    found = secret.stat()
    return (secret.read_text(), found.st_uid, found.st_mode & 0o777) == ("root:*:", 0, 0o600)


def test_a_link_in_the_place_of_the_unfinished_file_leads_a_restore_nowhere(
    db: Any, place: Path, planted: Path, tmp_path: Path
) -> None:
    count_to(place, 7)
    assert db("backup", str(tmp_path / "copy"))[0] == 0
    for name in ("filterd.db.part", "filterd.db-journal", "filterd.db-wal"):
        (place.parent / name).unlink(missing_ok=True)
        (place.parent / name).symlink_to(planted)

    code, _, err = db("restore", str(tmp_path / "copy"), "--force")

    assert (code, err) == (0, "")
    assert is_as_it_was(planted)
    assert (place.lstat().st_uid, place.lstat().st_gid, place.lstat().st_mode & 0o777) == (12345, 12346, 0o660)
    assert counted(place) == 7


def test_a_link_in_the_place_of_the_database_is_given_to_nobody(db: Any, place: Path, planted: Path) -> None:
    planted.write_text("")
    place.unlink()
    place.symlink_to(planted)

    found = [db(*said) for said in (("upgrade",), ("check",), ("backup", str(planted.with_name("copy"))))]

    assert [code for code, _, _ in found] == [3, 3, 3], found
    assert (planted.read_text(), planted.stat().st_uid, planted.stat().st_mode & 0o777) == ("", 0, 0o600)


@pytest.mark.parametrize("name", ["filterd.db", "filterd.db-journal", "filterd.db-shm"])
def test_a_fifo_stops_no_command(db: Any, place: Path, planted: Path, name: str) -> None:
    del planted
    (place.parent / name).unlink(missing_ok=True)
    os.mkfifo(place.parent / name)

    code, _, err = db("check")

    assert (code, f"{name} is no file; not used" in err) == (3, True)


def test_a_database_that_is_gone_is_made_again_as_its_owners(db: Any, place: Path, planted: Path) -> None:
    place.unlink()

    assert db("upgrade")[0] == 0

    assert (place.stat().st_uid, place.stat().st_gid, place.stat().st_mode & 0o777) == (12345, 12346, 0o660)
    assert is_as_it_was(planted)


def test_a_copy_is_made_where_its_folders_owner_alone_could_make_one(db: Any, place: Path, planted: Path) -> None:
    for name in ("copy.part", "copy.sha256"):
        (place.parent / name).symlink_to(planted)

    code, _, _ = db("backup", str(place.parent / "copy"))

    assert code == 0
    assert is_as_it_was(planted)
    assert (place.parent / "copy").lstat().st_uid == 12345
