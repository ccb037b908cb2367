"""Alarms of reviews: one for each order in force that is past its day, to those who get half of a clock."""

import json
from datetime import timedelta

from sqlalchemy import Connection, select, update
from support.mgmt.orders import NOW, publish, push, said

from mgmt.ledger.event import CONTROL
from mgmt.orders.deadlines.clock import Alarm
from mgmt.orders.deadlines.notices import Contact
from mgmt.orders.deadlines.reviews import give_reviews, is_of_review
from mgmt.orders.store import withdraw_order
from parental.store.schema.deadlines import order_notices
from parental.store.schema.orders import orders

DAY = timedelta(days=1)
CONTACTS = (Contact("mail desk@isp.example", Alarm.HALF), Contact("webhook https://h.example/", Alarm.NEARLY))


def due(conn: Connection, order: int) -> None:
    review_s = int((NOW + DAY).timestamp())
    conn.execute(update(orders).where(orders.c.id == order).values(review_s=review_s))


def test_an_order_in_force_gives_one_alarm_of_its_review_to_those_who_get_half_of_a_clock(conn: Connection) -> None:
    order = push(conn, "a.test")
    due(conn, order)
    publish(conn)

    found = [give_reviews(conn, CONTACTS, NOW + days * DAY, "https://desk.isp.example") for days in (0, 1, 2)]

    assert found == [[], [order], []]
    (notice,) = conn.execute(select(order_notices)).all()
    assert is_of_review(notice) and notice.receiver == "mail desk@isp.example"
    text = json.loads(notice.text)
    assert (text["alarm"], text["due"], text["due_by"]) == ("review", "2026-08-04T16:00:00Z", "review")
    assert text["link"] == "https://desk.isp.example/desk/orders/1"
    (event,) = [each for each in said(conn) if each["action"] == "review due"]
    assert event["said"]["messages"] == 1


def test_an_order_that_is_not_in_force_gives_none(conn: Connection) -> None:
    order = push(conn, "a.test")
    due(conn, order)
    withdraw_order(conn, order, "court", NOW, CONTROL)
    publish(conn)

    assert give_reviews(conn, CONTACTS, NOW + 2 * DAY) == []


def test_a_sealed_order_is_told_without_its_ground(conn: Connection) -> None:
    order = push(conn, "a.test", ground="PECA 22")
    due(conn, order)
    publish(conn)
    give_reviews(conn, CONTACTS, NOW + 2 * DAY)

    (text,) = conn.execute(select(order_notices.c.text)).scalars()
    assert json.loads(text)["ground"] is None
