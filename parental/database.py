"""The database of a node: SQLite in WAL mode, opened alike by every role.

Invariants: foreign keys are on; a writer takes the write lock when it begins, so that no transaction fails half way for
having read first; a reader never waits for a writer.  `metadata` holds the tables of this room and of those above.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, MetaData, create_engine, event

BUSY_TIMEOUT_MS = 10_000  # the longest write is an order of 100,000 entries, about a second
WAL_RETRY_S = 0.01
WRITES = "filterd_writes"

metadata = MetaData()


def open_database(path: Path) -> Engine:
    """Open the database file, and create it and its tables if missing."""
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": BUSY_TIMEOUT_MS / 1000})
    event.listen(engine, "connect", _set_pragmas)
    event.listen(engine, "begin", _begin)
    with writing(engine) as conn:
        metadata.create_all(conn)
    return engine


@contextmanager
def opened(path: Path) -> Iterator[Engine]:
    """open_database() for as long as a piece of work takes."""
    engine = open_database(path)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One transaction that may write; committed at the end, rolled back by an exception."""
    with engine.connect().execution_options(**{WRITES: True}) as conn, conn.begin():
        yield conn


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One transaction that only reads: a snapshot, unaffected by writers."""
    with engine.connect() as conn, conn.begin():
        yield conn


def _set_pragmas(dbapi_connection: Any, _record: object) -> None:
    # The driver's own BEGIN comes too late (before the first write); ours is sent by _begin.
    dbapi_connection.isolation_level = None
    cursor = dbapi_connection.cursor()
    for pragma in (f"busy_timeout={BUSY_TIMEOUT_MS}", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    _use_wal(cursor)
    cursor.close()


def _use_wal(cursor: sqlite3.Cursor) -> None:
    """Switch to WAL, permanently; SQLite does not wait here, so roles that start together must retry."""
    give_up = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > give_up:
                raise
            time.sleep(WAL_RETRY_S)


def _begin(conn: Connection) -> None:
    conn.exec_driver_sql("BEGIN IMMEDIATE" if conn.get_execution_options().get(WRITES) else "BEGIN")
