"""The database of a box, as its roles open it.

Invariants: control alone gives an empty database its tables, and only on a box that has never had one: where this box
has run before, an empty database is one that was lost, and no one begins again without its orders and subscribers.
"""

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path

from sqlalchemy import Engine

from filterd.box.as_owner import ROOT, as_owner_of
from filterd.box.keys import has_pseudonym_key
from filterd.box.places import database_file
from filterd.config import Config
from parental.store.database import open_database
from parental.store.engines import Where, engine_of, shown
from parental.store.errors import NoTables, WrongRevision
from parental.store.reserve import Reserve
from parental.store.revisions import load_revisions
from parental.store.schema.privileges import CONTROL, WEB

PATIENCE_S = 10.0  # that control takes to make the tables of a new box
LOOK_AGAIN_S = 0.1


def database_of(config: Config) -> Where:
    """Where the database is; the folder of SQLite's is made where it is missing.   Raises WrongUse (database_file)"""
    return config.database.url or database_file(config.state_dir)


def reserve_of(config: Config) -> Reserve | None:
    """The disk's reserve of this database; None: its disk is another server's."""
    where = database_of(config)
    return Reserve(where.parent) if isinstance(where, Path) else None


def engine_for_control(config: Config, acts_as: str = CONTROL) -> Engine:
    """An engine for open_for_control()'s database, which may not be there yet.   Raises WrongUse, DatabaseAway"""
    return engine_of(database_of(config), acts_as)


def as_owner_of_database(where: Where) -> AbstractContextManager[None]:
    """Root acts as the account that owns SQLite's folder, which web writes, too; a server has accounts of its own.

    That account may not be able to read our code, as in a checkout in root's home."""
    if os.getuid() == ROOT:
        load_revisions()
    return as_owner_of(where.parent) if isinstance(where, Path) else nullcontext()


def open_for_control(config: Config, acts_as: str = CONTROL) -> Engine:
    """Open the database; on a new box, it gets its tables.   Raises DatabaseFault; of a lost one, WrongRevision"""
    had_one = has_pseudonym_key(config.state_dir)
    where = database_of(config)
    try:
        return open_database(where, acts_as, may_create=not had_one)
    except NoTables as reason:
        raise WrongRevision(
            f"database {shown(where)}: it is empty, and this box has had one; not started, workers go on as they are; "
            "run: filterd db restore FILE, or, to begin without orders and subscribers: filterd db upgrade"
        ) from reason


@contextmanager
def opened_for_control(config: Config, acts_as: str = CONTROL) -> Iterator[Engine]:
    """open_for_control() for as long as a piece of work takes, with the rights that the database's owner has."""
    with as_owner_of_database(database_of(config)):
        engine = open_for_control(config, acts_as)
        try:
            yield engine
        finally:
            engine.dispose()


def hold_connections(engine: Engine, n: int) -> None:
    """Open `n` connections now, for a process that cannot make any later."""
    with ExitStack() as stack:
        for _ in range(n):
            stack.enter_context(engine.connect())


async def open_for_web(config: Config, stopping: asyncio.Event | None = None) -> Engine | None:
    """Open the database once control has made its tables; None: web is to stop first.   Raises DatabaseFault"""
    give_up = time.monotonic() + PATIENCE_S
    while True:
        try:
            return await asyncio.to_thread(open_database, database_of(config), WEB, False)
        except NoTables as reason:
            if stopping is not None and stopping.is_set():
                return None
            if time.monotonic() > give_up:
                # Not what fixes it: an empty database may be one that was lost, and control knows.
                place = shown(database_of(config))
                raise NoTables(f"database {place}: it is empty; not used; see what control says of it") from reason
            await asyncio.sleep(LOOK_AGAIN_S)
