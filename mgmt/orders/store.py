"""Store of orders: what was directed, when, and what became of each entry.

Invariants: nothing is ever deleted, an order ends by withdrawal; one reference of an issuer is one order; an entry is
`enforced` only after the workers have said so; a name stays blocked as long as any order in force holds it; each change
of an order is an event of the ledger, in the same transaction, with counts and digests and no entry.
"""

import enum
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, and_, func, insert, or_, select, update

from mgmt.ledger.event import CONTROL, Actor, Value
from mgmt.orders.approvals import confirmed_of
from mgmt.orders.base.dates import day_of, is_for_review, moments_of
from mgmt.orders.base.deadline_rules import NO_REVIEW, Rules
from mgmt.orders.base.events import note_order
from mgmt.orders.base.letter_file import files_of
from mgmt.orders.base.letters import Letter, letter_counts, letters_of
from mgmt.orders.base.live import MAY_COME
from mgmt.orders.base.model import (
    AS_DIRECTED,
    IN_FORCE,
    SERVED,
    Entry,
    EntryMode,
    EntryStatus,
    IssuerSignature,
    Order,
    name_text,
)
from mgmt.orders.deadlines.clock import Clock, clock_of
from mgmt.orders.phases import canary_store as canaries
from mgmt.orders.phases import shadow_store as shadows
from mgmt.orders.phases.shadow_places import list_of
from mgmt.orders.phases.shadow_store import Shadow
from mgmt.orders.phases.states import Step, steps_of
from mgmt.orders.sealed_messages import is_message
from mgmt.orders.versions import earlier, next_version
from parental.store.column_types import is_octets
from parental.store.revision import ORDERS, raise_revision
from parental.store.schema.orders import approvals, entries, orders

EMERGENCY_LAPSE = timedelta(hours=4)  # PTA's clock for emergencies is twelve hours: two persons meet well before
_MAX_HELD_SHOWN = 100
_SCOPES = {EntryMode.URL: "exact", EntryMode.URL_PREFIX: "prefix"}  # of a URL, as the API says it
_MAX_NUMBERS_NOTED = 1000  # of entries, in one event
_BATCH = 500
_LAST_MS = int(datetime(9999, 1, 1, tzinfo=UTC).timestamp()) * 1000
_IS_OCTETS = is_octets(entries.c.wire)


class OrderState(enum.StrEnum):
    """An order in one word, by its entries."""

    PENDING = "pending"
    SHADOW = "shadow"  # it is counted and not enforced
    ENFORCED = "enforced"
    PARTLY_ENFORCED = "partly_enforced"
    NOTHING_ENFORCED = "nothing_enforced"
    WITHDRAWAL_PENDING = "withdrawal_pending"
    WITHDRAWN = "withdrawn"
    REPLACED = "replaced"  # by a correction
    EXPIRED = "expired"


def put_order(
    conn: Connection,
    order: Order,
    judged: Iterable[Entry],
    original: bytes,
    at: datetime,
    by: Actor,
    signed: IssuerSignature | None = None,
    *,
    corrected: Row[Any] | None = None,
    rules: Rules = NO_REVIEW,
) -> int:
    """Store a new order; returns its number.

    corrected  the order that it replaces, of mgmt.orders.versions.correctable();   rules  of its dates
    Raises sqlalchemy's IntegrityError where issuer and ref, or the next version, are taken."""
    revision = raise_revision(conn, ORDERS)
    review_s, expires_s = moments_of(order, at, rules.zone, rules.review_days)
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
            confirm_by_s=int((at + EMERGENCY_LAPSE).timestamp()) if order.is_emergency else None,
            signed_base=None if signed is None else signed.base,
            signature=None if signed is None else signed.signature,
            signing_key=None if signed is None else signed.key,
            first=None if corrected is None else corrected.first or corrected.id,
            version=1 if corrected is None else next_version(conn, corrected),
            pushed_by=f"{by.kind} {by.name}",
            review_s=review_s,
            expires_s=expires_s,
            is_shadow=order.is_shadow,
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
            "place": entry.place,
        }
        for entry in judged
    ]
    if rows:
        conn.execute(insert(entries), rows)
    received: dict[str, Value] = {"original_sha256": hashlib.sha256(original).hexdigest()}
    if signed is not None:
        received |= {"key": signed.key.hex(), "signature": signed.signature.hex()}
    if corrected is not None:
        received |= {"corrects": corrected.id, "corrects_sha256": corrected.sha256.hex()}
    note_order(conn, number, "pushed", at, by, **_pushed(order, rows), **received)
    return number


def find_order_by_id(conn: Connection, order: int) -> Row[Any] | None:
    """The order with this number, which is no reference, no matter what the references look like."""
    return conn.execute(select(orders).where(orders.c.id == order)).one_or_none()


def get_order(conn: Connection, order: int) -> Row[Any]:
    """The order with this number, which must be there."""
    return conn.execute(select(orders).where(orders.c.id == order)).one()


def find_order(conn: Connection, issuer: str, ref: str) -> Row[Any] | None:
    """The order that an issuer has given under a reference."""
    if "\0" in issuer + ref:  # PostgreSQL has no such text, not even to look for
        return None
    return conn.execute(select(orders).where(orders.c.issuer == issuer, orders.c.ref == ref)).one_or_none()


def page_of_orders(
    conn: Connection, after: int, limit: int, issuer: str | None = None, for_review: datetime | None = None
) -> Sequence[Row[Any]]:
    """Orders by rising number, above `after`.

    issuer  whose; None: of all;   for_review  only those in force that are past their review then"""
    chosen = select(orders).where(orders.c.id > after)
    if for_review is not None:
        chosen = chosen.where(is_for_review(for_review))
    if issuer is not None:
        chosen = chosen.where(orders.c.issuer == issuer)
    return conn.execute(chosen.order_by(orders.c.id).limit(limit)).all()


def newest_orders(
    conn: Connection, before: int | None, limit: int, for_review: datetime | None = None
) -> Sequence[Row[Any]]:
    """Orders by falling number, below `before`; None: from the newest on.   for_review  as page_of_orders()"""
    chosen = select(orders) if before is None else select(orders).where(orders.c.id < before)
    chosen = chosen if for_review is None else chosen.where(is_for_review(for_review))
    return conn.execute(chosen.order_by(orders.c.id.desc()).limit(limit)).all()


def page_of_entries(conn: Connection, order: int, after: int, limit: int) -> Sequence[Row[Any]]:
    """Entries of an order by rising number, above `after`."""
    agreed = [approvals.c[name].label(name) for name in ("kind", "reference", "collateral", "expires_s")]
    chosen = select(entries, *agreed).outerjoin(approvals, approvals.c.id == entries.c.approval)
    chosen = chosen.where(entries.c.order == order, entries.c.number > after)
    return conn.execute(chosen.order_by(entries.c.number).limit(limit)).all()


def counts_of(conn: Connection, order: int) -> dict[str, int]:
    """How many entries, pushed or held by a list, have which status; statuses that none has are left out."""
    return _counts(conn, [order])[order]


def state_of(order: Row[Any], counts: dict[str, int]) -> OrderState:
    """The state of an order: what a list or a worker still enforces is not called withdrawn."""
    is_asked_back = order.withdrawn_ms is not None and order.withdrawal_receipt is None
    if is_asked_back and order.original:  # a letter that only a list names has none
        return OrderState.WITHDRAWAL_PENDING
    if EntryStatus.SHADOW in counts:
        return OrderState.SHADOW
    if EntryStatus.PENDING in counts:
        return OrderState.PENDING
    if not counts.keys().isdisjoint(SERVED):
        return OrderState.ENFORCED if counts.keys() <= AS_DIRECTED else OrderState.PARTLY_ENFORCED
    if order.withdrawn_ms is not None:
        return OrderState.WITHDRAWAL_PENDING if is_asked_back else OrderState.WITHDRAWN
    if order.replaced_by is not None:
        return OrderState.REPLACED
    is_over = EntryStatus.EXPIRED in counts and counts.keys() <= AS_DIRECTED
    return OrderState.EXPIRED if is_over else OrderState.NOTHING_ENFORCED


def withdraw_order(conn: Connection, order: int, reason: str, at: datetime, by: Actor) -> int:
    """Ask back what is left of an order and of its earlier versions; returns how many entries that were.

    It is withdrawn once control says so."""
    total = 0
    for each in [*earlier(conn, order), order]:
        conn.execute(update(orders).where(orders.c.id == each).values(withdrawn_ms=_ms(at), withdrawal_reason=reason))
        count = _ask_back(conn, entries.c.order == each, reason, at)
        # The others as well: of them, too, the issuer is answered again.
        its = and_(entries.c.order == each, entries.c.withdrawn_ms.is_(None))
        conn.execute(update(entries).where(its).values(revision=raise_revision(conn, ORDERS)))
        note_order(conn, each, "withdrawn", at, by, entries=count, reason=reason)
        total += count
    return total


def withdraw_entries(conn: Connection, order: int, numbers: Sequence[int], reason: str, at: datetime, by: Actor) -> int:
    """Ask back some entries of an order; returns how many of them were, or might have come, in force.

    What an earlier version still holds of them is asked back, too."""
    versions, count = earlier(conn, order), 0
    for first in range(0, len(numbers), _BATCH):
        chosen = and_(entries.c.order == order, entries.c.number.in_(numbers[first : first + _BATCH]))
        names = list(conn.execute(select(entries.c.wire).where(chosen, _IS_OCTETS)).scalars())
        nameless = list(conn.execute(select(entries.c.value).where(chosen, entries.c.wire.is_(None))).scalars())
        count += _ask_back(conn, chosen, reason, at)
        if versions:
            # A URL that no layer sees has no wire; its host may be blocked by two persons' approval.
            same = or_(entries.c.wire.in_(names), and_(entries.c.wire.is_(None), entries.c.value.in_(nameless)))
            _ask_back(conn, and_(entries.c.order.in_(versions), same), reason, at)
    shown = list(numbers[:_MAX_NUMBERS_NOTED])
    note_order(conn, order, "entries withdrawn", at, by, entries=count, numbers=shown, of=len(numbers), reason=reason)
    return count


def held_elsewhere(conn: Connection, order: int) -> list[dict[str, Any]]:
    """Names that this order has withdrawn and another order in force still blocks; at most 100."""
    other = entries.alias("other")
    found = conn.execute(
        select(entries.c.wire, other.c.order, orders.c.issuer, orders.c.ref)
        .distinct()
        .join(other, and_(other.c.wire == entries.c.wire, other.c.order != order, other.c.status.in_(IN_FORCE)))
        .join(orders, orders.c.id == other.c.order)
        .where(entries.c.order == order, entries.c.status == EntryStatus.WITHDRAWN)
        .limit(_MAX_HELD_SHOWN)
    )
    return [{"name": name_text(row.wire), "order": row.order, "issuer": row.issuer, "ref": row.ref} for row in found]


def withdrawn_names(conn: Connection, order: int) -> list[str]:
    """Names and URLs that an order has withdrawn; at most 100."""
    chosen = select(entries.c.wire).where(
        entries.c.order == order, entries.c.status == EntryStatus.WITHDRAWN, _IS_OCTETS
    )
    return [
        name_text(wire) for wire in conn.execute(chosen.order_by(entries.c.number).limit(_MAX_HELD_SHOWN)).scalars()
    ]


def is_of_lists(conn: Connection, order: int) -> bool:
    """Whether entries of an order come from list files: now, or ever, since nothing was pushed."""
    pushed = conn.execute(select(entries.c.number).where(entries.c.order == order).limit(1)).first()
    return not is_message(conn, order) and (pushed is None or bool(letters_of(conn, [order])))


def number_letter(conn: Connection, issuer: str, ref: str, at: datetime) -> int:
    """The number of the order behind a letter that a list file names, giving it one where it has none."""
    found = find_order(conn, issuer, ref)
    if found is not None:
        return int(found.id)
    return put_order(conn, Order(issuer, ref, "", "subtree", None, False, ()), (), b"", at, CONTROL)


class View(NamedTuple):
    """How orders are shown.   zone  of their times;   rules, at  of their clocks; None: these are left out"""

    zone: tzinfo = UTC
    rules: Rules = Rules()
    at: datetime | None = None


IN_UTC = View()


def order_json(conn: Connection, order: Row[Any], view: View = IN_UTC) -> dict[str, Any]:
    """An order without its entries, as the API gives it."""
    return orders_json(conn, [order], view)[0]


def orders_json(conn: Connection, page: Sequence[Row[Any]], view: View) -> list[dict[str, Any]]:
    """Orders without their entries, as the API gives them.   Cost: nine queries, however many there are

    page  of so many orders as one statement may name"""
    numbers = [order.id for order in page]
    counts, lists, steps = _counts(conn, numbers), letters_of(conn, numbers), steps_of(conn, numbers)
    lapsing = {order.id for order in page if _may_lapse(order, counts[order.id])}
    lapsing -= confirmed_of(conn, sorted(lapsing)) if lapsing else set()
    files, iso = files_of(conn, numbers), partial(time_of, zone=view.zone)
    tried, counted = canaries.newest(conn, numbers), shadows.newest(conn, numbers)
    return [
        _told(order, counts[order.id], lists.get(order.id, ()), order.id in lapsing, iso)
        | _versions_and_dates(order, view.zone)
        | {
            "steps": [_step_json(each, iso) for each in steps.get(order.id, ())],
            "clock": _clock_json(clock_of(order, steps.get(order.id, ()), view.rules), view.at, iso),
            "file": _file_json(files.get(order.id)),
            "canary": _canary_json(tried.get(order.id), view.at, iso),
            "shadow": _shadow_json(counted.get(order.id), counts[order.id], iso),
        }
        for order in page
    ]


def _versions_and_dates(order: Row[Any], zone: tzinfo) -> dict[str, Any]:
    return {
        "version": order.version,
        "first": order.first,
        "replaced_by": order.replaced_by,
        "pushed_by": order.pushed_by,
        "review": day_of(order.review_s, zone),
        "expires": day_of(order.expires_s, zone, is_end=True),
    }


def _file_json(file: Row[Any] | None) -> dict[str, Any] | None:
    if file is None:
        return None
    about = {"name": file.name, "octets": file.octets, "encoding": file.encoding}
    return about | {"sha256": file.sha256.hex()}


def _clock_json(clock: Clock | None, at: datetime | None, iso: Callable[[int], str]) -> dict[str, str | None] | None:
    if clock is None or at is None:
        return None
    stopped = None if clock.stopped is None else iso(_ms(clock.stopped))
    times = {"begun": iso(_ms(clock.begun)), "due": iso(_ms(clock.due)), "stopped": stopped}
    return {**times, "by": clock.by, "state": clock.state(at)}


def _canary_json(row: Row[Any] | None, at: datetime | None, iso: Callable[[int], str]) -> dict[str, Any] | None:
    if row is None:
        return None
    state = canaries.state_of(row)
    times = {"since": row.since_s, "until": row.until_s, "ended": row.ended_s}
    is_running = state == canaries.RUNNING and at is not None
    return {
        "state": state,
        "gateway": row.gateway,
        "entries": row.n_entries,
        **{name: None if value is None else iso(value * 1000) for name, value in times.items()},
        "left_s": max(0, row.until_s - _ms(at) // 1000) if is_running and at is not None else None,
        "blocks": row.n_blocks,
        "peak": row.peak,
        "baseline": row.baseline,
        "reason": row.reason,
    }


def _shadow_json(found: Shadow | None, counts: dict[str, int], iso: Callable[[int], str]) -> dict[str, Any] | None:
    if found is None:
        return None
    row = found.row
    times = {"begun": row.begun_s, "since": row.since_s, "ended": row.ended_s}
    return {
        "state": shadows.state_of(row),
        "list": None if row.place is None else list_of(row.place),
        **{name: None if value is None else iso(value * 1000) for name, value in times.items()},
        "hits": sum(found.hits.values()),
        "channels": found.hits,
        "protected": counts.get(EntryStatus.REFUSED_PROTECTED, 0),
        "held": counts.get(EntryStatus.PENDING_REVIEW, 0),
    }


def _step_json(each: Step, iso: Callable[[int], str]) -> dict[str, str]:
    return {"state": each.state.value, "at": iso(each.at_ms), "by": each.by}


def _told(
    order: Row[Any], counts: dict[str, int], lists: Iterable[Letter], is_lapsing: bool, iso: Callable[[int], str]
) -> dict[str, Any]:
    """An order by the names of the API.   iso  a time in ms as it is written"""
    return {
        "id": order.id,
        "issuer": order.issuer,
        "ref": order.ref,
        "ground": order.ground or None,  # a list's letter has none
        "scope": order.scope,
        "deadline": None if order.deadline_s is None else iso(order.deadline_s * 1000),
        "emergency": order.is_emergency,
        "lapses": iso(order.confirm_by_s * 1000) if is_lapsing else None,
        "received": iso(order.received_ms),
        "sha256": order.sha256.hex(),
        "state": state_of(order, counts),
        "counts": counts,
        "lists": [{"list": each.list, "generation": each.generation, "since": iso(each.served_ms)} for each in lists],
        "receipt": None if order.receipt is None else json.loads(order.receipt),
        "withdrawn": None if order.withdrawn_ms is None else iso(order.withdrawn_ms),
        "withdrawal_reason": order.withdrawal_reason,
        "withdrawal_receipt": None if order.withdrawal_receipt is None else json.loads(order.withdrawal_receipt),
    }


def _may_lapse(order: Row[Any], counts: dict[str, int]) -> bool:
    """Whether it is an emergency order in force: it ends by itself, unless two persons have agreed to it."""
    return order.confirm_by_s is not None and not counts.keys().isdisjoint(IN_FORCE)


def _counts(conn: Connection, numbers: Sequence[int]) -> dict[int, dict[str, int]]:
    """counts_of() of each order."""
    chosen = select(entries.c.order, entries.c.status, func.count()).where(entries.c.order.in_(numbers))
    counted = letter_counts(conn, numbers)
    for order, status, n in conn.execute(chosen.group_by(entries.c.order, entries.c.status)).all():
        of_order = counted.setdefault(order, {})
        of_order[status] = of_order.get(status, 0) + n
    return {number: _in_their_order(counted.get(number, {})) for number in numbers}


def _in_their_order(counts: dict[str, int]) -> dict[str, int]:
    return {status.value: counts[status] for status in EntryStatus if counts.get(status)}


def entry_json(entry: Row[Any], zone: tzinfo = UTC) -> dict[str, Any]:
    """An entry as the API gives it.   zone  of its times"""
    return {
        "number": entry.number,
        "value": entry.value,
        "name": None if entry.wire is None else name_text(entry.wire),
        "scope": _SCOPES.get(entry.mode, entry.mode),
        "status": entry.status,
        "reason": entry.reason,
        "place": entry.place,
        "generation": entry.generation or None,  # 0: let in, and no worker has confirmed it
        "enforced": None if entry.enforced_ms is None else time_of(entry.enforced_ms, zone),
        "approval": None if entry.kind is None else _agreed(entry, zone),
    }


def _agreed(entry: Row[Any], zone: tzinfo) -> dict[str, Any]:
    """By what two persons' approval an entry is in force."""
    return {
        "id": entry.approval,
        "kind": entry.kind,
        "reference": entry.reference,
        "collateral": entry.collateral,
        "until": None if entry.expires_s is None else time_of(entry.expires_s * 1000, zone),
    }


def _pushed(order: Order, rows: Sequence[dict[str, Any]]) -> dict[str, Value]:
    counts = Counter(str(row["status"]) for row in rows)
    return {
        "ground": order.ground,
        "scope": order.scope,
        "emergency": order.is_emergency,
        **({"shadow": True} if order.is_shadow else {}),
        "deadline": None if order.deadline is None else time_of(_ms(order.deadline)),
        "sha256": order.sha256.hex(),
        **{f"entries {status}": n for status, n in counts.items()},
    }


def _ask_back(conn: Connection, which: Any, reason: str, at: datetime) -> int:
    revision = raise_revision(conn, ORDERS)
    asked = update(entries).where(which, MAY_COME, entries.c.withdrawn_ms.is_(None))
    return conn.execute(asked.values(withdrawn_ms=_ms(at), withdrawal_reason=reason, revision=revision)).rowcount


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def time_of(ms: int, zone: tzinfo = UTC) -> str:
    """A time as it is written.

    One beyond _LAST_MS, which no order of ours has, is that one: a row that holds it hides no other order."""
    return datetime.fromtimestamp(min(max(ms, 0), _LAST_MS) / 1000, zone).isoformat(timespec="milliseconds")
