"""What an order does, before it is taken in and afterwards: its entries by what becomes of them.

First what a person must look at: protected names, then what a rail holds, then what cannot be enforced; then what is
new, and what another order blocks already.  Before it is taken in, it is what the API's own rules say; control's rails
look at more (names that many people use, hosts of many), and what they hold is held afterwards.
Invariants: a sealed order is named next to no entry: anyone who types a name in would learn that it is of it.
Cost: some 2 µs an entry, one look-up of an index for each that is shown.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, and_, select

from mgmt.orders.base.model import IN_FORCE, Entry, EntryStatus
from mgmt.orders.base.sealed import is_sealed
from parental.store.schema.orders import entries, orders

LOOK_FIRST = (
    EntryStatus.REFUSED_PROTECTED,
    EntryStatus.PENDING_REVIEW,
    EntryStatus.INVALID,
    EntryStatus.NOT_ENFORCEABLE,
    EntryStatus.NOT_VISIBLE,
    EntryStatus.DUPLICATE,
    EntryStatus.SHADOW,
    EntryStatus.PENDING,
    EntryStatus.ENFORCED_BROADER,
    EntryStatus.ENFORCED_HTTP,
    EntryStatus.ENFORCED,
    EntryStatus.EXPIRED,
    EntryStatus.WITHDRAWN,
)
_BATCH = 500


class Line(NamedTuple):
    """An entry as a person reads it.   held_by  another order in force that blocks the same: 'PTA WA/1'; None: none"""

    number: int
    value: str
    reason: str | None
    place: str | None
    held_by: str | None


class Group(NamedTuple):
    """Entries of one status.   n  all of them;   lines  the first of them"""

    status: EntryStatus
    n: int
    lines: tuple[Line, ...]


def effect_of(conn: Connection, order: int, counts: Mapping[str, int], limit: int) -> list[Group]:
    """Of an order that is stored.   counts  of mgmt.orders.store;   limit  lines of each group"""
    return [
        Group(status, counts[status], lines_of(conn, order, status, 0, limit))
        for status in LOOK_FIRST
        if counts.get(status)
    ]


def lines_of(conn: Connection, order: int, status: EntryStatus, after: int, limit: int) -> tuple[Line, ...]:
    """Entries of a stored order that have a status, by rising number, above `after`."""
    chosen = select(entries).where(entries.c.order == order, entries.c.status == status, entries.c.number > after)
    rows = conn.execute(chosen.order_by(entries.c.number).limit(limit)).all()
    held = _held_by(conn, (row.wire for row in rows if row.wire is not None), order)
    return tuple(_line(row, held) for row in rows)


def preview(conn: Connection, judged: Sequence[Entry], limit: int) -> list[Group]:
    """Of an order that is not stored yet."""
    counts = Counter(entry.status for entry in judged)
    first = {status: [each for each in judged if each.status == status][:limit] for status in counts}
    shown = (entry.wire for each in first.values() for entry in each if entry.wire is not None)
    held = _held_by(conn, shown, None)
    return [
        Group(status, counts[status], tuple(_line(entry, held) for entry in first[status]))
        for status in LOOK_FIRST
        if counts[status]
    ]


def _line(entry: Entry | Row[Any], held: Mapping[bytes, str]) -> Line:
    return Line(entry.number, entry.value, entry.reason, entry.place, held.get(entry.wire or b""))


def _held_by(conn: Connection, wires: Iterable[bytes], order: int | None) -> dict[bytes, str]:
    """Names → an order in force that holds the same.   order  that is not meant"""
    asked = sorted(set(wires))
    found: dict[bytes, str] = {}
    for first in range(0, len(asked), _BATCH):
        is_meant = and_(entries.c.wire.in_(asked[first : first + _BATCH]), entries.c.status.in_(IN_FORCE))
        about = [entries.c.wire, orders.c.issuer, orders.c.ref, orders.c.ground]
        chosen = select(*about).join(orders, orders.c.id == entries.c.order)
        chosen = chosen.where(is_meant, *([] if order is None else [entries.c.order != order]))
        for row in conn.execute(chosen.order_by(entries.c.order)):
            if not is_sealed(row):
                found.setdefault(row.wire, f"{row.issuer} {row.ref}")
    return found
