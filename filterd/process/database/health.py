"""How a database is: its revision, whether it holds together, its size, the room left, whether it can be written.

Invariants: nothing is changed; a database that cannot be opened is a DatabaseFault, and never a half of an answer.
"""

import os
from pathlib import Path

from msgspec import Struct
from sqlalchemy import Connection, Engine

from parental.store.database import reading, writing
from parental.store.engines import Where, engine_of, shown
from parental.store.errors import DatabaseAway, DatabaseFault
from parental.store.reserve import Reserve
from parental.store.revisions import State, find_revision, known_revisions

MAX_FAULTS = 10  # shown of what does not hold together


class Health(Struct, frozen=True, kw_only=True):
    """A database as it is.

    octets  of all its files;   free_octets  of its disk, None: another server's;   why_not_writable  None: it is
    faults  what does not hold together"""

    database: str
    revision: str
    newest_revision: str
    state: str
    faults: list[str]
    octets: int
    free_octets: int | None
    has_reserve: bool | None
    why_not_writable: str | None

    @property
    def is_good(self) -> bool:
        return self.state == State.CURRENT.value and not self.faults and self.why_not_writable is None


def health_of(where: Where) -> Health:
    """Look a database over.   Raises DatabaseFault.

    Cost: one read of the whole file of SQLite, about a second a gigabyte; PostgreSQL checks its pages itself."""
    if isinstance(where, Path) and not where.exists():  # to open it is to make it, with the account that asks
        raise DatabaseAway(f"database {where}: not there; nothing done; control makes it at its first start")
    engine = engine_of(where)
    try:
        with reading(engine) as conn:
            found = find_revision(conn)
            faults, octets = _of_sqlite(conn, where) if isinstance(where, Path) else _of_postgresql(conn)
        return Health(
            database=shown(where),
            revision=found.revision,
            newest_revision=known_revisions()[-1],
            state=found.state.value,
            faults=faults,
            octets=octets,
            free_octets=_free_octets(where.parent) if isinstance(where, Path) else None,
            has_reserve=Reserve(where.parent).is_held if isinstance(where, Path) else None,
            why_not_writable=_why_not_writable(engine),
        )
    finally:
        engine.dispose()


def faults_within(conn: Connection) -> list[str]:
    """What does not hold together in a database of SQLite."""
    found = [str(row[0]) for row in conn.exec_driver_sql(f"PRAGMA quick_check({MAX_FAULTS})") if row[0] != "ok"]
    lost = conn.exec_driver_sql("PRAGMA foreign_key_check").fetchmany(MAX_FAULTS)
    return found + [f"row {row[1]} of {row[0]} refers to none of {row[2]}" for row in lost]


def _of_sqlite(conn: Connection, path: Path) -> tuple[list[str], int]:
    files = (path, path.with_name(f"{path.name}-wal"))
    return faults_within(conn), sum(file.stat().st_size for file in files if file.exists())


def _of_postgresql(conn: Connection) -> tuple[list[str], int]:
    octets = conn.exec_driver_sql("SELECT pg_database_size(current_database())").scalar_one()
    return [], int(octets)


def _free_octets(folder: Path) -> int:
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


def _why_not_writable(engine: Engine) -> str | None:
    try:
        with writing(engine) as conn:
            is_server = engine.dialect.name == "postgresql"
            if is_server and conn.exec_driver_sql("SHOW transaction_read_only").scalar_one() == "on":
                return "the server takes no changes: it is a standby"
    except DatabaseFault as reason:
        return str(reason)
    return None
