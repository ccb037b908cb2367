from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from support.database.postgresql import PostgresqlServer
from support.database.relay import Relay

from parental.store.database import open_database, reading, writing
from parental.store.engines import Where, engine_of, engine_of_copy, shown
from parental.store.errors import DatabaseAway, DatabaseDamage, DatabaseFault, DatabaseTimeout


def value(engine: Engine, statement: str) -> object:
    with reading(engine) as conn:
        return conn.execute(text(statement)).scalar_one()


def test_sqlite_is_in_wal_mode_synchronous_and_checks_foreign_keys(tmp_path: Path) -> None:
    engine = open_database(tmp_path / "filterd.db")

    assert value(engine, "PRAGMA journal_mode") == "wal"
    assert value(engine, "PRAGMA foreign_keys") == 1
    assert value(engine, "PRAGMA synchronous") == 2
    engine.dispose()


def test_a_writer_waits_for_the_one_before_and_says_so_when_that_takes_too_long(database: Where) -> None:
    open_database(database).dispose()
    first, second = engine_of(database), engine_of(database, patience_ms=100)

    with (
        writing(first),
        pytest.raises(DatabaseTimeout, match="has held its write lock"),
        writing(second),
    ):
        pass

    with writing(second):  # and it is free again
        pass
    first.dispose()
    second.dispose()


def test_a_reader_writes_nothing(database: Where) -> None:
    open_database(database).dispose()
    engine = engine_of(database)
    if engine.dialect.name == "sqlite":
        pytest.skip("a reader of SQLite becomes a writer when it writes")

    with pytest.raises(DatabaseFault, match="read-only"), reading(engine) as conn:
        conn.execute(text("INSERT INTO revisions VALUES ('x', 1)"))
    engine.dispose()


@pytest.mark.services
def test_no_password_is_in_what_is_said_of_a_database(postgresql: PostgresqlServer) -> None:
    secret = "Tr0ub4dor"
    url = postgresql.url("absent").replace("postgres@", f"postgres:{secret}@")
    engine = engine_of(url)

    with pytest.raises(DatabaseAway) as raised, reading(engine):
        pass

    assert 'database "absent" does not exist' in str(raised.value)
    assert secret not in str(raised.value) + shown(url) + repr(engine)
    engine.dispose()


@pytest.mark.services
def test_a_server_that_was_restarted_is_found_again(postgresql: PostgresqlServer) -> None:
    engine = engine_of(postgresql.url())
    assert value(engine, "SELECT 1") == 1

    postgresql.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'filterd'")

    assert value(engine, "SELECT 1") == 1
    engine.dispose()


def test_a_server_that_never_answers_is_away_after_some_seconds(tmp_path: Path) -> None:
    relay = Relay(tmp_path)
    relay.swallow()
    engine = engine_of(f"postgresql://x@127.0.0.1:{relay.port}/x?connect_timeout=2")

    with pytest.raises(DatabaseAway, match=r"cannot be reached \(connection timeout expired\)"), reading(engine):
        pass
    engine.dispose()
    relay.refuse()


def test_a_server_that_is_not_there_is_said_with_what_to_look_at(tmp_path: Path) -> None:
    engine = engine_of(f"postgresql:///filterd?host={tmp_path}")

    with pytest.raises(DatabaseAway, match=r"cannot be reached \(.*\); see that it runs"), reading(engine):
        pass
    engine.dispose()


def test_no_link_leads_to_another_database_not_even_one_that_is_put_there_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, other = tmp_path / "filterd.db", tmp_path / "other.db"
    open_database(other).dispose()
    path.symlink_to(other)

    with pytest.raises(DatabaseDamage, match=r"filterd\.db is no file; not used"):
        value(engine_of(path), "SELECT 1")
    monkeypatch.setattr(
        "parental.store.engines.refuse_planted", lambda _: None
    )  # as if it was put there a moment later
    with pytest.raises(DatabaseDamage, match=r"it led to .*other\.db; not used"):
        value(engine_of(path), "SELECT 1")


def test_a_copy_is_read_without_a_trace(tmp_path: Path) -> None:
    path = tmp_path / "copy"
    open_database(path).dispose()
    before = path.read_bytes()

    engine = engine_of_copy(path)

    assert value(engine, "SELECT count(*) FROM lines") == 0
    with pytest.raises(DatabaseFault, match="readonly"), writing(engine) as conn:
        conn.execute(text("DELETE FROM lines"))
    engine.dispose()
    assert (path.read_bytes(), [each.name for each in tmp_path.iterdir()]) == (before, ["copy"])
