"""Canaries in the database: control opens, begins and ends them; what is tried is in force on one gateway alone.

    let in ─ enter() ─→ open ─ served by every worker there: begin() ─→ running ─ end_due() ─→ passed, rolled back, over
                          ↑            blocks are counted by the drain: count_blocks() ─┘
                          └─ further entries are let in: its time begins again

Invariants: of an order one canary is open; only the gateway that is the canary ends it, since it alone has drained what
it has blocked; an entry that was rolled back stays out until two persons have agreed after that, to words that hold
the nonce of the rollback; every step is an event of the ledger, in the same transaction, with counts and no entry.
Cost: one query of an empty table, where no canary is configured.
"""

import json
import secrets
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, case, delete, func, insert, select, update

from mgmt.ledger.event import CONTROL, Value
from mgmt.ledger.trusted_clock import UNKNOWN
from mgmt.orders.base.events import note_order
from mgmt.orders.base.live import OPEN_CANARIES
from mgmt.orders.base.model import EntryStatus
from mgmt.orders.phases.canary_rules import CanaryEnd, CanaryEvidence, Outcome, Policy, ending_of
from parental.store.database import upsert
from parental.store.revision import ORDERS, raise_revision
from parental.store.schema.canaries import canary_minutes, gateway_minutes, order_canaries
from parental.store.schema.confirmations import verifications
from parental.store.schema.orders import entries

ROLLED_BACK_FROM = "rolled back from its canary: "  # begins the reason of an entry
RUNNING = "running"
WAITING = "waiting"  # for the workers of the canary gateway
_UNCONFIGURED = CanaryEnd(Outcome.PASSED, "no canary gateway is configured any more")
_BATCH = 500
_FRESH: Mapping[str, Any] = {"since_s": None, "until_s": None, "n_blocks": 0, "peak": 0, "baseline": None}
_HOUR = 60  # minutes that an order is compared with
_KEPT = 2 * _HOUR  # minutes: an hour before a canary that began an hour ago


class BlockCount(NamedTuple):
    """Blocks of an order in one second."""

    order: int
    time_s: int
    n: int


def enter(conn: Connection, policy: Policy, let_in: Iterable[tuple[int, int]], at: datetime) -> None:
    """Try entries that control has let in just now on the canary gateway first.   let_in  (order, number)

    They are of a new revision: a base that was compiled before control has looked at them may hold them."""
    by_order = defaultdict(list)
    for order, number in let_in:
        by_order[order].append(number)
    revision = raise_revision(conn, ORDERS) if by_order else 0
    for order, numbers in sorted(by_order.items()):
        canary = _opened(conn, policy, order, len(numbers), revision, int(at.timestamp()))
        for first in range(0, len(numbers), _BATCH):
            some = entries.c.number.in_(numbers[first : first + _BATCH])
            conn.execute(update(entries).where(entries.c.order == order, some).values(canary=canary, revision=revision))
        said: dict[str, Value] = {"entries": len(numbers), "gateway": policy.gateway, "seconds": policy.lasts_s}
        note_order(conn, order, "canary let in", at, CONTROL, **said)


def begin(conn: Connection, policy: Policy | None, up_to_revision: int, now_s: int) -> list[int]:
    """Every worker here serves a publication: its time begins, where this gateway is the canary; orders of which it
    does.   now_s  as end_due(): where it is UNKNOWN, no time begins"""
    if policy is None or now_s == UNKNOWN:
        return []
    waits = (order_canaries.c.since_s.is_(None), order_canaries.c.revision <= up_to_revision)
    begun = [row.id for row in _open_here(conn, policy) if row.since_s is None]
    if not begun:
        return []
    its = update(order_canaries).where(order_canaries.c.id.in_(begun), *waits)
    times = {"since_s": now_s, "until_s": now_s + policy.lasts_s, "baseline": _baseline(conn, policy.here, now_s)}
    return sorted(conn.execute(its.values(times).returning(order_canaries.c.order)).scalars())


def has_unbegun(conn: Connection, policy: Policy | None) -> bool:
    """Whether the time of what is tried here has yet to begin."""
    return policy is not None and any(row.since_s is None for row in _open_here(conn, policy))


def has_due(conn: Connection, policy: Policy | None, now_s: int) -> bool:
    """Whether end_due() has something to do."""
    return policy is not None and any(_ending(conn, policy, row, now_s) for row in _open_here(conn, policy))


def end_due(conn: Connection, policy: Policy | None, now_s: int, at: datetime, *, is_start: bool) -> None:
    """End the canaries of this gateway that are due; control then looks at their entries.

    now_s     of mgmt.ledger.trusted_clock: what begins and ends by another would be tried for no time, or forever
    is_start  everything is decided on again: canaries of a gateway that is the canary no more go to the one that is,
    and where none exists they are over"""
    for row in _open(conn) if is_start else ():
        if policy is None:
            _end(conn, row, _UNCONFIGURED, at)
        elif row.gateway != policy.gateway:
            moved = {**_FRESH, "gateway": policy.gateway}
            conn.execute(update(order_canaries).where(order_canaries.c.id == row.id).values(moved))
            _forget_minutes(conn, row.id)
            note_order(conn, row.order, "canary moved", at, CONTROL, gateway=policy.gateway)
    if policy is None:
        return
    for row in _open_here(conn, policy):
        if (ending := _ending(conn, policy, row, now_s)) is not None:
            _end(conn, row, ending, at)


def rolled_back(conn: Connection) -> dict[int, str]:
    """Canary that was rolled back → the reason for its entries."""
    chosen = select(order_canaries.c.id, order_canaries.c.reason)
    found = conn.execute(chosen.where(order_canaries.c.outcome == Outcome.ROLLED_BACK))
    return {row.id: f"{ROLLED_BACK_FROM}{row.reason}" for row in found}


def count_blocks(conn: Connection, gateway: str, met: Iterable[BlockCount]) -> None:
    """Count what a gateway has blocked for orders that it tries, and for all others, each in its own minute: what a
    worker tells late belongs to the minute in which it was.   conn  of the role of records"""
    tried = _tried(conn, gateway)
    found: Counter[tuple[int, int]] = Counter()
    others: Counter[int] = Counter()
    for each in met:
        if (canary := tried.get(each.order)) is None:
            others[each.time_s // 60] += each.n
        else:
            found[canary, each.time_s // 60] += each.n
    for (canary, minute), n in sorted(found.items()):
        _count_minute(conn, canary, minute, n)
    _count_others(conn, gateway, others)


def tried_at(gateway: str) -> Select[int]:
    """The canaries that every worker of a gateway serves."""
    is_its = order_canaries.c.gateway == gateway
    return OPEN_CANARIES.where(is_its, order_canaries.c.since_s.is_not(None))


def newest(conn: Connection, numbers: Sequence[int]) -> dict[int, Row[Any]]:
    """Order → its newest canary.   numbers  at most a page of orders"""
    last = select(func.max(order_canaries.c.id)).where(order_canaries.c.order.in_(numbers))
    chosen = select(order_canaries).where(order_canaries.c.id.in_(last.group_by(order_canaries.c.order)))
    return {row.order: row for row in conn.execute(chosen)}


def state_of(row: Row[Any]) -> str:
    """A canary in one word: WAITING, RUNNING or its outcome."""
    return row.outcome or (WAITING if row.since_s is None else RUNNING)


# ----------------------------------------------------------------------------------------------------------------------


def _opened(conn: Connection, policy: Policy, order: int, n: int, revision: int, begun_s: int) -> int:
    """The open canary of an order, whose time begins again; a new one where none exists."""
    is_its = (order_canaries.c.order == order, order_canaries.c.outcome.is_(None))
    found = conn.execute(select(order_canaries.c.id).where(*is_its)).scalar_one_or_none()
    if found is not None:
        _forget_minutes(conn, found)
        values = {**_FRESH, "revision": revision, "n_entries": order_canaries.c.n_entries + n}
        conn.execute(update(order_canaries).where(*is_its).values(values))
        return int(found)
    row = {"order": order, "gateway": policy.gateway, "revision": revision, "n_entries": n, "begun_s": begun_s}
    made = conn.execute(insert(order_canaries).values(row))
    assert made.inserted_primary_key is not None
    return int(made.inserted_primary_key[0])


def _open(conn: Connection) -> Sequence[Row[Any]]:
    return conn.execute(
        select(order_canaries).where(order_canaries.c.id.in_(OPEN_CANARIES)).order_by(order_canaries.c.id)
    ).all()


def _open_here(conn: Connection, policy: Policy) -> list[Row[Any]]:
    return [row for row in _open(conn) if row.gateway == policy.here]


def _ending(conn: Connection, policy: Policy, row: Row[Any], now_s: int) -> CanaryEnd | None:
    n_left = conn.execute(select(func.count()).select_from(entries).where(_is_tried(row))).scalar_one()
    seen = CanaryEvidence(row.until_s, n_left, _n_wide(conn, row), row.peak, row.baseline)
    return ending_of(seen, policy, now_s)


def _is_tried(row: Row[Any]) -> ColumnElement[bool]:
    return and_(entries.c.order == row.order, entries.c.canary == row.id, entries.c.status == EntryStatus.PENDING)


def _n_wide(conn: Connection, row: Row[Any]) -> int:
    """How many neighbours the verifier has found blocked, since the canary serves the order; at its last look.

    The state of that look is another matter: where an entry is open as well, that is what it says."""
    if row.since_s is None:
        return 0
    its = select(verifications.c.report).where(verifications.c.order == row.order)
    # By its revision and not by its time: that is of another clock.
    asked = its.where(verifications.c.revision >= row.revision).order_by(verifications.c.id.desc())
    report = conn.execute(asked.limit(1)).scalar_one_or_none()
    return 0 if report is None else len(json.loads(report).get("too_wide", ()))


def _end(conn: Connection, row: Row[Any], ending: CanaryEnd, at: datetime) -> None:
    said: dict[str, Any] = {"outcome": ending.outcome.value, "reason": ending.reason, "ended_s": int(at.timestamp())}
    if ending.outcome is Outcome.ROLLED_BACK:
        said["nonce"] = secrets.token_hex()
    conn.execute(update(order_canaries).where(order_canaries.c.id == row.id).values(said))
    _forget_minutes(conn, row.id)
    n = conn.execute(update(entries).where(_is_tried(row)).values(revision=raise_revision(conn, ORDERS))).rowcount
    told: dict[str, Value] = {"gateway": row.gateway, "entries": n, "blocks": row.n_blocks, "why": ending.reason}
    note_order(conn, row.order, f"canary {ending.outcome.replace('_', ' ')}", at, CONTROL, **told)


def _tried(conn: Connection, gateway: str) -> dict[int, int]:
    """Order → its canary that runs on a gateway."""
    own = order_canaries.c
    running = select(own.order, own.id).where(own.outcome.is_(None), own.since_s.is_not(None))
    return {order: canary for order, canary in conn.execute(running.where(own.gateway == gateway))}


def _count_minute(conn: Connection, canary: int, minute: int, n: int) -> None:
    of = canary_minutes.c
    row = upsert(conn, canary_minutes).values(canary=canary, minute=minute, n=n)
    added = row.on_conflict_do_update(index_elements=["canary", "minute"], set_={"n": of.n + n}).returning(of.n)
    in_all = conn.execute(added).scalar_one()
    own = order_canaries.c
    counted = {"n_blocks": own.n_blocks + n, "peak": case((own.peak < in_all, in_all), else_=own.peak)}
    conn.execute(update(order_canaries).where(own.id == canary, own.outcome.is_(None)).values(counted))


def _count_others(conn: Connection, gateway: str, others: Mapping[int, int]) -> None:
    of = gateway_minutes.c
    for minute, n in sorted(others.items()):
        row = upsert(conn, gateway_minutes).values(gateway=gateway, minute=minute, n=n)
        conn.execute(row.on_conflict_do_update(index_elements=["gateway", "minute"], set_={"n": of.n + n}))
    if others:
        conn.execute(delete(gateway_minutes).where(of.gateway == gateway, of.minute < max(others) - _KEPT))


def _baseline(conn: Connection, gateway: str, now_s: int) -> float | None:
    """Blocks a minute of all orders, in the hour before; None: it was not counted for so long, or none were."""
    of, now = gateway_minutes.c, now_s // 60
    its = select(func.min(of.minute)).where(of.gateway == gateway)
    first = conn.execute(its).scalar_one()
    if first is None or first > now - _HOUR:
        return None
    is_in_it = (of.gateway == gateway, of.minute >= now - _HOUR, of.minute < now)
    n = conn.execute(select(func.sum(of.n)).where(*is_in_it)).scalar_one()
    return n / _HOUR if n else None


def _forget_minutes(conn: Connection, canary: int) -> None:
    conn.execute(delete(canary_minutes).where(canary_minutes.c.canary == canary))
