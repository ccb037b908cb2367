import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert, select
from sqlalchemy.exc import IntegrityError

from parental import store
from parental.database import open_database, reading, writing


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_database(tmp_path / "filterd.db")
    yield engine
    engine.dispose()


def test_the_database_is_in_wal_mode_and_checks_foreign_keys(engine: Engine) -> None:
    with reading(engine) as conn:
        assert conn.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
        assert conn.exec_driver_sql("PRAGMA foreign_keys").scalar_one() == 1

    with pytest.raises(IntegrityError), writing(engine) as conn:
        conn.execute(insert(store.blocked_categories).values(subscriber=9, category="adult"))


def test_an_exception_rolls_the_whole_transaction_back(engine: Engine) -> None:
    with pytest.raises(RuntimeError), writing(engine) as conn:
        store.raise_revision(conn, "x")
        raise RuntimeError

    with reading(engine) as conn:
        assert store.current_revision(conn, "x") == 0


def test_a_reader_keeps_its_moment_while_a_writer_commits(engine: Engine) -> None:
    with reading(engine) as conn:
        assert store.current_revision(conn, "x") == 0
        with writing(engine) as other:
            store.raise_revision(other, "x")

        assert store.current_revision(conn, "x") == 0
    with reading(engine) as conn:
        assert store.current_revision(conn, "x") == 1


def test_writers_that_read_first_wait_for_each_other_and_lose_nothing(engine: Engine) -> None:
    def count() -> None:
        for _ in range(25):
            with writing(engine) as conn:
                store.raise_revision(conn, "x")

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with reading(engine) as conn:
        assert conn.execute(select(store.revisions.c.value)).scalar_one() == 100


def test_opening_again_keeps_what_is_there(engine: Engine, tmp_path: Path) -> None:
    with writing(engine) as conn:
        store.raise_revision(conn, "x")

    again = open_database(tmp_path / "filterd.db")

    with reading(again) as conn:
        assert store.current_revision(conn, "x") == 1
    again.dispose()


def test_roles_that_open_a_new_database_together_all_get_it(tmp_path: Path) -> None:
    for attempt in range(20):
        path, together = tmp_path / f"{attempt}.db", threading.Barrier(6)
        opened: list[Engine] = []

        def start(path: Path = path, together: threading.Barrier = together, opened: list[Engine] = opened) -> None:
            together.wait()
            engine = open_database(path)
            opened.append(engine)
            engine.dispose()

        threads = [threading.Thread(target=start) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert len(opened) == 6
