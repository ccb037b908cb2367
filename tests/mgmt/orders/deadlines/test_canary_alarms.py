"""The alarm of a rollback: once, to everyone, and of nothing else."""

from sqlalchemy import Connection, insert, select
from support.mgmt.orders import NOW, push, said

from mgmt.orders.deadlines.canary_alarms import give_rollbacks
from mgmt.orders.deadlines.clock import Alarm
from mgmt.orders.deadlines.notices import Contact
from parental.store.schema.canaries import order_canaries
from parental.store.schema.deadlines import order_notices

CONTACTS = [Contact("mail late@isp.example", Alarm.OVERDUE), Contact("mail early@isp.example", Alarm.HALF)]


def test_a_rollback_gives_one_alarm_to_everyone_and_names_no_entry(conn: Connection) -> None:
    orders = [push(conn, "a.test", ref=str(n)) for n in range(3)]
    for order, outcome in zip(orders, (None, "passed", "rolled_back"), strict=True):
        row = {"order": order, "gateway": "gw1", "revision": 1, "n_entries": 1, "begun_s": 1, "ended_s": 7}
        conn.execute(insert(order_canaries).values(row | {"outcome": outcome, "reason": "why"}))

    given = [give_rollbacks(conn, CONTACTS, NOW, "https://desk.example") for _ in range(2)]

    assert given == [[orders[2]], []]
    found = conn.execute(select(order_notices.c.receiver, order_notices.c.kind, order_notices.c.text)).all()
    assert sorted((row.receiver, row.kind) for row in found) == [
        ("mail early@isp.example", "rolled_back"),
        ("mail late@isp.example", "rolled_back"),
    ]
    assert '"alarm":"rolled_back"' in found[0].text and "a.test" not in found[0].text
    assert [each["action"] for each in said(conn)].count("rollback alarm") == 1
