"""Store of orders: what was directed, when, and what became of each entry.

Invariants: nothing is ever deleted, an order ends by withdrawal; one reference of an issuer is one order; an entry is
`enforced` only after the workers have said so; a name stays blocked as long as any order in force holds it; each change
of an order is an event of the ledger, in the same transaction, with counts and digests and no entry.
"""

import contextlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, and_, case, func, insert, or_, select, type_coerce, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.types import NullType

from mgmt.fields import MAX_TEXT_CHARACTERS
from mgmt.ledger.event import CONTROL, MAX_WHOLE, ORDERS, Actor, Event, Value
from mgmt.ledger.store import append
from mgmt.orders.letters import letter_counts, letters_of
from mgmt.orders.model import (
    DUPLICATE,
    ENFORCED,
    ENFORCED_HTTP,
    EXPIRED,
    PENDING,
    REFUSED_PROTECTED,
    STATUSES,
    URL,
    URL_PREFIX,
    WITHDRAWN,
    Entry,
    Order,
    name_text,
)
from parental.column_types import is_octets
from parental.revision import current_revision, raise_revision
from parental.schema.orders import entries, orders

REVISION = "orders"
PARTLY_ENFORCED, NOTHING_ENFORCED = "partly_enforced", "nothing_enforced"  # states of orders, beside statuses
_AS_DIRECTED = frozenset({ENFORCED, ENFORCED_HTTP, DUPLICATE, WITHDRAWN, EXPIRED})
IN_FORCE = (PENDING, ENFORCED, ENFORCED_HTTP)  # pending ones are compiled, too: that is how they come into force
BY_CONTROL = "control: "  # begins the reason of an entry that control's rails have refused, after it was pushed
_MAX_HELD_SHOWN = 100
_SCOPES = {URL: "exact", URL_PREFIX: "prefix"}  # of a URL, as the API says it
_MAX_NUMBERS_NOTED = 1000  # of entries, in one event
_BATCH = 500
_IS_OCTETS = is_octets(entries.c.wire)
_IS_REFUSED_BY_CONTROL = and_(entries.c.status == REFUSED_PROTECTED, entries.c.reason.startswith(BY_CONTROL))


class Waiting(NamedTuple):
    """Orders that are stored and have no receipt: of their push, of their withdrawal."""

    pushed: tuple[int, ...]
    withdrawn: tuple[int, ...]

    def __bool__(self) -> bool:
        return bool(self.pushed or self.withdrawn)


class Live(NamedTuple):
    """An entry that is, or is about to be, in force: what the compiler needs of it."""

    wire: bytes  # or a URL, see mgmt.orders.model.Entry
    mode: str
    order: int


def put_order(conn: Connection, order: Order, judged: Iterable[Entry], original: bytes, at: datetime, by: Actor) -> int:
    """Store a new order; returns its number.   Raises sqlalchemy's IntegrityError where issuer and ref are taken."""
    revision = raise_revision(conn, REVISION)
    stored = conn.execute(
        insert(orders).values(
            issuer=order.issuer,
            ref=order.ref,
            ground=order.ground,
            scope=order.scope,
            deadline_s=None if order.deadline is None else int(order.deadline.timestamp()),
            is_emergency=order.is_emergency,
            received_ms=_ms(at),
            sha256=order.sha256,
            original=original,
        )
    )
    assert stored.inserted_primary_key is not None
    number = int(stored.inserted_primary_key[0])
    rows = [
        {
            "order": number,
            "number": entry.number,
            "value": entry.value.replace("\0", "\ufffd"),  # PostgreSQL has no such text; `original` keeps it
            "wire": entry.wire,
            "mode": entry.mode,
            "status": entry.status,
            "reason": entry.reason,
            "revision": revision,
        }
        for entry in judged
    ]
    if rows:
        conn.execute(insert(entries), rows)
    _note(conn, number, "pushed", at, by, **_pushed(order, rows))
    return number


def find_order_by_id(conn: Connection, order: int) -> Row[Any] | None:
    """The order with this number, which is no reference, whatever the references look like."""
    return conn.execute(select(orders).where(orders.c.id == order)).one_or_none()


def get_order(conn: Connection, order: int) -> Row[Any]:
    """The order with this number, which must be there."""
    return conn.execute(select(orders).where(orders.c.id == order)).one()


def find_order(conn: Connection, issuer: str, ref: str) -> Row[Any] | None:
    """The order that an issuer has given under a reference."""
    if "\0" in issuer + ref:  # PostgreSQL has no such text, not even to look for
        return None
    return conn.execute(select(orders).where(orders.c.issuer == issuer, orders.c.ref == ref)).one_or_none()


def page_of_orders(conn: Connection, after: int, limit: int, issuer: str | None = None) -> Sequence[Row[Any]]:
    """Orders by rising number, above `after`.   issuer  whose; None: of all"""
    chosen = select(orders).where(orders.c.id > after)
    if issuer is not None:
        chosen = chosen.where(orders.c.issuer == issuer)
    return conn.execute(chosen.order_by(orders.c.id).limit(limit)).all()


def page_of_entries(conn: Connection, order: int, after: int, limit: int) -> Sequence[Row[Any]]:
    """Entries of an order by rising number, above `after`."""
    chosen = select(entries).where(entries.c.order == order, entries.c.number > after)
    return conn.execute(chosen.order_by(entries.c.number).limit(limit)).all()


def counts_of(conn: Connection, order: int) -> dict[str, int]:
    """How many entries, pushed or held by a list, have which status; statuses that none has are left out."""
    found = conn.execute(
        select(entries.c.status, func.count()).where(entries.c.order == order).group_by(entries.c.status)
    ).all()
    counted = Counter({status: n for status, n in found})
    counted.update(letter_counts(conn, order))
    return {status: counted[status] for status in STATUSES if counted[status]}


def state_of(order: Row[Any], counts: dict[str, int]) -> str:
    """The order in one word, by its entries: what a list still enforces is not called withdrawn."""
    if PENDING in counts:
        return PENDING
    if ENFORCED in counts or ENFORCED_HTTP in counts:
        return ENFORCED if counts.keys() <= _AS_DIRECTED else PARTLY_ENFORCED
    if order.withdrawn_ms is not None:
        return WITHDRAWN if order.withdrawal_receipt is not None else "withdrawal_pending"
    return NOTHING_ENFORCED


def mark_enforced(conn: Connection, up_to_revision: int, generation: int, at: datetime) -> int:
    """Say that every pending entry stored up to a revision is in force; returns how many became so."""
    status = case((entries.c.mode.in_((URL, URL_PREFIX)), ENFORCED_HTTP), else_=ENFORCED)
    is_due = and_(entries.c.status == PENDING, entries.c.revision <= up_to_revision)
    due = conn.execute(select(entries.c.order, func.count()).where(is_due).group_by(entries.c.order)).all()
    changed = update(entries).where(is_due).values(status=status, generation=generation, enforced_ms=_ms(at))
    n_enforced = conn.execute(changed).rowcount
    for order, count in due:
        _note(conn, order, "enforced", at, CONTROL, entries=count, generation=generation)
    return n_enforced


def keep_receipt(conn: Connection, order: int, receipt: dict[str, Any], at: datetime) -> None:
    conn.execute(update(orders).where(orders.c.id == order).values(receipt=json.dumps(receipt)))
    _note(conn, order, "confirmed", at, CONTROL, **_confirmed(receipt))


def keep_withdrawal_receipt(conn: Connection, order: int, receipt: dict[str, Any], at: datetime) -> None:
    conn.execute(update(orders).where(orders.c.id == order).values(withdrawal_receipt=json.dumps(receipt)))
    _note(conn, order, "withdrawal confirmed", at, CONTROL, **_confirmed(receipt))


def waiting_orders(conn: Connection, before: datetime) -> Waiting:
    """Orders without the receipt of what was asked before an instant (aware)."""
    has_entries = select(entries.c.order).where(entries.c.order == orders.c.id).exists()  # a list's letter has none
    pushed = select(orders.c.id).where(
        orders.c.withdrawn_ms.is_(None), orders.c.receipt.is_(None), orders.c.received_ms < _ms(before), has_entries
    )
    withdrawn = select(orders.c.id).where(
        orders.c.withdrawn_ms < _ms(before), orders.c.withdrawal_receipt.is_(None), has_entries
    )
    return Waiting(tuple(conn.execute(pushed).scalars()), tuple(conn.execute(withdrawn).scalars()))


def keep_receipts(conn: Connection, waiting: Waiting, receipt: dict[str, Any], at: datetime) -> None:
    """Give orders the receipt that they wait for."""
    for order in waiting.pushed:
        keep_receipt(conn, order, receipt, at)
    for order in waiting.withdrawn:
        keep_withdrawal_receipt(conn, order, receipt, at)


def withdraw_order(conn: Connection, order: int, reason: str, at: datetime, by: Actor) -> int:
    """Withdraw what is left of an order; returns how many entries that were."""
    conn.execute(
        update(orders)
        .where(orders.c.id == order)
        .values(withdrawn_ms=_ms(at), withdrawal_reason=reason, withdrawal_receipt=None)
    )
    # What control has refused would come back with the next change of the rails.
    may_come = or_(entries.c.status.in_(IN_FORCE), _IS_REFUSED_BY_CONTROL)
    count = _withdraw(conn, and_(entries.c.order == order, may_come), reason)
    _note(conn, order, "withdrawn", at, by, entries=count, reason=reason)
    return count


def withdraw_entries(conn: Connection, order: int, numbers: Sequence[int], reason: str, at: datetime, by: Actor) -> int:
    """Withdraw some entries of an order; returns how many of them were in force."""
    in_force = and_(entries.c.order == order, entries.c.status.in_(IN_FORCE))
    count = sum(
        _withdraw(conn, and_(in_force, entries.c.number.in_(numbers[first : first + _BATCH])), reason)
        for first in range(0, len(numbers), _BATCH)
    )
    shown = list(numbers[:_MAX_NUMBERS_NOTED])
    _note(conn, order, "entries withdrawn", at, by, entries=count, numbers=shown, of=len(numbers), reason=reason)
    return count


def held_elsewhere(conn: Connection, order: int) -> list[dict[str, Any]]:
    """Names that this order has withdrawn and another order in force still blocks; at most 100."""
    other = entries.alias("other")
    found = conn.execute(
        select(entries.c.wire, other.c.order, orders.c.issuer, orders.c.ref)
        .distinct()
        .join(other, and_(other.c.wire == entries.c.wire, other.c.order != order, other.c.status.in_(IN_FORCE)))
        .join(orders, orders.c.id == other.c.order)
        .where(entries.c.order == order, entries.c.status == WITHDRAWN)
        .limit(_MAX_HELD_SHOWN)
    )
    return [{"name": name_text(row.wire), "order": row.order, "issuer": row.issuer, "ref": row.ref} for row in found]


def withdrawn_names(conn: Connection, order: int) -> list[str]:
    """Names and URLs that an order has withdrawn; at most 100."""
    chosen = select(entries.c.wire).where(entries.c.order == order, entries.c.status == WITHDRAWN, _IS_OCTETS)
    return [
        name_text(wire) for wire in conn.execute(chosen.order_by(entries.c.number).limit(_MAX_HELD_SHOWN)).scalars()
    ]


def is_of_lists(conn: Connection, order: int) -> bool:
    """Whether entries of an order come from list files: now, or ever, since nothing was pushed."""
    pushed = conn.execute(select(entries.c.number).where(entries.c.order == order).limit(1)).first()
    return pushed is None or bool(letters_of(conn, order))


def number_letter(conn: Connection, issuer: str, ref: str, at: datetime) -> int:
    """The number of the order behind a letter that a list file names, giving it one where it has none."""
    found = find_order(conn, issuer, ref)
    if found is not None:
        return int(found.id)
    return put_order(conn, Order(issuer, ref, "", "subtree", None, False, ()), (), b"", at, CONTROL)


def live_entries(conn: Connection) -> Iterator[Live]:
    """Everything that is to be in force; of equal entries the one of the oldest order."""
    chosen = (
        select(entries.c.wire, entries.c.mode, func.min(entries.c.order))
        .where(entries.c.status.in_(IN_FORCE), _IS_OCTETS)
        .group_by(entries.c.wire, entries.c.mode)
    )
    for row in conn.execute(chosen):
        yield Live(*row)


def live_entries_of(conn: Connection, wires: Sequence[bytes]) -> Iterator[Live]:
    """What is to be in force for just these names."""
    for at in range(0, len(wires), _BATCH):
        chosen = (
            select(entries.c.wire, entries.c.mode, func.min(entries.c.order))
            .where(entries.c.wire.in_(wires[at : at + _BATCH]), entries.c.status.in_(IN_FORCE))
            .group_by(entries.c.wire, entries.c.mode)
        )
        for row in conn.execute(chosen):
            yield Live(*row)


def refusals_since(
    conn: Connection, revision: int, refusal: Callable[[Live], str | None]
) -> list[tuple[int, int, str | None]]:
    """What has to be written of the entries changed after `revision`: (order, entry, why control refuses it; None: no
    more), in any state of their rows.   refusal  of control's rails"""
    is_refused = _IS_REFUSED_BY_CONTROL
    chosen = select(
        entries.c.order, entries.c.number, _IS_OCTETS, type_coerce(entries.c.wire, NullType), entries.c.mode, is_refused
    ).where(entries.c.revision > revision, or_(entries.c.status.in_(IN_FORCE), is_refused))
    found = []
    for order, number, is_wire, wire, mode, was_refused in conn.execute(chosen):
        reason = refusal(Live(wire if is_wire else b"", mode, order))
        if (reason is None) == bool(was_refused):
            found.append((order, number, reason))
    return found


def keep_refusals(conn: Connection, changes: Sequence[tuple[int, int, str | None]], at: datetime) -> None:
    """Write down what refusals_since() has found."""
    revision = raise_revision(conn, REVISION)
    for order, number, reason in changes:
        said = {"status": PENDING, "reason": None} if reason is None else _refused(reason)
        which = and_(entries.c.order == order, entries.c.number == number)
        conn.execute(update(entries).where(which).values(revision=revision, **said))
    counted = Counter((order, "entries refused" if reason else "entries let in") for order, _, reason in changes)
    for (order, action), count in counted.items():
        _note(conn, order, action, at, CONTROL, entries=count)


def _refused(reason: str) -> dict[str, str]:
    return {"status": REFUSED_PROTECTED, "reason": BY_CONTROL + reason}


def names_changed_since(conn: Connection, revision: int) -> list[bytes]:
    """Wire names and URLs that an order has touched, by push or withdrawal, after `revision`."""
    chosen = select(entries.c.wire).distinct().where(entries.c.revision > revision, _IS_OCTETS)
    return list(conn.execute(chosen.order_by(entries.c.wire)).scalars())


def orders_revision(conn: Connection) -> int:
    """The number of the last change of any order."""
    return current_revision(conn, REVISION)


def order_json(conn: Connection, order: Row[Any]) -> dict[str, Any]:
    """An order without its entries, as the API gives it."""
    counts = counts_of(conn, order.id)
    return {
        "id": order.id,
        "issuer": order.issuer,
        "ref": order.ref,
        "ground": order.ground or None,  # a list's letter has none
        "scope": order.scope,
        "deadline": None if order.deadline_s is None else _iso(order.deadline_s * 1000),
        "emergency": order.is_emergency,
        "received": _iso(order.received_ms),
        "sha256": order.sha256.hex(),
        "state": state_of(order, counts),
        "counts": counts,
        "lists": [
            {"list": each.list, "generation": each.generation, "since": _iso(each.served_ms)}
            for each in letters_of(conn, order.id)
        ],
        "receipt": None if order.receipt is None else json.loads(order.receipt),
        "withdrawn": None if order.withdrawn_ms is None else _iso(order.withdrawn_ms),
        "withdrawal_reason": order.withdrawal_reason,
        "withdrawal_receipt": None if order.withdrawal_receipt is None else json.loads(order.withdrawal_receipt),
    }


def entry_json(entry: Row[Any]) -> dict[str, Any]:
    """An entry as the API gives it."""
    return {
        "number": entry.number,
        "value": entry.value,
        "name": None if entry.wire is None else name_text(entry.wire),
        "scope": _SCOPES.get(entry.mode, entry.mode),
        "status": entry.status,
        "reason": entry.reason,
        "generation": entry.generation,
        "enforced": None if entry.enforced_ms is None else _iso(entry.enforced_ms),
    }


def _note(conn: Connection, order: int, action: str, at: datetime, by: Actor, **said: Value) -> None:
    """Write an event of an order.   Control notes what it finds in rows that a stranger wrote: nothing is raised."""
    about: dict[str, Value] = {"order": _told(order)}
    with contextlib.suppress(OperationalError):  # SQLite: a text that is no UTF-8
        found = find_order_by_id(conn, order)
        if found is not None:
            about |= {"issuer": _told(found.issuer), "ref": _told(found.ref)}
    append(conn, Event(ORDERS, action, by, about, said), at)


def _told(value: object) -> Value:
    """What an event says of a value in a row, of whatever type SQLite has kept there."""
    if isinstance(value, int) and abs(value) <= MAX_WHOLE:
        return value
    return (value if isinstance(value, str) else repr(value))[:MAX_TEXT_CHARACTERS]


def _pushed(order: Order, rows: Sequence[dict[str, Any]]) -> dict[str, Value]:
    counts = Counter(str(row["status"]) for row in rows)
    return {
        "ground": order.ground,
        "scope": order.scope,
        "emergency": order.is_emergency,
        "deadline": None if order.deadline is None else _iso(_ms(order.deadline)),
        "sha256": order.sha256.hex(),
        **{f"entries {status}": n for status, n in counts.items()},
    }


def _confirmed(receipt: dict[str, Any]) -> dict[str, Value]:
    return {"generation": receipt["generation"], "workers": len(receipt["workers"])}


def _withdraw(conn: Connection, which: Any, reason: str) -> int:
    revision = raise_revision(conn, REVISION)
    changed = update(entries).where(which).values(status=WITHDRAWN, reason=reason, revision=revision)
    return conn.execute(changed).rowcount


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")
