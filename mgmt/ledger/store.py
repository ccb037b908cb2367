"""The ledger in the database: events are appended in the transaction of the change that they record.

Invariants: events are numbered from 0 without a gap, in the order in which their transactions end, since a writer is
alone (parental.store.engines); an event's time is never before that of the one before: where the wall clock is, the
event has the time before and says how far behind the clock was.  Any role appends what it does; control alone signs
(filterd.audit.seal).
"""

import json
import secrets
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from mgmt.ledger.event import SALT_OCTETS, SETTINGS, Actor, Event, leaf_of, text_of
from mgmt.ledger.verifier import REDACTED
from parental.store.schema.ledger import checkpoints, events, keys, redactions, salts

PAGE = 2000  # events of one read: about a megabyte


def append(conn: Connection, event: Event, at: datetime) -> int:
    """Write one event; returns its number.   conn: the transaction of the change;   at: aware"""
    return append_all(conn, (event,), at)


def append_all(conn: Connection, several: Sequence[Event], at: datetime) -> int:
    """Write events of one moment; returns the number of the first.   Raises ValueError: none was written.

    Cost: some 20 µs each beyond the first, which takes 0.3 ms."""
    last = conn.execute(select(events.c.number, events.c.time_ms).order_by(events.c.number.desc()).limit(1)).first()
    first, last_ms = (0, 0) if last is None else (last.number + 1, last.time_ms)
    wall_ms = int(at.timestamp() * 1000)
    time_ms, behind_ms = max(wall_ms, last_ms), max(0, last_ms - wall_ms)
    rows, salted = [], []
    for number, event in enumerate(several, first):
        said, salt = text_of(event, number, time_ms, behind_ms), secrets.token_bytes(SALT_OCTETS)
        leaf = leaf_of(salt, said)
        rows.append({"number": number, "time_ms": time_ms, "kind": event.kind, "text": said.decode(), "leaf": leaf})
        salted.append({"number": number, "salt": salt})
    if rows:
        conn.execute(insert(events), rows)
        conn.execute(insert(salts), salted)
    return first


def redact(conn: Connection, number: int, reason: str, by: Actor, at: datetime) -> int:
    """Destroy text and salt of an event; its leaf stays, so the tree still verifies.   Returns the event that says so.

    Raises LookupError where there is no such event, or it has gone already; ValueError where it is what says of another
    that it was redacted: without it, an export that lacks the other could not be distinguished from one that hides
    it."""
    found = conn.execute(select(events.c.text).where(events.c.number == number)).scalar_one_or_none()
    if found is None:
        raise LookupError(f"event {number}: does not exist, or is redacted already; nothing done; look at an export")
    if json.loads(found)["action"] == REDACTED:
        raise ValueError(
            f"event {number}: says who redacted another event, and why; nothing done; give no name in --reason"
        )
    saying = append(conn, Event(SETTINGS, REDACTED, by, {"event": number}, {"reason": reason}), at)
    conn.execute(insert(redactions).values(number=number, by_number=saying))
    conn.execute(update(events).where(events.c.number == number).values(text=None))
    conn.execute(delete(salts).where(salts.c.number == number))
    return saying


def size(conn: Connection) -> int:
    """How many events there are."""
    return int(conn.execute(select(func.coalesce(func.max(events.c.number) + 1, 0))).scalar_one())


def last_time_ms(conn: Connection) -> int:
    """The time of the last event; 0: none exists."""
    return int(conn.execute(select(func.coalesce(func.max(events.c.time_ms), 0))).scalar_one())


def read_events(conn: Connection, first: int, until: int) -> Sequence[Row[Any]]:
    """At most PAGE events of first ≤ number < until, with their salts and what redacted them."""
    chosen = (
        select(events, salts.c.salt, redactions.c.by_number)
        .outerjoin(salts, salts.c.number == events.c.number)
        .outerjoin(redactions, redactions.c.number == events.c.number)
        .where(events.c.number >= first, events.c.number < until)
    )
    return conn.execute(chosen.order_by(events.c.number).limit(PAGE)).all()


def iter_leaves(conn: Connection, first: int, until: int) -> Iterator[bytes]:
    """The leaves of first ≤ number < until."""
    chosen = select(events.c.leaf).where(events.c.number >= first, events.c.number < until).order_by(events.c.number)
    yield from conn.execute(chosen, execution_options={"yield_per": PAGE}).scalars()


def first_since(conn: Connection, time_ms: int) -> int:
    """The number of the first event of this time or later; that of the next event, where none exists."""
    found = conn.execute(select(func.min(events.c.number)).where(events.c.time_ms >= time_ms)).scalar_one()
    return size(conn) if found is None else int(found)


# -- what control has signed -------------------------------------------------------------------------------------------


def put_checkpoint(conn: Connection, signed: int, note: str, at: datetime) -> None:
    """Keep the signed tree of a size; the same again changes nothing."""
    if signed_at(conn, signed) is None:
        conn.execute(insert(checkpoints).values(size=signed, time_ms=int(at.timestamp() * 1000), note=note))


def signed_at(conn: Connection, signed: int) -> str | None:
    """The checkpoint of exactly this size."""
    return conn.execute(select(checkpoints.c.note).where(checkpoints.c.size == signed)).scalar_one_or_none()


def signed_up_to(conn: Connection, at_most: int) -> int:
    """The size of the largest checkpoint of at most this size; 0: none exists."""
    found = conn.execute(select(func.max(checkpoints.c.size)).where(checkpoints.c.size <= at_most))
    return found.scalar_one() or 0


def signed_from(conn: Connection, at_least: int) -> int | None:
    """The size of the smallest checkpoint of at least this size."""
    found = conn.execute(select(func.min(checkpoints.c.size)).where(checkpoints.c.size >= at_least)).scalar_one()
    return None if found is None else int(found)


def checkpoints_between(conn: Connection, above: int, at_most: int) -> dict[int, str]:
    """Checkpoints of above < size ≤ at_most, by size."""
    chosen = select(checkpoints.c.size, checkpoints.c.note).where(checkpoints.c.size > above)
    found = conn.execute(chosen.where(checkpoints.c.size <= at_most).order_by(checkpoints.c.size))
    return {row.size: row.note for row in found}


def known_keys(conn: Connection) -> list[str]:
    """The verifier keys of all checkpoints, the newest last."""
    return list(conn.execute(select(keys.c.vkey).order_by(keys.c.number)).scalars())


def put_key(conn: Connection, vkey: str, at: datetime, by: Actor) -> None:
    """Make a key known, once, with an event that says since when it signs."""
    known = known_keys(conn)
    if vkey not in known:
        conn.execute(insert(keys).values(number=len(known), vkey=vkey))
        append(conn, Event(SETTINGS, "ledger key put", by, said={"key": vkey}), at)
