"""Revisions of the database by Alembic.

A revision is a number of four digits and a file in `versions`.  The first, 0045, makes all tables of release 0.1.0.
The last builds before it have that number, too, and earlier ones a smaller one, or none.
Invariants: an upgrade is one transaction and holds the writers' lock, so that a database is at one revision or at
another, whenever the process that upgrades it is killed, and of two that upgrade at once the second finds it done.
Once load_revisions() has returned, nothing more is read from the code's own folder: root acts as the database's owner
then, who may not read it.
"""

import enum
import logging
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import Connection, inspect, text

from parental.store.database_faults import named_faults
from parental.store.engines import WRITES, Where, engine_of
from parental.store.errors import DatabaseDamage
from parental.store.schema import metadata
from parental.store.schema.privileges import grant

if TYPE_CHECKING:
    from alembic.script import ScriptDirectory

FOLDER = Path(__file__).with_name("migrations")
UPGRADE_PATIENCE_MS = 600_000  # that another upgrade, of millions of records, takes
NOTED = "alembic_version"
_UNNUMBERED = frozenset({"subscribers", "orders", "blocks"})  # tables of a build that noted no revision


class State(enum.Enum):
    """What a database is to this release."""

    EMPTY = "empty"
    TOO_OLD = "too old"  # from before the first revision of this release
    OLDER = "older"
    CURRENT = "current"
    UNKNOWN = "unknown"  # a newer release's


class DatabaseRevision(NamedTuple):
    """A database's revision; '' where it has none."""

    revision: str
    state: State


def known_revisions() -> list[str]:
    """The revisions of this release, the newest last."""
    return list(_numbers_in(FOLDER))


def load_revisions() -> None:
    """Read all that an upgrade needs of the code.   Cost: a tenth of a second, once a process"""
    known_revisions()
    list(_scripts_in(FOLDER).walk_revisions())


def find_revision(conn: Connection) -> DatabaseRevision:
    """Which revision a database has."""
    tables = set(inspect(conn).get_table_names())
    if NOTED not in tables:
        state = State.TOO_OLD if tables >= _UNNUMBERED else State.UNKNOWN if tables else State.EMPTY
        return DatabaseRevision("", state)
    revision = conn.execute(text(f"SELECT version_num FROM {NOTED}")).scalar_one_or_none() or ""
    return DatabaseRevision(revision, state_of(revision))


def state_of(revision: str) -> State:
    """What a database of a revision is to this release."""
    known = known_revisions()
    if revision in known:
        return State.CURRENT if revision == known[-1] else State.OLDER
    return State.TOO_OLD if "" < revision < known[0] else State.UNKNOWN


def upgrade(where: Where) -> tuple[DatabaseRevision, DatabaseRevision]:
    """Bring a database to the newest revision; what it was and what it is.

    Waits for another that does the same.   Raises DatabaseFault."""
    # SQLite changes a table by making it again, and would delete with the old one what refers to it.
    engine = engine_of(where, patience_ms=UPGRADE_PATIENCE_MS, checks_keys=False)
    try:
        with named_faults(engine), engine.connect().execution_options(**{WRITES: True}) as conn, conn.begin():
            before = find_revision(conn)
            if before.state in (State.EMPTY, State.OLDER):
                _run_revisions(conn)
            after = find_revision(conn)
            if after.state is State.CURRENT and conn.dialect.name == "postgresql":
                grant(conn)
            return before, after
    finally:
        engine.dispose()


def _run_revisions(conn: Connection) -> None:
    from alembic.migration import MigrationContext
    from alembic.operations import Operations

    opts = {
        "target_metadata": metadata,
        "render_as_batch": True,  # SQLite changes a column by making the table again
        "transactional_ddl": True,  # both do; Alembic thinks SQLite does not, since Python's driver once hid it
    }
    context, scripts = MigrationContext.configure(conn, opts=opts), _scripts_in(FOLDER)
    with Operations.context(context):
        for step in reversed(list(scripts.iterate_revisions("head", context.get_current_revision() or "base"))):
            step.module.upgrade()
            context.stamp(scripts, step.revision)
    if conn.dialect.name == "sqlite" and (lost := conn.exec_driver_sql("PRAGMA foreign_key_check").first()):
        raise DatabaseDamage(f"database: a row of {lost[0]} refers to none of {lost[2]}; not upgraded; restore it")


@cache
def _numbers_in(folder: Path) -> tuple[str, ...]:
    return tuple(sorted(path.stem[1:5] for path in (folder / "versions").glob("r[0-9]*_*.py")))


@cache
def _scripts_in(folder: Path) -> "ScriptDirectory":
    """The revisions as Alembic has them."""
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it reports its plugins
    from alembic.config import Config  # late: a tenth of a second that a database without changes does not cost
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    return ScriptDirectory.from_config(config)
