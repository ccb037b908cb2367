from pathlib import Path

import pytest
from sqlalchemy import insert, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from parental.store.database import open_database, reading, writing
from parental.store.engines import Where, engine_of
from parental.store.errors import DatabaseAway, DatabaseDamage, DatabaseFull
from parental.store.revision import raise_revision
from parental.store.schema.lines import revisions


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A database of some hundred kilobytes, closed."""
    path = tmp_path / "filterd.db"
    engine = open_database(path)
    with writing(engine) as conn:
        conn.execute(insert(revisions), [{"name": f"{n:0200}", "value": n} for n in range(2000)])
    engine.dispose()
    return path


def test_a_database_that_is_cut_in_half_is_damaged(written: Path) -> None:
    with written.open("r+b") as file:
        file.truncate(written.stat().st_size // 2)

    with pytest.raises(DatabaseDamage, match=r"damaged \(.*malformed\); not used; stop filterd, then run: filterd db"):
        open_database(written)


def test_a_file_that_is_no_database_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "filterd.db").write_bytes(b"no database" * 1000)

    with pytest.raises(DatabaseDamage, match=r"filterd\.db: damaged \(file is not a database\)"):
        open_database(tmp_path / "filterd.db")


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(DatabaseAway, match=r"absent/filterd\.db: cannot be reached \(unable to open database file\)"):
        open_database(tmp_path / "absent/filterd.db")


def test_what_has_no_room_is_rolled_back_and_said(written: Path) -> None:
    engine = open_database(written)
    with reading(engine) as conn:
        conn.exec_driver_sql("PRAGMA max_page_count=1")  # SQLite keeps what is there: no page more

        with pytest.raises(OperationalError, match="full"):
            conn.execute(insert(revisions), [{"name": f"new {n:0200}", "value": n} for n in range(2000)])
    with pytest.raises(DatabaseFull, match="no space is left on its disk; nothing written"), writing(engine) as conn:
        conn.execute(insert(revisions), [{"name": f"new {n:0200}", "value": n} for n in range(2000)])
    engine.dispose()


def test_a_row_twice_and_a_fault_of_ours_stay_what_they_are(database: Where) -> None:
    open_database(database).dispose()
    engine = engine_of(database)
    with pytest.raises(IntegrityError), writing(engine) as conn:
        raise_revision(conn, "x")
        conn.execute(insert(revisions).values(name="x", value=2))
    with pytest.raises(DBAPIError, match="nonsense"), writing(engine) as conn:
        conn.execute(text("SELECT * FROM nonsense"))

    engine.dispose()
