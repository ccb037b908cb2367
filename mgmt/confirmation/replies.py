"""Control answers an issuer once the traffic has confirmed its order: statement, signature, step, event.

Invariants: an order is confirmed by the verification of its entries as they are, once; control alone signs.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, func, insert, select

from mgmt.confirmation.signed import note_of
from mgmt.confirmation.statement import statement_of
from mgmt.confirmation.verifications import VERIFIED, revision_of
from mgmt.ledger.checkpoint import Signer
from mgmt.ledger.event import CONTROL
from mgmt.orders.events import note_order
from mgmt.orders.live import OPEN_CANARIES
from mgmt.orders.states import State, last_state, step, steps_of
from parental.schema.canaries import order_canaries
from parental.schema.confirmations import confirmations, verifications


class Due(NamedTuple):
    """A verification that is to be answered.   revision  of the entries that it was about"""

    id: int
    order: int
    revision: int


def due(conn: Connection, limit: int) -> Sequence[Due]:
    """The newest verification of each verified order that has had no answer.

    One of an order that is in another state by now never has one: here it would keep the others from theirs."""
    newest = select(func.max(verifications.c.id)).group_by(verifications.c.order)
    chosen = (
        select(verifications.c.id, verifications.c.order, verifications.c.revision)
        .outerjoin(confirmations, confirmations.c.verification == verifications.c.id)
        .where(verifications.c.id.in_(newest), verifications.c.state == VERIFIED, confirmations.c.id.is_(None))
        .where(last_state(verifications.c.order) == State.VERIFIED.value)
        .where(verifications.c.order.not_in(OPEN_CANARIES.with_only_columns(order_canaries.c.order)))
        .order_by(verifications.c.id)
    )
    return [Due(*row) for row in conn.execute(chosen.limit(limit))]


def confirm(conn: Connection, found: Due, signer: Signer, at: datetime) -> bool:
    """Answer one of due(); whether it still is due: nothing of the order has changed meanwhile."""
    taken = steps_of(conn, [found.order]).get(found.order, [])
    is_same = revision_of(conn, found.order) == found.revision
    if not is_same or not taken or taken[-1].state is not State.VERIFIED:
        return False
    at_ms = int(at.timestamp() * 1000)
    text = statement_of(conn, found.id, at_ms)
    note = note_of(signer, found.order, text)
    row = {"order": found.order, "verification": found.id, "at_ms": at_ms, "text": text, "note": note}
    conn.execute(insert(confirmations).values(row))
    step(conn, found.order, State.CONFIRMED, at, CONTROL.name)
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    note_order(conn, found.order, "confirmation signed", at, CONTROL, verification=found.id, sha256=sha256)
    return True


def last_confirmation(conn: Connection, order: int) -> Row[Any] | None:
    """The newest answer about an order."""
    chosen = select(confirmations).where(confirmations.c.order == order)
    return conn.execute(chosen.order_by(confirmations.c.id.desc()).limit(1)).one_or_none()
