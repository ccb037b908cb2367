"""Which sealed orders are to be in force, and that they are: by control alone.

    two persons have agreed (approvals.SEALED), proven → in the bundle of sealed orders → in a base that every worker
    serves → enforced, receipt

Invariants: no row is believed because another role wrote it: the message is compared with the order's digest, and both
signatures are checked, each time; whatever a row holds, nothing is raised.
"""

import json
from collections.abc import Mapping, Set
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, update

from mgmt.ledger.event import CONTROL, Value
from mgmt.orders.approvals import SEALED, approvals_given, fault_of
from mgmt.orders.events import note_order
from mgmt.orders.letters import letter_counts
from mgmt.orders.proof import Proof, why_unproven
from mgmt.orders.sealed_messages import Sealed, is_as_stored, messages, readings
from mgmt.orders.states import State, come_to, state_by
from parental.schema.orders import orders
from parental.schema.sealed_orders import sealed_messages


def in_force(conn: Connection, proof: Proof, at: datetime) -> list[Sealed]:
    """Those to which two persons have agreed, as it proves itself now.   proof  that is asked of approvals"""
    readable = {order for order, reading in readings(conn).items() if reading.fault is None}
    agreed = {row.order: row for row in approvals_given(conn) if row.kind == SEALED}
    now_s = int(at.timestamp())
    return [
        each
        for each in messages(conn)
        if each.order.id in readable & agreed.keys()
        and is_as_stored(each)
        and fault_of(agreed[each.order.id], each.order, None, now_s) is None
        and why_unproven(conn, agreed[each.order.id], proof) is None
    ]


def approve_steps(conn: Connection, numbers: Set[int], at: datetime) -> None:
    """Write that control has let orders in; workers get them with the next base."""
    for order in sorted(numbers):
        come_to(conn, order, State.APPROVED, at)


def served(conn: Connection, numbers: Set[int], receipt: Mapping[str, Any], at: datetime) -> None:
    """Every worker serves a base that holds these sealed orders, and no other one: who waits gets the receipt.

    After mgmt.orders.letters.keep_letters(), which has their counts."""
    chosen = select(orders.c.id, orders.c.receipt, orders.c.withdrawn_ms, orders.c.withdrawal_receipt)
    counts = letter_counts(conn, sorted(numbers))
    for row in conn.execute(chosen.join(sealed_messages)).all():
        if row.id in numbers:
            come_to(conn, row.id, state_by(counts.get(row.id, {})), at)
            if row.receipt is None:
                _give(conn, row.id, "receipt", "confirmed", receipt, at)
        elif row.withdrawn_ms is not None and row.withdrawal_receipt is None:
            come_to(conn, row.id, State.WITHDRAWN, at)
            _give(conn, row.id, "withdrawal_receipt", "withdrawal confirmed", receipt, at)
        elif row.receipt is not None and row.withdrawn_ms is None:  # nothing proves any more that two have agreed
            come_to(conn, row.id, State.HELD_BY_RAIL, at)


def _give(conn: Connection, order: int, column: str, action: str, receipt: Mapping[str, Any], at: datetime) -> None:
    conn.execute(update(orders).where(orders.c.id == order).values({column: json.dumps(receipt)}))
    said: dict[str, Value] = {"generation": int(receipt["generation"]), "workers": len(receipt["workers"])}
    note_order(conn, order, action, at, CONTROL, **said)
