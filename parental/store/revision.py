"""Revisions: numbers that count changes, so that "what has changed since" is asked of rows and not of memory.

Invariants: a number is given once, since a writer is alone (parental.store.engines); which revision there was when is
known as far back as a released address needs it.
"""

from sqlalchemy import Connection, delete, func, insert, select

from parental.store.schema.lines import revision_times, revisions

REVISION = "parental"
ORDERS = "orders"  # and all that two persons agree to: control looks when it rises
LOST_NAMES = "lost names"  # how often names of lines were taken away, also with their line


def raise_revision(conn: Connection, name: str, by: int = 1) -> int:
    """Count changes of `name` and return the number of the last; unique, since a writer is alone."""
    value = current_revision(conn, name) + by
    conn.execute(delete(revisions).where(revisions.c.name == name))
    conn.execute(insert(revisions).values(name=name, value=value))
    return value


def current_revision(conn: Connection, name: str = REVISION) -> int:
    """The number of the last change of `name`; 0: none yet."""
    return conn.execute(select(revisions.c.value).where(revisions.c.name == name)).scalar_one_or_none() or 0


def mark_revision(conn: Connection, time_s: int, before_s: int) -> int:
    """Note which revision there is at `time_s`; returns the one that there was at `before_s`, 0: not known."""
    now = current_revision(conn)
    if conn.execute(select(revision_times.c.revision).where(revision_times.c.revision == now)).first() is None:
        conn.execute(insert(revision_times).values(revision=now, time_s=time_s))
    due = revision_times.c.time_s <= before_s
    found: int | None = conn.execute(select(func.max(revision_times.c.revision)).where(due)).scalar_one()
    if found is None:
        return 0
    conn.execute(delete(revision_times).where(revision_times.c.revision < found))
    return found
