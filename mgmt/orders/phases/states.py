"""How far an order has come: its states, which may follow which, and the steps that it has taken.

    received → validated → pending_approval → approved → canary → enforced → verified → confirmed
    next to them: shadow, rejected, held_by_rail, partially_enforced, rolled_back, withdrawn, expired

Control writes the steps up to enforced from what it has decided itself (follow()); who asks the traffic whether an
order holds writes verified, and who answers the issuer confirmed (step()).  An order that control has not looked at is
received; one that only a list names has no state.
Invariants: a step that NEXT does not hold is not written; steps are added and never changed; what was verified is not
verified any more once other entries are in force.
Source: docs/desk/orders.md.
"""

import enum
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, ScalarSelect, func, insert, or_, select

from mgmt.orders.base.model import AS_DIRECTED, SERVED, EntryStatus
from mgmt.orders.phases import canary_store as canaries
from mgmt.orders.phases.canary_rules import Outcome
from parental.store.schema.confirmations import verifications
from parental.store.schema.orders import approvals, entries, order_steps, orders

_BATCH = 500


class State(enum.StrEnum):
    """How far an order has come."""

    RECEIVED = "received"
    VALIDATED = "validated"  # each entry was judged
    PENDING_APPROVAL = "pending_approval"  # one person has proposed, another has to agree
    APPROVED = "approved"  # control has let entries in; workers get them
    CANARY = "canary"  # in force on one gateway, before the others
    ENFORCED = "enforced"  # every worker serves it
    VERIFIED = "verified"  # the traffic was asked
    CONFIRMED = "confirmed"  # the issuer has its answer
    REJECTED = "rejected"  # nothing of it can be in force
    HELD_BY_RAIL = "held_by_rail"  # two persons have to look at it
    PARTIALLY_ENFORCED = "partially_enforced"  # each entry says why it is not
    ROLLED_BACK = "rolled_back"
    WITHDRAWN = "withdrawn"  # or a correction has taken its place
    EXPIRED = "expired"
    SHADOW = "shadow"  # not enforced: what it would block is counted, until two persons let it in


class Step(NamedTuple):
    """A step of an order.   by  the part of filterd that took it"""

    state: State
    at_ms: int
    by: str


class NoStep(ValueError):
    """A state does not follow on the one that an order is in; the message says which do."""


_S = State
_ENDS = frozenset({_S.WITHDRAWN, _S.EXPIRED})
_DECIDED = frozenset({_S.PENDING_APPROVAL, _S.APPROVED, _S.HELD_BY_RAIL, _S.REJECTED, _S.SHADOW}) | _ENDS
_SERVED = frozenset({_S.ENFORCED, _S.PARTIALLY_ENFORCED})
_AFTER_SERVED = _SERVED | _DECIDED | {_S.VERIFIED, _S.ROLLED_BACK}

# state → what may follow
NEXT: Mapping[State, frozenset[State]] = {
    _S.RECEIVED: frozenset({_S.VALIDATED}),
    _S.VALIDATED: _DECIDED,
    _S.PENDING_APPROVAL: _DECIDED - {_S.PENDING_APPROVAL},
    _S.HELD_BY_RAIL: _DECIDED - {_S.HELD_BY_RAIL},
    _S.REJECTED: _DECIDED - {_S.REJECTED},  # the rails have changed
    _S.SHADOW: _DECIDED - {_S.SHADOW},
    _S.APPROVED: _SERVED | _DECIDED - {_S.APPROVED} | {_S.CANARY},
    _S.CANARY: _SERVED | _DECIDED - {_S.APPROVED} | {_S.ROLLED_BACK},
    _S.ROLLED_BACK: _ENDS | {_S.APPROVED, _S.REJECTED, _S.SHADOW},  # approved: two persons have agreed after that
    _S.ENFORCED: _AFTER_SERVED - {_S.ENFORCED},
    _S.PARTIALLY_ENFORCED: _AFTER_SERVED - {_S.PARTIALLY_ENFORCED},
    _S.VERIFIED: _AFTER_SERVED - {_S.VERIFIED} | {_S.CONFIRMED},
    _S.CONFIRMED: _AFTER_SERVED,
    _S.EXPIRED: frozenset({_S.WITHDRAWN}),
    _S.WITHDRAWN: frozenset(),
}


def step(conn: Connection, order: int, state: State, at: datetime, by: str) -> None:
    """Write that an order has come to a state.   at  aware;   by  see Step.   Raises NoStep."""
    taken = steps_of(conn, [order]).get(order, [])
    now = taken[-1].state if taken else State.RECEIVED
    if state not in NEXT[now]:
        after = ", ".join(sorted(NEXT[now])) or "nothing"
        raise NoStep(f"order {order}: {now}, and {state} does not follow; not written; what follows is {after}")
    _append(conn, order, len(taken), [state], at, by)


def steps_of(conn: Connection, numbers: Sequence[int]) -> dict[int, list[Step]]:
    """Order → its steps, the oldest first.   numbers  at most a page of orders"""
    chosen = select(order_steps).where(order_steps.c.order.in_(numbers)).order_by(order_steps.c.order, order_steps.c.n)
    found: dict[int, list[Step]] = {}
    for row in conn.execute(chosen):
        found.setdefault(row.order, []).append(Step(State(row.state), row.at_ms, row.by))
    return found


def last_state(order: ColumnElement[int]) -> ScalarSelect[str]:
    """The state of the last step of an order.   order  the column that names it"""
    its = select(order_steps.c.state).where(order_steps.c.order == order)
    return its.order_by(order_steps.c.n.desc()).limit(1).scalar_subquery()


def come_to(conn: Connection, order: int, target: State, at: datetime) -> None:
    """Write the step of an order that has no rows of entries, where it is another one and may follow."""
    _come_to(conn, order, steps_of(conn, [order]).get(order, []), target, at, is_outdated=False)


def state_by(counts: Mapping[str, int]) -> State:
    """The state of an order that two persons have agreed to, by what workers serve of it."""
    return _state_by(counts, is_withdrawn=False, is_proposed=False) if counts else _S.REJECTED


def follow(conn: Connection, numbers: Iterable[object], at: datetime) -> None:
    """Write the steps of orders whose entries have changed, as control has decided.   Cost: 5 queries for 500

    Entries of no order, which only a web role that lies can write, have no steps."""
    chosen = sorted(each for each in set(numbers) if isinstance(each, int))
    for first in range(0, len(chosen), _BATCH):
        _follow(conn, chosen[first : first + _BATCH], at)


def _follow(conn: Connection, numbers: Sequence[int], at: datetime) -> None:
    taken, counts = steps_of(conn, numbers), _counts(conn, numbers)
    proposed = select(approvals.c.order).where(approvals.c.approved_s.is_(None), approvals.c.lapsed_ms.is_(None))
    waiting = frozenset(conn.execute(proposed.where(approvals.c.order.in_(numbers))).scalars())
    is_over = or_(orders.c.withdrawn_ms.is_not(None), orders.c.replaced_by.is_not(None))
    there = select(orders.c.id, is_over.label("is_over")).where(orders.c.id.in_(numbers))
    withdrawn = {row.id: bool(row.is_over) for row in conn.execute(there)}
    outdated, tried = _outdated(conn, numbers), canaries.newest(conn, numbers)
    for order in counts.keys() & withdrawn.keys():
        canary = canaries.state_of(tried[order]) if order in tried else ""
        is_waiting = order in waiting
        target = _state_by(counts[order], is_withdrawn=withdrawn[order], is_proposed=is_waiting, canary=canary)
        _come_to(conn, order, taken.get(order, []), target, at, is_outdated=order in outdated)


def _come_to(
    conn: Connection, order: int, steps: Sequence[Step], target: State, at: datetime, *, is_outdated: bool
) -> None:
    base = next((each.state for each in reversed(steps) if each.state not in _ASKED), None)
    if not steps:
        _append(conn, order, 0, [_S.RECEIVED, _S.VALIDATED, target], at, CONTROL_ROLE)
    elif (target is not base or is_outdated) and target in NEXT[steps[-1].state]:
        _append(conn, order, len(steps), [target], at, CONTROL_ROLE)


_ASKED = frozenset({_S.VERIFIED, _S.CONFIRMED})  # others than control write them
CONTROL_ROLE = "control"


def _state_by(counts: Mapping[str, int], *, is_withdrawn: bool, is_proposed: bool, canary: str = "") -> State:
    """The state of an order by its entries.   canary  of mgmt.orders.phases.canary_store.state_of(); '': it has none"""
    if EntryStatus.SHADOW in counts:
        return _S.SHADOW
    if EntryStatus.PENDING in counts:
        return _S.CANARY if canary == canaries.RUNNING else _S.APPROVED
    if not counts.keys().isdisjoint(SERVED):
        return _S.ENFORCED if counts.keys() <= AS_DIRECTED else _S.PARTIALLY_ENFORCED
    if is_withdrawn or counts.keys() <= {EntryStatus.WITHDRAWN, EntryStatus.DUPLICATE}:
        return _S.WITHDRAWN
    if EntryStatus.PENDING_REVIEW in counts and canary == Outcome.ROLLED_BACK:
        return _S.ROLLED_BACK
    if EntryStatus.PENDING_REVIEW in counts or is_proposed:
        return _S.PENDING_APPROVAL if is_proposed else _S.HELD_BY_RAIL
    return _S.EXPIRED if EntryStatus.EXPIRED in counts else _S.REJECTED


def _counts(conn: Connection, numbers: Sequence[int]) -> dict[int, dict[str, int]]:
    chosen = select(entries.c.order, entries.c.status, func.count()).where(entries.c.order.in_(numbers))
    found: dict[int, dict[str, int]] = {}
    for order, status, n in conn.execute(chosen.group_by(entries.c.order, entries.c.status)):
        found.setdefault(order, {})[str(status)] = n
    return found


def _outdated(conn: Connection, numbers: Sequence[int]) -> frozenset[int]:
    """Orders whose entries have changed since the traffic was asked about them."""
    asked = (
        select(verifications.c.order, func.max(verifications.c.revision).label("revision"))
        .where(verifications.c.order.in_(numbers))
        .group_by(verifications.c.order)
    ).subquery()
    chosen = select(entries.c.order).join(asked, asked.c.order == entries.c.order).distinct()
    return frozenset(conn.execute(chosen.where(entries.c.revision > asked.c.revision)).scalars())


def _append(conn: Connection, order: int, after: int, states: Sequence[State], at: datetime, by: str) -> None:
    at_ms = int(at.timestamp() * 1000)
    rows = [
        {"order": order, "n": n, "state": state.value, "at_ms": at_ms, "by": by}
        for n, state in enumerate(states, after + 1)
    ]
    conn.execute(insert(order_steps), rows)
