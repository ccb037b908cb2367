"""Engines for the two databases: SQLite in WAL mode, for one box, and PostgreSQL, for several.

Invariants: foreign keys are on; a writer takes the one write lock when it begins, so that no transaction fails half way
for having read first, and revisions are committed in their order; a reader sees one moment and waits for no writer.
Several roles write SQLite's folder: no link is followed there, and what is no file is refused.
No password is in what this module makes, raises or logs: psycopg finds it in a file (libpq's `passfile`).
"""

import contextlib
import importlib.util
import sqlite3
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url

from parental.store.errors import DatabaseAway, DatabaseDamage

BUSY_TIMEOUT_MS = 10_000  # the longest write is an order of 100,000 entries, about a second
CONNECT_TIMEOUT_S = 5
# Of a network that swallows packets: what was sent and is not acknowledged, and what is not heard while we wait, for so
# long is lost.  A server that is slow acknowledges.
SILENCE_S = 5
WAL_RETRY_S = 0.01
FILES = ("", "-journal", "-wal", "-shm")  # of SQLite, behind the database's name
WRITES = "filterd_writes"
WRITE_LOCK = 0x66696C74657264  # of pg_advisory_xact_lock(), in this database alone

Where = Path | str  # the file of SQLite, or the URL of PostgreSQL: postgresql://[USER@][HOST]/NAME[?KEY=VALUE…]


def engine_of(
    where: Where, acts_as: str = "", patience_ms: int | None = None, checks_keys: bool = True, **more: Any
) -> Engine:
    """An engine; nothing is opened yet.

    acts_as      the role that PostgreSQL checks privileges of, see parental.store.schema.privileges; '': who connects
    patience_ms  how long to wait for a lock;   checks_keys  whether SQLite checks foreign keys"""
    patience_ms = BUSY_TIMEOUT_MS if patience_ms is None else patience_ms
    if isinstance(where, Path):
        engine = create_engine(f"sqlite:///{where}", connect_args={"timeout": patience_ms / 1000}, **more)
        pragmas = (f"busy_timeout={patience_ms}", "synchronous=FULL", f"foreign_keys={'ON' if checks_keys else 'OFF'}")
        event.listen(engine, "do_connect", lambda *_: refuse_planted(where))
        event.listen(engine, "connect", lambda dbapi, _record: _prepare_sqlite(dbapi, where, pragmas, patience_ms))
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    return _postgresql(make_url(where), acts_as, patience_ms, more)


def engine_of_copy(file: Path) -> Engine:
    """An engine that reads a file of SQLite that no one else uses: it writes nothing, there or next to it."""
    engine = create_engine(f"sqlite:///{file.absolute().as_uri()}?mode=ro&immutable=1&uri=true")
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def refuse_planted(path: Path) -> None:
    """Raises DatabaseDamage where a link would lead elsewhere, or a FIFO have us wait."""
    for end in FILES:
        place = path.with_name(path.name + end)
        with contextlib.suppress(OSError):  # what cannot be looked at cannot be opened, and SQLite says so
            if not stat.S_ISREG(place.lstat().st_mode):
                raise DatabaseDamage(
                    f"database {path}: {place.name} is no file; not used; look who put it there, and "
                    "move it away; where the database is gone: filterd db restore FILE --force"
                )


def shown(where: Where) -> str:
    """What a message calls a database."""
    return str(where) if isinstance(where, Path) else make_url(where).render_as_string(hide_password=True)


def _postgresql(url: URL, acts_as: str, patience_ms: int, more: dict[str, Any]) -> Engine:
    if importlib.util.find_spec("psycopg") is None:
        raise DatabaseAway(f"{shown(str(url))}: psycopg is missing; not opened; install requirements-postgresql.lock")
    given = {
        "connect_timeout": CONNECT_TIMEOUT_S,
        "tcp_user_timeout": 1000 * SILENCE_S,
        "keepalives_idle": SILENCE_S,
        "keepalives_interval": SILENCE_S,
        "application_name": "filterd",
        "options": f"-c lock_timeout={patience_ms}",
    }
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"),
        connect_args={key: value for key, value in given.items() if key not in url.query},
        pool_pre_ping=True,  # a server that was restarted costs a connection, and no request
        hide_parameters=True,
        **more,
    )
    if acts_as:
        event.listen(engine, "connect", lambda dbapi, _record: _act_as(dbapi, acts_as))
    event.listen(engine, "begin", _begin_postgresql)
    return engine


def _act_as(dbapi: Any, role: str) -> None:
    with _closed_on_error(dbapi), dbapi.cursor() as cursor:
        cursor.execute(f'SET ROLE "{role}"')
        dbapi.commit()


def _begin_postgresql(conn: Connection) -> None:
    if conn.get_execution_options().get(WRITES):
        conn.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITE_LOCK})")


def _refuse_elsewhere(path: Path, opened: str) -> None:
    """Raises DatabaseDamage where another file was opened: a link was put there meanwhile."""
    if opened != str(path.parent.resolve() / path.name):
        raise DatabaseDamage(f"database {path}: it led to {opened}; not used; look who put a link there")


def _prepare_sqlite(dbapi: Any, path: Path, pragmas: tuple[str, ...], patience_ms: int) -> None:
    # The driver's own BEGIN comes too late (before the first write); ours is sent by _begin_sqlite.
    dbapi.isolation_level = None
    with _closed_on_error(dbapi), contextlib.closing(dbapi.cursor()) as cursor:
        _refuse_elsewhere(path, cursor.execute("PRAGMA database_list").fetchone()[2])
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
        _use_wal(cursor, patience_ms)


@contextlib.contextmanager
def _closed_on_error(dbapi: Any) -> Iterator[None]:
    """Close a connection that cannot be made ready: the pool does not know it yet."""
    try:
        yield
    except BaseException:
        dbapi.close()
        raise


def _use_wal(cursor: sqlite3.Cursor, patience_ms: int) -> None:
    """Switch to WAL, permanently; SQLite does not wait here, so roles that start together must retry."""
    give_up = time.monotonic() + patience_ms / 1000
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as reason:
            is_locked = reason.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
            if not is_locked or time.monotonic() > give_up:
                raise
            time.sleep(WAL_RETRY_S)


def _begin_sqlite(conn: Connection) -> None:
    conn.exec_driver_sql("BEGIN IMMEDIATE" if conn.get_execution_options().get(WRITES) else "BEGIN")
