"""The database: opened alike by every role, and used in transactions that read or write.

Invariants: a database that is empty gets its tables when it is opened, unless this box has had one; one of another
release is refused; what keeps a transaction from its work is a DatabaseFault (parental.store.errors), in words.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Table
from sqlalchemy.dialects import postgresql, sqlite

from parental.store.database_faults import named_faults
from parental.store.engines import WRITES, Where, engine_of, shown
from parental.store.errors import DatabaseFull, NoTables, WrongRevision
from parental.store.reserve import Reserve
from parental.store.revisions import DatabaseRevision, State, find_revision, known_revisions, upgrade

T = TypeVar("T")

_READER = {"postgresql": {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}}


def open_database(where: Where, acts_as: str = "", may_create: bool = True) -> Engine:
    """Open the database; an empty one gets its tables.

    acts_as  as engine_of();   may_create  False: one without tables is refused.
    Raises WrongRevision and every other DatabaseFault."""
    found = _revision_of(where)
    if may_create and found.state is State.EMPTY:
        _, found = upgrade(where)
    if found.state is not State.CURRENT:
        raise (NoTables if found.state is State.EMPTY else WrongRevision)(refusal(where, found))
    return engine_of(where, acts_as)


def refusal(where: Where, found: DatabaseRevision) -> str:
    """Why a database is refused, and what fixes it."""
    place = f"database {shown(where)}:"
    if found.state is State.EMPTY:
        return f"{place} it has no tables; not used; run: filterd db upgrade"
    if found.state is State.TOO_OLD:
        first = known_revisions()[0]
        return (
            f"{place} it is of an early build (revision {found.revision or 'none'}), and this release upgrades from "
            f"revision {first} on; not used; first run filterd db upgrade of the last build that has revision {first}"
        )
    if found.state is State.OLDER:
        return f"{place} it is of an older release (revision {found.revision}); not used; run: filterd db upgrade"
    return (
        f"{place} this release does not know its revision {found.revision or '(none)'}; not used; install the release "
        "that wrote it, or run: filterd db restore FILE --force"
    )


@contextmanager
def opened(where: Where) -> Iterator[Engine]:
    """open_database() for as long as a piece of work takes."""
    engine = open_database(where)
    try:
        yield engine
    finally:
        engine.dispose()


def write(engine: Engine, work: Callable[[Connection], T]) -> T:
    """Run `work` in one writing transaction; on a full disk once more, with what is in reserve given back."""
    try:
        with writing(engine) as conn:
            return work(conn)
    except DatabaseFull:
        if engine.dialect.name != "sqlite" or not Reserve(Path(str(engine.url.database)).parent).give_back():
            raise
        with writing(engine) as conn:
            return work(conn)


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One transaction that may write; committed at the end, rolled back by an exception."""
    with named_faults(engine), engine.connect().execution_options(**{WRITES: True}) as conn, conn.begin():
        yield conn


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One transaction that only reads: a snapshot, unaffected by writers."""
    options = _READER.get(engine.dialect.name, {})
    with named_faults(engine), engine.connect().execution_options(**options) as conn, conn.begin():
        yield conn


def upsert(conn: Connection, table: Table) -> Any:
    """An INSERT with on_conflict_do_update(), which SQL itself does not have."""
    return (postgresql if conn.dialect.name == "postgresql" else sqlite).insert(table)


def _revision_of(where: Where) -> DatabaseRevision:
    engine = engine_of(where)
    try:
        with reading(engine) as conn:
            return find_revision(conn)
    finally:
        engine.dispose()
