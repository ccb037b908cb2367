"""Orders, reports, and a quarter that was made public."""

from datetime import datetime

import pytest
from sqlalchemy import Connection, Engine
from support.mgmt.confirmed import SIGNER
from support.mgmt.published import published
from support.mgmt.transparent import AT, Push, statement_of

from fastpath.wire.name import to_wire
from mgmt.ledger.event import CONTROL
from mgmt.orders.model import Entry, Order
from mgmt.orders.store import put_order
from mgmt.registers.transparency.releases import put_release
from parental.store.database import writing


@pytest.fixture
def push(conn: Connection) -> Push:
    """push("PTA", "a law", status) stores an order of one entry; its number."""
    numbers = iter(range(1, 10_000))

    def make(issuer: str, ground: str, status: str = "pending", at: datetime = AT, ref: str = "") -> int:
        ref = ref or f"T-{next(numbers)}"
        name = f"{ref.lower().replace(' ', '-')}.bad.example"
        order = Order(issuer, ref, ground, "subtree", None, False, ((name, "subtree"),))
        entry = Entry(1, name, to_wire(name.encode()), "subtree", status, None)
        return put_order(conn, order, [entry], b"x", at, CONTROL)

    return make


@pytest.fixture
def public(engine: Engine) -> None:
    """The third quarter of 2026 and its statistics are public."""
    with writing(engine) as conn:
        published(conn)
        put_release(conn, statement_of(), SIGNER, AT)
