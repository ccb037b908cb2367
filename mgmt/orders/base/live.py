"""Which rules orders make, as the compiler and the live delta read them.

    entries in force (a name, a URL) ─┬─ rules
    entry_parts of entries in force ──┘
    the same of orders in shadow ─────── rules of the list of their place, which blocks nothing

Invariants: what control has not let in makes no rule; what is tried on the canary gateway makes none elsewhere; of
equal rules the oldest order is the named cause; the host of a URL is a rule by an approval `broader` alone.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, exists, func, literal, or_, select, union, union_all

from mgmt.orders.base.model import BROADER, IN_FORCE, SCOPES, EntryMode, EntryStatus, mode_of
from parental.store.column_types import is_octets
from parental.store.revision import ORDERS, current_revision
from parental.store.schema.canaries import order_canaries, order_shadows
from parental.store.schema.orders import approvals, entries, entry_parts

BY_CONTROL = "control: "  # begins the reason of an entry that control's rails have refused, after it was pushed
# What may be in force, or come to be: held and refused entries would come back with a change of the rails.
IS_REFUSED_BY_CONTROL = and_(
    entries.c.status.in_((EntryStatus.REFUSED_PROTECTED, EntryStatus.PENDING_REVIEW)),
    entries.c.reason.startswith(BY_CONTROL),
)
MAY_COME = or_(
    entries.c.status.in_((*IN_FORCE, EntryStatus.PENDING_REVIEW, EntryStatus.NOT_ENFORCEABLE, EntryStatus.SHADOW)),
    IS_REFUSED_BY_CONTROL,
)
OPEN_CANARIES = select(order_canaries.c.id).where(order_canaries.c.outcome.is_(None))
# Not on trial on one gateway: in force on all of them, once it is in force at all.
NOT_TRIED = or_(entries.c.canary.is_(None), entries.c.canary.not_in(OPEN_CANARIES))
# Blocked by the whole host of its URL, as two persons have agreed; `held` lets in what the entry says, and no more.
BY_ITS_HOST = exists().where(approvals.c.id == entries.c.approval, approvals.c.kind == BROADER)
_BATCH = 500


class Live(NamedTuple):
    """A rule that is, or is about to be, in force: what the compiler needs of it."""

    wire: bytes  # or a URL, see mgmt.orders.base.model.Entry
    mode: EntryMode | None  # None: its row has none that there is
    order: int
    is_approved: bool = False  # by two persons: what would be held for review is not
    place: int = 0  # of an order in shadow, see mgmt.orders.phases.shadow_places; 0: in force


def live_entries(conn: Connection, canary: str | None = None) -> Iterator[Live]:
    """Everything that is to be in force; of equal rules the one of the oldest order.

    canary  the name of this gateway, where it is the canary: what is tried on it, too"""
    return _read(conn, is_octets(entries.c.wire), is_octets(entry_parts.c.wire), canary)


def live_entries_of(conn: Connection, wires: Sequence[bytes], canary: str | None = None) -> Iterator[Live]:
    """What is to be in force for just these names.   canary  as live_entries()"""
    for at in range(0, len(wires), _BATCH):
        some = wires[at : at + _BATCH]
        yield from _read(conn, entries.c.wire.in_(some), entry_parts.c.wire.in_(some), canary)


def shadow_entries(conn: Connection) -> Iterator[Live]:
    """Everything that is to be counted and not blocked."""
    return _read_shadows(conn, is_octets(entries.c.wire), is_octets(entry_parts.c.wire))


def shadow_entries_of(conn: Connection, wires: Sequence[bytes]) -> Iterator[Live]:
    """What is to be counted of just these names."""
    for at in range(0, len(wires), _BATCH):
        some = wires[at : at + _BATCH]
        yield from _read_shadows(conn, entries.c.wire.in_(some), entry_parts.c.wire.in_(some))


def kept_out(*, has_gate: bool, stops_names: bool) -> ColumnElement[bool]:
    """What may come in force with a change of the rails, or by what this box has now and had not when it was judged.

    has_gate, stops_names  see mgmt.registers.settings.page_settings.Settings"""
    modes = [
        *((EntryMode.URL, EntryMode.URL_PREFIX, EntryMode.ADDRESS) if has_gate else ()),
        *(SCOPES if stops_names else ()),
    ]
    is_enforceable = and_(entries.c.wire.is_not(None), entries.c.mode.in_(modes))
    return or_(IS_REFUSED_BY_CONTROL, and_(entries.c.status == EntryStatus.NOT_ENFORCEABLE, is_enforceable))


def names_changed_since(conn: Connection, revision: int) -> list[bytes]:
    """Wire names and URLs that an order has touched, by push or withdrawal, after `revision`."""
    of_entries = select(entries.c.wire).where(entries.c.revision > revision, is_octets(entries.c.wire), _IS_RULE)
    of_parts = select(entry_parts.c.wire).join(entries, _IS_PART).where(entries.c.revision > revision)
    return sorted(conn.execute(union(of_entries, of_parts.where(is_octets(entry_parts.c.wire)))).scalars())


def orders_revision(conn: Connection) -> int:
    """The number of the last change of any order."""
    return current_revision(conn, ORDERS)


_IS_RULE = or_(entries.c.mode.is_(None), entries.c.mode != EntryMode.ADDRESS)
_IS_PART = and_(entries.c.order == entry_parts.c.order, entries.c.number == entry_parts.c.number)


def _read(conn: Connection, of_entries: Any, of_parts: Any, canary: str | None) -> Iterator[Live]:
    elsewhere = OPEN_CANARIES.where(order_canaries.c.gateway != (canary or ""))
    is_here = and_(entries.c.status.in_(IN_FORCE), or_(entries.c.canary.is_(None), entries.c.canary.not_in(elsewhere)))
    return _rules(conn, entries, literal(0), (is_here, of_entries), (is_here, of_parts))


def _read_shadows(conn: Connection, of_entries: Any, of_parts: Any) -> Iterator[Live]:
    is_its = and_(order_shadows.c.order == entries.c.order, order_shadows.c.ended_s.is_(None))
    joined, is_here = entries.join(order_shadows, is_its), entries.c.status == EntryStatus.SHADOW
    is_placed = order_shadows.c.place.is_not(None)
    return _rules(conn, joined, order_shadows.c.place, (is_here, is_placed, of_entries), (is_here, is_placed, of_parts))


def _rules(conn: Connection, source: Any, place: Any, of_entries: Any, of_parts: Any) -> Iterator[Live]:
    about = (entries.c.order, entries.c.approval, place.label("place"))
    own = select(entries.c.wire, entries.c.mode, *about).select_from(source)
    parts = select(entry_parts.c.wire, entry_parts.c.mode, *about).select_from(source.join(entry_parts, _IS_PART))
    both = union_all(
        own.where(_IS_RULE, *of_entries),
        parts.where(or_(entry_parts.c.is_host == literal(False), BY_ITS_HOST), *of_parts),
    ).subquery()
    chosen = select(both.c.wire, both.c.mode, func.min(both.c.order), func.max(both.c.approval), both.c.place)
    for wire, mode, order, approval, at in conn.execute(chosen.group_by(both.c.wire, both.c.mode, both.c.place)):
        yield Live(wire, mode_of(mode), order, approval is not None, at)
