"""Orders in shadow in the database: control gives each a place, takes it away, and says how it went.

    entries of an order that says shadow ─ enter() ─→ waits for a place ─ tend() ─→ counted by every gateway
                              two persons let it in, it is withdrawn, it expires: tend() ↓
                                                                                      let_in, over

Invariants: what is in shadow is of status SHADOW, and no such entry blocks anything; of an order one shadow is open; a
place goes to the order that has waited longest, and of the free ones that which was left longest ago: what a worker
counts late, for the order before, is little then; every step is an event of the ledger, in the same transaction.
Cost: two queries of an open table of at most some rows, while none is in shadow.
Source: docs/desk/orders.md.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, exists, func, insert, select, update

from mgmt.ledger.event import CONTROL, Value
from mgmt.orders.base.events import note_order
from mgmt.orders.base.model import IN_FORCE, EntryStatus
from mgmt.orders.phases.shadow_places import N_PLACES, list_of
from parental.store.database import upsert
from parental.store.revision import ORDERS, raise_revision
from parental.store.schema.canaries import order_shadow_counts, order_shadows
from parental.store.schema.orders import entries

LET_IN, OVER = "let_in", "over"  # outcomes
WAITING, STARTING, COUNTING = "waiting", "starting", "counting"  # for a place; for the workers; it is counted
_IS_OPEN = order_shadows.c.ended_s.is_(None)


class Shadow(NamedTuple):
    """A shadow of an order, with what it would have blocked.   hits  by channel"""

    row: Row[Any]
    hits: Mapping[str, int]


def enter(conn: Connection, numbers: Iterable[int], at: datetime) -> None:
    """Put orders in shadow of which entries are, as far as they are not.   conn  may write"""
    its = sorted(set(numbers))
    there = set(conn.execute(select(order_shadows.c.order).where(_IS_OPEN)).scalars()) if its else set()
    rows = [{"order": order, "revision": 0, "begun_s": int(at.timestamp())} for order in its if order not in there]
    if rows:
        conn.execute(insert(order_shadows), rows)


def tend(conn: Connection, at: datetime) -> None:
    """End the shadows that are over, and give their places to who waits.   conn  may write"""
    rows = conn.execute(select(order_shadows).where(_IS_OPEN).order_by(order_shadows.c.id)).all()
    going_on = [row for row in rows if _has(conn, row.order, (EntryStatus.SHADOW,))]
    for row in rows:
        if row not in going_on:
            _end(conn, row, at)
    free = _free(conn, {row.place for row in going_on})
    waiting = [row for row in going_on if row.place is None]
    for row, place in zip(waiting, free, strict=False):
        _place(conn, row, place, at)


def begin(conn: Connection, up_to_revision: int, now_s: int) -> None:
    """Every worker of a gateway serves a publication: from now on it counts for the orders that it holds."""
    is_new = (_IS_OPEN, order_shadows.c.since_s.is_(None), order_shadows.c.place.is_not(None))
    if conn.execute(select(order_shadows.c.id).where(*is_new).limit(1)).first() is not None:
        its = update(order_shadows).where(*is_new, order_shadows.c.revision <= up_to_revision)
        conn.execute(its.values(since_s=now_s))


def counted_lists(conn: Connection) -> dict[str, int]:
    """List id → the shadow whose entries it holds."""
    chosen = select(order_shadows.c.place, order_shadows.c.id).where(_IS_OPEN, order_shadows.c.place.is_not(None))
    return {list_of(place): shadow for place, shadow in conn.execute(chosen)}


def count(conn: Connection, shadow: int, channel: str, by: int) -> None:
    """Add what a gateway has counted.   conn  of the role of records"""
    row = upsert(conn, order_shadow_counts).values(shadow=shadow, channel=channel, count=by)
    added = {"count": order_shadow_counts.c.count + by}
    conn.execute(row.on_conflict_do_update(index_elements=["shadow", "channel"], set_=added))


def newest(conn: Connection, numbers: Sequence[int]) -> dict[int, Shadow]:
    """Order → its newest shadow.   numbers  at most a page of orders"""
    last = select(func.max(order_shadows.c.id)).where(order_shadows.c.order.in_(numbers))
    rows = conn.execute(select(order_shadows).where(order_shadows.c.id.in_(last.group_by(order_shadows.c.order)))).all()
    hits = _hits(conn, [row.id for row in rows])
    return {row.order: Shadow(row, hits.get(row.id, {})) for row in rows}


def state_of(row: Row[Any]) -> str:
    """A shadow in one word: WAITING, STARTING, COUNTING or its outcome."""
    if row.outcome is not None:
        return str(row.outcome)
    if row.place is None:
        return WAITING
    return STARTING if row.since_s is None else COUNTING


# ----------------------------------------------------------------------------------------------------------------------


def _has(conn: Connection, order: int, statuses: Sequence[str]) -> bool:
    of_order = exists().where(entries.c.order == order, entries.c.status.in_(statuses))
    return bool(conn.execute(select(of_order)).scalar_one())


def _end(conn: Connection, row: Row[Any], at: datetime) -> None:
    outcome = LET_IN if _has(conn, row.order, IN_FORCE) else OVER
    said = {"outcome": outcome, "ended_s": int(at.timestamp())}
    conn.execute(update(order_shadows).where(order_shadows.c.id == row.id).values(said))
    hits = sum(_hits(conn, [row.id]).get(row.id, {}).values())
    note_order(conn, row.order, "shadow ended", at, CONTROL, outcome=outcome, hits=hits)


def _free(conn: Connection, taken: set[int | None]) -> list[int]:
    """The free places, that which was left longest ago first."""
    chosen = select(order_shadows.c.place, func.max(order_shadows.c.ended_s)).group_by(order_shadows.c.place)
    left = {place: ended_s or 0 for place, ended_s in conn.execute(chosen)}
    free = [place for place in range(1, N_PLACES + 1) if place not in taken]
    return sorted(free, key=lambda place: (left.get(place, 0), place))


def _place(conn: Connection, row: Row[Any], place: int, at: datetime) -> None:
    revision = raise_revision(conn, ORDERS)
    conn.execute(update(order_shadows).where(order_shadows.c.id == row.id).values(place=place, revision=revision))
    its = update(entries).where(entries.c.order == row.order, entries.c.status == EntryStatus.SHADOW)
    n = conn.execute(its.values(revision=revision)).rowcount
    said: dict[str, Value] = {"entries": n, "list": list_of(place)}
    note_order(conn, row.order, "shadow begun", at, CONTROL, **said)


def _hits(conn: Connection, shadows: Sequence[int]) -> dict[int, dict[str, int]]:
    found: dict[int, dict[str, int]] = {}
    of = order_shadow_counts.c
    chosen = select(order_shadow_counts).where(of.shadow.in_(shadows)).order_by(of.shadow, of.channel)
    for shadow, channel, n in conn.execute(chosen):
        found.setdefault(shadow, {})[channel] = n
    return found
