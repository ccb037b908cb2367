import threading

import pytest
from sqlalchemy import Engine, insert, select, text
from sqlalchemy.exc import IntegrityError

from parental.store import revision
from parental.store.database import open_database, reading, writing
from parental.store.engines import Where
from parental.store.errors import WrongRevision
from parental.store.schema.lines import blocked_categories, revisions


def test_foreign_keys_are_checked(engine: Engine) -> None:
    with pytest.raises(IntegrityError), writing(engine) as conn:
        conn.execute(insert(blocked_categories).values(profile=9, category="adult"))


def test_an_exception_rolls_the_whole_transaction_back(engine: Engine) -> None:
    with pytest.raises(RuntimeError), writing(engine) as conn:
        revision.raise_revision(conn, "x")
        raise RuntimeError

    with reading(engine) as conn:
        assert revision.current_revision(conn, "x") == 0


def test_a_reader_keeps_its_moment_while_a_writer_commits(engine: Engine) -> None:
    with reading(engine) as conn:
        assert revision.current_revision(conn, "x") == 0
        with writing(engine) as other:
            revision.raise_revision(other, "x")

        assert revision.current_revision(conn, "x") == 0
    with reading(engine) as conn:
        assert revision.current_revision(conn, "x") == 1


def test_writers_that_read_first_wait_for_each_other_and_lose_nothing(engine: Engine) -> None:
    def count() -> None:
        for _ in range(25):
            with writing(engine) as conn:
                revision.raise_revision(conn, "x")

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with reading(engine) as conn:
        assert conn.execute(select(revisions.c.value)).scalar_one() == 100


def test_opening_again_keeps_what_is_there(engine: Engine, database: Where) -> None:
    with writing(engine) as conn:
        revision.raise_revision(conn, "x")

    again = open_database(database)

    with reading(again) as conn:
        assert revision.current_revision(conn, "x") == 1
    again.dispose()


def test_roles_that_open_a_new_database_together_all_get_it(empty_database: Where) -> None:
    together, got = threading.Barrier(6), list[Engine]()

    def start() -> None:
        together.wait()
        engine = open_database(empty_database)
        got.append(engine)
        engine.dispose()

    threads = [threading.Thread(target=start) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(got) == 6


def test_a_role_that_may_not_make_tables_says_which_command_does(empty_database: Where) -> None:
    with pytest.raises(WrongRevision, match="it has no tables; not used; run: filterd db upgrade"):
        open_database(empty_database, may_create=False)


def test_a_database_of_a_newer_release_is_refused_and_left_as_it_is(empty_database: Where) -> None:
    engine = open_database(empty_database)
    with writing(engine) as conn:
        conn.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(
        WrongRevision, match="does not know its revision 9999; not used; install the release that wrote"
    ):
        open_database(empty_database)

    with reading(engine) as conn:
        assert conn.execute(text("SELECT version_num FROM alembic_version")).scalar_one() == "9999"
    engine.dispose()
