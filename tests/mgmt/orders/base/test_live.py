from sqlalchemy import Connection
from support.mgmt.orders import NOW, publish, push

from mgmt.ledger.event import CONTROL
from mgmt.orders.base.live import Live, live_entries, live_entries_of, names_changed_since, orders_revision
from mgmt.orders.base.model import EntryMode
from mgmt.orders.store import withdraw_entries, withdraw_order

A, B, C = (b"\1" + name + b"\7example\0" for name in (b"a", b"b", b"c"))


def test_of_equal_entries_the_oldest_order_is_the_named_cause(conn: Connection) -> None:
    first, second = push(conn, "a.example"), push(conn, "a.example", ref="2")

    assert list(live_entries(conn)) == [Live(A, EntryMode.SUBTREE, first)]
    withdraw_order(conn, first, "x", NOW, CONTROL)
    publish(conn)
    assert list(live_entries_of(conn, [A, B])) == [Live(A, EntryMode.SUBTREE, second)]


def test_names_that_changed_are_told_for_pushes_and_withdrawals(conn: Connection) -> None:
    number = push(conn, "a.example", "b.example")
    base = orders_revision(conn)
    assert names_changed_since(conn, 0) == [A, B]
    assert names_changed_since(conn, base) == []

    withdraw_entries(conn, number, [2], "x", NOW, CONTROL)
    publish(conn)
    push(conn, "c.example", ref="2")

    assert names_changed_since(conn, base) == [B, C]
    assert list(live_entries_of(conn, [B])) == []
