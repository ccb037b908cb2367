"""Orders, as issuers push them."""

from datetime import datetime

import pytest
from sqlalchemy import Connection
from support.mgmt.transparent import AT, Push

from fastpath.wire.name import to_wire
from mgmt.ledger.event import CONTROL
from mgmt.orders.base.model import Entry, EntryMode, EntryStatus, Order
from mgmt.orders.store import put_order


@pytest.fixture
def push(conn: Connection) -> Push:
    """push("PTA", "a law", status) stores an order of one entry; its number."""
    numbers = iter(range(1, 10_000))

    def make(issuer: str, ground: str, status: str = "pending", at: datetime = AT, ref: str = "") -> int:
        ref = ref or f"T-{next(numbers)}"
        name = f"{ref.lower().replace(' ', '-')}.bad.example"
        order = Order(issuer, ref, ground, "subtree", None, False, ((name, "subtree"),))
        entry = Entry(1, name, to_wire(name.encode()), EntryMode.SUBTREE, EntryStatus(status), None)
        return put_order(conn, order, [entry], b"x", at, CONTROL)

    return make
