"""What can be wrong with a database that is no internal fault, distinguished from the error of its driver.

Invariants: a fault names the database without a password, and says what to do; an error of integrity, and one that is
not known here, is left as it is: the first is an answer, the second an internal fault.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, Engine
from sqlalchemy.exc import DBAPIError, IntegrityError

from parental.store.errors import (
    DatabaseAway,
    DatabaseDamage,
    DatabaseFault,
    DatabaseFull,
    DatabaseRefusal,
    DatabaseTimeout,
)

_FULL = "no space is left on its disk; nothing written; make room there"
_LOCKED = "another process has held its write lock for too long; nothing written; try again"
_DAMAGED = "damaged ({}); not used; stop filterd, then run: filterd db restore FILE --force"
_AWAY = "cannot be reached ({}); see that it runs, and what its log says"
_REFUSED = "refused ({}); nothing done; see docs/internals/roles.md for who may do what there"

_SQLITE: dict[int, tuple[type[DatabaseFault], str]] = {
    sqlite3.SQLITE_FULL: (DatabaseFull, _FULL),
    sqlite3.SQLITE_BUSY: (DatabaseTimeout, _LOCKED),
    sqlite3.SQLITE_LOCKED: (DatabaseTimeout, _LOCKED),
    sqlite3.SQLITE_CORRUPT: (DatabaseDamage, _DAMAGED),
    sqlite3.SQLITE_NOTADB: (DatabaseDamage, _DAMAGED),
    sqlite3.SQLITE_IOERR: (DatabaseAway, _AWAY),
    sqlite3.SQLITE_CANTOPEN: (DatabaseAway, _AWAY),
    sqlite3.SQLITE_READONLY: (DatabaseRefusal, _REFUSED),
    sqlite3.SQLITE_PERM: (DatabaseRefusal, _REFUSED),
    sqlite3.SQLITE_AUTH: (DatabaseRefusal, _REFUSED),
}
# Source: PostgreSQL, appendix A, by class and by code; a connection that breaks has none.
_POSTGRESQL: dict[str, tuple[type[DatabaseFault], str]] = {
    "53100": (DatabaseFull, _FULL),
    "55P03": (DatabaseTimeout, _LOCKED),
    "40P01": (DatabaseTimeout, _LOCKED),
    "40001": (DatabaseTimeout, _LOCKED),
    "42501": (DatabaseRefusal, _REFUSED),
    "22023": (DatabaseRefusal, _REFUSED),  # SET ROLE to one that does not exist
    "25006": (DatabaseRefusal, _REFUSED),
    "XX001": (DatabaseDamage, _DAMAGED),
    "XX002": (DatabaseDamage, _DAMAGED),
    "53": (DatabaseAway, _AWAY),
    "57": (DatabaseAway, _AWAY),
    "08": (DatabaseAway, _AWAY),
    "28": (DatabaseAway, _AWAY),
    "3D": (DatabaseAway, _AWAY),
}


@contextmanager
def named_faults(engine: Engine) -> Iterator[None]:
    """Raise what the database's driver raises meanwhile as a DatabaseFault, where it is one."""
    try:
        yield
    except (DBAPIError, sqlite3.Error) as reason:
        fault = fault_of(reason, engine.url)
        if fault is None:
            raise
        raise fault from reason


def fault_of(reason: BaseException, url: URL) -> DatabaseFault | None:
    """The fault behind an error, or None."""
    if isinstance(reason, (IntegrityError, sqlite3.IntegrityError)):
        return None
    cause = reason.orig if isinstance(reason, DBAPIError) else reason
    found = _kind_of(cause)
    if found is None:
        return None
    kind, sentence = found
    said = " ".join(str(cause).split())
    return kind(f"database {_name_of(url)}: {sentence.format(said)}")


def _kind_of(cause: BaseException | None) -> tuple[type[DatabaseFault], str] | None:
    if isinstance(cause, sqlite3.Error):
        code = getattr(cause, "sqlite_errorcode", 0)
        return _on_full_disk(code) or _SQLITE.get(code & 0xFF)
    state = getattr(cause, "sqlstate", None)
    if state is not None:
        return _POSTGRESQL.get(state) or _POSTGRESQL.get(state[:2])
    kinds = {each.__name__ for each in type(cause).__mro__ if each.__module__.startswith("psycopg")}
    return (DatabaseAway, _AWAY) if "OperationalError" in kinds else None  # one that timed out is a kind of its own


def _on_full_disk(code: int) -> tuple[type[DatabaseFault], str] | None:
    """SQLite says of its shared memory that it cannot grow, and not why: it is always for want of space."""
    return (DatabaseFull, _FULL) if code == sqlite3.SQLITE_IOERR_SHMSIZE else None


def _name_of(url: URL) -> str:
    return str(Path(url.database or "")) if url.get_backend_name() == "sqlite" else url.render_as_string()
