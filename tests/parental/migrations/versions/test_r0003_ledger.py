"""The ledger comes with the third revision, and refuses in both databases what would change its past."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, inspect, text
from sqlalchemy.exc import DBAPIError
from support.mgmt import ledgers

from mgmt.ledger import store
from mgmt.ledger.event import CONTROL
from parental.store.database import open_database, writing
from parental.store.engines import Where, engine_of
from parental.store.revisions import upgrade

REFUSED = "rows are never changed or removed|rows are added after the last one"
LEAF = "(SELECT leaf FROM ledger_events WHERE number = 1)"
TABLES = ("ledger_events", "ledger_salts", "ledger_redactions", "ledger_checkpoints", "ledger_keys")


@pytest.fixture
def written(database: Where) -> Iterator[Engine]:
    """Three events and the key's."""
    engine = open_database(database)
    ledgers.write(engine, 3)
    yield engine
    engine.dispose()


def refuse(engine: Engine, statement: str) -> None:
    """Nothing of the ledger is another one after the statement."""
    before = ledgers.bundle(engine)

    with pytest.raises(DBAPIError, match=REFUSED), writing(engine) as conn:
        conn.execute(text(statement))

    assert ledgers.bundle(engine) == before
    ledgers.verified(before)


def test_the_third_revision_adds_the_ledger_and_what_tells_the_time(empty_database: Where) -> None:
    upgrade(empty_database, "0002")
    engine = engine_of(empty_database)
    before = set(inspect(engine).get_table_names())

    upgrade(empty_database, "0003")

    assert set(inspect(engine).get_table_names()) - before == {*TABLES, "trusted_clock", "revision_times"}
    engine.dispose()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_events SET text = '{}' WHERE number = 1",
        "UPDATE ledger_events SET time_ms = time_ms + 1",
        "UPDATE ledger_events SET text = NULL WHERE number = 1",
        "DELETE FROM ledger_events WHERE number = 3",
        "DELETE FROM ledger_events",
        f"INSERT INTO ledger_events VALUES (1, 0, 'orders', '{{}}', {LEAF}) ON CONFLICT DO NOTHING",
        f"INSERT INTO ledger_events VALUES (9, 0, 'orders', '{{}}', {LEAF})",
        f"INSERT INTO ledger_events VALUES (-1, 0, 'orders', '{{}}', {LEAF})",
        "UPDATE ledger_salts SET salt = ''",
        "DELETE FROM ledger_salts",
        "UPDATE ledger_checkpoints SET note = ''",
        "DELETE FROM ledger_checkpoints",
        "DELETE FROM ledger_keys",
        "UPDATE ledger_keys SET vkey = 'x'",
    ],
)
def test_no_statement_changes_or_removes_what_was_written(written: Engine, statement: str) -> None:
    refuse(written, statement)


@pytest.mark.parametrize(
    "statement",
    [
        f"INSERT OR REPLACE INTO ledger_events VALUES (1, 0, 'orders', '{{}}', {LEAF})",
        "INSERT OR REPLACE INTO ledger_salts SELECT number, x'00' FROM ledger_events",
        "INSERT OR REPLACE INTO ledger_checkpoints SELECT size, 0, '' FROM ledger_checkpoints",
        "INSERT OR REPLACE INTO ledger_keys SELECT number, 'x' FROM ledger_keys",
        "UPDATE OR REPLACE ledger_keys SET vkey = 'x'",
    ],
)
def test_nor_does_what_sqlite_alone_has(written: Engine, statement: str) -> None:
    if written.dialect.name != "sqlite":
        pytest.skip("PostgreSQL has no OR REPLACE")
    refuse(written, statement)


@pytest.mark.parametrize("table", TABLES)
def test_no_table_of_postgresql_is_truncated(written: Engine, table: str) -> None:
    if written.dialect.name != "postgresql":
        pytest.skip("SQLite has no TRUNCATE")
    refuse(written, f"TRUNCATE {table} CASCADE")


def test_a_temporary_table_of_the_same_name_opens_no_gap(written: Engine) -> None:
    if written.dialect.name != "postgresql":
        pytest.skip("a trigger of SQLite sees the tables of its own file")

    with pytest.raises(DBAPIError, match=REFUSED), writing(written) as conn:
        conn.execute(text("CREATE TEMPORARY TABLE ledger_events ON COMMIT DROP AS SELECT 8 AS number"))
        conn.execute(text("INSERT INTO public.ledger_events VALUES (9, 0, 'orders', '{}', '')"))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_events SET text = 'other' WHERE number = 1",
        "UPDATE ledger_events SET kind = 'orders', text = NULL WHERE number = 1",
        "UPDATE ledger_events SET text = NULL WHERE number = 2",
        "DELETE FROM ledger_salts WHERE number = 2",
        "DELETE FROM ledger_events WHERE number = 1",
        "DELETE FROM ledger_redactions",
        "UPDATE ledger_redactions SET number = 2",
    ],
)
def test_a_redaction_opens_its_own_event_alone_and_its_text_alone(written: Engine, statement: str) -> None:
    with writing(written) as conn:
        store.redact(conn, 1, "a court", CONTROL, ledgers.NOON)

    with pytest.raises(DBAPIError, match=REFUSED), writing(written) as conn:
        conn.execute(text(statement))
