"""Which sealed orders are to be in force, and that they are: by control alone.

    two persons have agreed (approvals.SEALED), proven → in the bundle of sealed orders → in a base that every worker
    serves → enforced, receipt

Invariants: no row is believed because another role wrote it: the message is compared with the order's digest, and both
signatures are checked, each time; no matter what a row holds, nothing is raised.
"""

import json
from collections.abc import Mapping, Set
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, update

from mgmt.ledger.event import CONTROL, Value
from mgmt.orders.approvals import ORDERS, SEALED
from mgmt.orders.base.events import note_order
from mgmt.orders.phases.states import State, come_to, state_by, steps_of
from mgmt.orders.sealed_messages import StoredMessage, is_as_stored, messages, readings
from mgmt.staff.approvals.proof import Proof, why_unproven
from mgmt.staff.approvals.store import approvals_given
from parental.store.schema.orders import orders
from parental.store.schema.sealed_orders import sealed_messages

_LET_IN = frozenset({State.APPROVED, State.ENFORCED, State.PARTIALLY_ENFORCED})


def in_force(conn: Connection, proof: Proof) -> list[StoredMessage]:
    """Those to which two persons have agreed, as it proves itself now, regardless of the time.

    proof  that is asked of approvals"""
    readable = {order for order, reading in readings(conn).items() if reading.fault is None}
    agreed = {row.order: row for row in approvals_given(conn, ORDERS) if row.kind == SEALED}
    return [
        each
        for each in messages(conn)
        if each.order.id in readable & agreed.keys()
        and is_as_stored(each)
        and ORDERS.fault_of(conn, agreed[each.order.id]) is None
        and why_unproven(conn, agreed[each.order.id], proof) is None
    ]


def approve_steps(conn: Connection, numbers: Set[int], at: datetime) -> None:
    """Write that control has let orders in, of each once; workers get them with the next base."""
    taken = steps_of(conn, sorted(numbers))
    for order in sorted(numbers):
        if not any(each.state in _LET_IN for each in taken.get(order, [])[-1:]):
            come_to(conn, order, State.APPROVED, at)


def served(
    conn: Connection,
    held: Mapping[int, Mapping[str, int]],
    proof: Proof,
    receipt: Mapping[str, Any],
    at: datetime,
) -> None:
    """Every worker serves a base that holds these sealed orders, and no other one: who waits gets the receipt.

    held  order → status → entries, as this box enforces them;   proof  as in_force()
    Where several gateways share the database, an order that this one does not serve yet may be in force at another."""
    chosen = select(orders.c.id, orders.c.receipt, orders.c.withdrawn_ms, orders.c.withdrawal_receipt)
    for row in conn.execute(chosen.join(sealed_messages)).all():
        if row.id in held:
            _come_to_served(conn, row.id, state_by(held[row.id]), at)
            if row.receipt is None:
                _give(conn, row.id, "receipt", "confirmed", receipt, at)
        elif row.withdrawn_ms is not None and row.withdrawal_receipt is None:
            come_to(conn, row.id, State.WITHDRAWN, at)
            _give(conn, row.id, "withdrawal_receipt", "withdrawal confirmed", receipt, at)
    _hold_unproven(conn, held.keys(), proof, at)


# ----------------------------------------------------------------------------------------------------------------------


def _come_to_served(conn: Connection, order: int, state: State, at: datetime) -> None:
    if state is not State.REJECTED:
        approve_steps(conn, {order}, at)  # control may have ended before it wrote so
    come_to(conn, order, state, at)


def _hold_unproven(conn: Connection, held: Set[int], proof: Proof, at: datetime) -> None:
    """Write of each order that was in force, and is not in the base, where nothing proves any more that two agreed."""
    chosen = (
        select(orders.c.id).join(sealed_messages).where(orders.c.receipt.is_not(None), orders.c.withdrawn_ms.is_(None))
    )
    gone = sorted(set(conn.execute(chosen).scalars()) - held)
    gone = [order for order, steps in steps_of(conn, gone).items() if steps[-1].state in _LET_IN]
    proven = {each.order.id for each in in_force(conn, proof)} if gone else frozenset[int]()
    for order in gone:
        if order not in proven:
            come_to(conn, order, State.HELD_BY_RAIL, at)


def _give(conn: Connection, order: int, column: str, action: str, receipt: Mapping[str, Any], at: datetime) -> None:
    conn.execute(update(orders).where(orders.c.id == order).values({column: json.dumps(receipt)}))
    said: dict[str, Value] = {"generation": int(receipt["generation"]), "workers": len(receipt["workers"])}
    note_order(conn, order, action, at, CONTROL, **said)
