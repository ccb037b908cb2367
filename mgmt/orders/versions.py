"""Versions of an order: a correction is an order of its own, which takes the place of the one before.

    PTA-17 (version 1) ← PTA-17/C1 (version 2, corrects PTA-17) ← PTA-17/C2 (version 3, corrects PTA-17/C1)

A correction has its own reference, entries, digest, clock, approvals and confirmation, and passes the same rails.  What
is in force stays until control lets the correction in: then, in one image, its entries come and the others go.
Invariants: the versions of an order are a line, which a unique index holds; nothing is replaced by a correction of
which nothing is in force; what a correction holds and a rail keeps waiting, or one gateway tries, stays in force by the
version before, until the correction's own last day; a correction that was in shadow and is taken back before it has
replaced anything leaves the version before as it is, which speaks for the order again.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, and_, exists, func, or_, select, update

from mgmt.contract.fields import unfit
from mgmt.orders.approvals import confirmed_of
from mgmt.orders.base.live import MAY_COME, NOT_TRIED, OPEN_CANARIES
from mgmt.orders.base.model import IN_FORCE, Entry, EntryStatus
from mgmt.orders.sealed_messages import is_message
from parental.store.schema.orders import entries, orders

_ABOUT = tuple(
    orders.c[name]
    for name in (
        "id",
        "first",
        "version",
        "issuer",
        "ref",
        "ground",
        "sha256",
        "received_ms",
        "pushed_by",
        "expired_ms",
        "withdrawn_ms",
        "replaced_by",
        "is_shadow",
    )
)
_BLOCKS_NOTHING = (EntryStatus.INVALID, EntryStatus.DUPLICATE, EntryStatus.REFUSED_PROTECTED, EntryStatus.EXPIRED)


class VersionConflict(ValueError):
    """An order is neither corrected nor withdrawn: it stands otherwise than its sender thinks; the message says how."""


class Changes(NamedTuple):
    """What a version changes.

    added    entries that the version before did not have
    opened   entries of that one which go, by number;   n_kept  that both have"""

    added: list[Entry | Row[Any]]
    opened: list[Row[Any]]
    n_kept: int


class ReplacedEntry(NamedTuple):
    """An entry whose place a later version has taken."""

    order: int
    number: int
    by: int


def versions_of(conn: Connection, order: Row[Any]) -> Sequence[Row[Any]]:
    """All versions of an order, the first one first, without entries and originals."""
    first = order.first or order.id
    chosen = select(*_ABOUT).where(or_(orders.c.id == first, orders.c.first == first), orders.c.issuer == order.issuer)
    return conn.execute(chosen.order_by(orders.c.version, orders.c.id)).all()


def correctable(conn: Connection, issuer: str, ref: str, *, is_emergency: bool = False) -> Row[Any]:
    """The order that a correction may replace.   is_emergency  the correction;   Raises BadRequest, VersionConflict

    One that lapses by itself takes no lasting order's place: with it, all of that would open.  An emergency order
    lasts, too, once two persons have confirmed it."""
    found = conn.execute(select(orders).where(orders.c.issuer == issuer, orders.c.ref == ref)).one_or_none()
    if found is None:
        raise unfit("/corrects", f"{issuer[:80]} has given no order {ref[:80]!r}", "write its reference, or none")
    if found.withdrawn_ms is not None:
        raise _refused(issuer, ref, "it was withdrawn", "push what is to be blocked as a new order, without corrects")
    if found.expired_ms is not None:
        raise _refused(issuer, ref, "its last day is over", "push a new order, without corrects")
    if _has_lapsed(conn, found):
        raise _refused(issuer, ref, "it has lapsed", "push a new order, without corrects")
    newest = _speaking(versions_of(conn, found))
    if newest.id != found.id:
        raise _refused(issuer, ref, f"{newest.ref} has corrected it", f"write corrects: {newest.ref}")
    if is_message(conn, found.id):
        raise _refused(
            issuer, ref, "it came encrypted", "push what holds now encrypted, as a new order, and withdraw it"
        )
    if is_emergency and _lasts(conn, found):
        do = "push what is to be blocked at once as an emergency order of its own, without corrects"
        raise _refused(issuer, ref, "it lasts, and an emergency order lapses", do)
    if not found.original:
        raise _refused(issuer, ref, "a list file brings its entries", "who keeps the list corrects its file")
    return found


def refuse_replaced(conn: Connection, order: Row[Any]) -> None:
    """Raises VersionConflict where a later version speaks for an order."""
    newest = _speaking(versions_of(conn, order))
    if newest.version > order.version:
        detail = (
            f"{newest.ref} (order {newest.id}) has corrected it; nothing withdrawn; withdraw that one, or a part of it"
        )
        raise VersionConflict(f"{order.issuer} {order.ref}: {detail}")


def speaks(conn: Connection, order: Row[Any]) -> bool:
    """Whether an order is the version that is corrected and withdrawn."""
    return bool(_speaking(versions_of(conn, order)).id == order.id)


def next_version(conn: Connection, corrected: Row[Any]) -> int:
    """The number of the version that corrects an order, behind the trials that were taken back: where another one
    corrects it already, that one has this number, and the database refuses it."""
    versions = versions_of(conn, corrected)
    newer = (each for each in versions if each.version > corrected.version)
    return int(corrected.version) + 1 + sum(_is_taken_back(each, versions) for each in newer)


def before(conn: Connection, order: Row[Any]) -> Row[Any] | None:
    """The version that an order corrects; None: it is the first."""
    versions = versions_of(conn, order)
    older = [each for each in versions if each.version < order.version and not _is_taken_back(each, versions)]
    return older[-1] if older else None


def earlier(conn: Connection, order: int) -> list[int]:
    """The numbers of the versions before an order that go with it: none while it has replaced none, in shadow."""
    row = conn.execute(select(*_ABOUT).where(orders.c.id == order)).one()
    if not row.first:
        return []
    versions = versions_of(conn, row)
    if row.is_shadow and not _has_replaced(row, versions):
        return []
    return [each.id for each in versions if each.version < row.version and not _is_taken_back(each, versions)]


def replaced_entries(conn: Connection, touched: Iterable[object]) -> list[ReplacedEntry]:
    """Entries that go, since a later version is in force; and write by which the orders are replaced.

    touched  orders of which something has changed.   Cost: nothing where none of them has versions"""
    numbers = sorted(each for each in set(touched) if isinstance(each, int))
    found: list[ReplacedEntry] = []
    for order in _corrections(conn, numbers):
        if not _is_in_force(conn, order.id) and not _has_expired(conn, order):
            continue
        for number in (each.id for each in versions_of(conn, order) if each.version < order.version):
            is_older = or_(orders.c.replaced_by.is_(None), orders.c.replaced_by < order.id)
            conn.execute(update(orders).where(orders.c.id == number, is_older).values(replaced_by=order.id))
            found += _going(conn, number, order.id)
    return found


def changes_of(conn: Connection, order: Row[Any]) -> Changes | None:
    """What a stored version has changed; None: it is the first.   Cost: every entry of both is read"""
    older = before(conn, order)
    return None if older is None else changes_between(conn, older.id, _rows(conn, order.id))


def changes_between(conn: Connection, before: int, after: Sequence[Entry | Row[Any]]) -> Changes:
    """What entries would change of an order that is stored."""
    there = [row for row in _rows(conn, before) if row.withdrawn_ms is None]
    old, new = {_key(row) for row in there}, {_key(each) for each in after}
    opened = [row for row in there if row.status not in _BLOCKS_NOTHING and _key(row) not in new]
    added = [each for each in after if each.status != EntryStatus.DUPLICATE and _key(each) not in old]
    return Changes(added, opened, len(old & new))


# ----------------------------------------------------------------------------------------------------------------------


def _has_lapsed(conn: Connection, order: Row[Any]) -> bool:
    """Whether control has ended what was in force of an emergency order: all of it, as two persons did not agree."""
    is_ended = and_(entries.c.order == order.id, entries.c.status == EntryStatus.EXPIRED)
    return bool(order.is_emergency and conn.execute(select(exists().where(is_ended))).scalar_one())


def _lasts(conn: Connection, order: Row[Any]) -> bool:
    """Whether an order does not lapse by itself within hours."""
    return not order.is_emergency or order.id in confirmed_of(conn, [order.id])


def _speaking(versions: Sequence[Row[Any]]) -> Row[Any]:
    """The newest version that is not a trial that was taken back; of one version, that one."""
    return next((each for each in reversed(versions) if not _is_taken_back(each, versions)), versions[-1])


def _is_taken_back(version: Row[Any], versions: Sequence[Row[Any]]) -> bool:
    return version.is_shadow and version.withdrawn_ms is not None and not _has_replaced(version, versions)


def _has_replaced(version: Row[Any], versions: Sequence[Row[Any]]) -> bool:
    return any(each.replaced_by == version.id for each in versions)


def _key(entry: Entry | Row[Any]) -> tuple[object, ...]:
    return (entry.value,) if entry.wire is None else (entry.wire, entry.mode)


def _rows(conn: Connection, order: int) -> Sequence[Row[Any]]:
    return conn.execute(select(entries).where(entries.c.order == order).order_by(entries.c.number)).all()


def _corrections(conn: Connection, numbers: Sequence[int]) -> list[Row[Any]]:
    """Those of some orders that correct another, by version."""
    found: list[Row[Any]] = []
    for first in range(0, len(numbers), 500):
        chosen = select(*_ABOUT).where(orders.c.id.in_(numbers[first : first + 500]), orders.c.first.is_not(None))
        found += conn.execute(chosen).all()
    return sorted(found, key=lambda row: (row.version, row.id))


def _is_in_force(conn: Connection, order: int) -> bool:
    """Whether control has let anything of an order in, everywhere."""
    is_let_in = and_(entries.c.order == order, entries.c.status.in_(IN_FORCE), entries.c.generation.is_not(None))
    return bool(conn.execute(select(exists().where(is_let_in, NOT_TRIED))).scalar_one())


def _has_expired(conn: Connection, order: Row[Any]) -> bool:
    """Whether an order was in force, and has come to its last day: what it kept waiting is over with it."""
    has_replaced = select(exists().where(orders.c.replaced_by == order.id))
    return order.expired_ms is not None and bool(conn.execute(has_replaced).scalar_one())


def _going(conn: Connection, order: int, by: int) -> list[ReplacedEntry]:
    """Entries of an order that go; what the version `by` holds, and a rail keeps waiting or one gateway still tries,
    stays if it is in force."""
    other = entries.alias("other")
    is_tried = and_(other.c.status == EntryStatus.PENDING, other.c.canary.in_(OPEN_CANARIES))
    waits = exists().where(
        other.c.order == by,
        or_(other.c.status == EntryStatus.PENDING_REVIEW, is_tried),
        other.c.withdrawn_ms.is_(None),
        func.coalesce(other.c.wire == entries.c.wire, other.c.value == entries.c.value),
    )
    goes = or_(entries.c.status.not_in(IN_FORCE), ~waits)
    chosen = select(entries.c.number).where(entries.c.order == order, MAY_COME, entries.c.withdrawn_ms.is_(None), goes)
    return [ReplacedEntry(order, number, by) for number in conn.execute(chosen.order_by(entries.c.number)).scalars()]


def _refused(issuer: str, ref: str, why: str, do: str) -> VersionConflict:
    return VersionConflict(f"{issuer} {ref}: {why}; not corrected, nothing stored; {do}")
