from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, update
from support.mgmt.orders import NOW, said

from mgmt.ledger.event import CONTROL
from mgmt.orders.base.sealed import is_sealed
from mgmt.orders.phases.states import steps_of
from mgmt.orders.sealed_messages import (
    Message,
    Reading,
    is_as_stored,
    is_message,
    keep_reading,
    messages,
    put_message,
    reading_of,
    readings,
    sealed_order,
)
from mgmt.orders.store import get_order, is_of_lists, put_order, withdraw_order
from parental.store.schema.orders import orders
from parental.store.schema.sealed_orders import sealed_messages

MESSAGE = Message(b"\x01what is encrypted", "plain")


def push(conn: Connection, message: Message = MESSAGE, ref: str = "CA/1", **about: Any) -> int:
    order = sealed_order("PTA", ref, "PECA 22", about.get("deadline"), message)
    number = put_order(conn, order, [], b"{}", NOW, CONTROL)
    put_message(conn, number, message)
    return number


def test_an_order_that_comes_encrypted_is_a_sealed_one_and_of_no_list(conn: Connection) -> None:
    number = push(conn)

    assert is_sealed(get_order(conn, number)) and is_message(conn, number) and not is_of_lists(conn, number)
    assert [(each.order.id, each.message) for each in messages(conn)] == [(number, MESSAGE)]


def test_its_digest_is_of_the_message_and_the_form_in_which_it_is_read() -> None:
    def digest(octets: bytes, form: str) -> bytes:
        return sealed_order("PTA", "1", "g", None, Message(octets, form)).sha256

    assert len({digest(b"a", "plain"), digest(b"b", "plain"), digest(b"a", "csv")}) == 3


@pytest.mark.parametrize("deadline", [None, NOW + timedelta(hours=1, microseconds=1)])
def test_what_is_stored_is_known_again_and_what_is_changed_is_not(conn: Connection, deadline: Any) -> None:
    number = push(conn, deadline=deadline)
    assert is_as_stored(messages(conn)[0])

    for change in ({"octets": b"other"}, {"octets": MESSAGE.octets, "format": "csv"}):
        conn.execute(update(sealed_messages).where(sealed_messages.c.order == number).values(change))
        assert not is_as_stored(messages(conn)[0])


def test_a_time_that_no_order_has_is_not_as_it_was_stored_and_raises_nothing(conn: Connection) -> None:
    push(conn)
    conn.execute(update(orders).values(deadline_s=2**60))

    assert not is_as_stored(messages(conn)[0])


def test_what_was_read_is_an_event_and_a_step_and_holds_counts_alone(conn: Connection) -> None:
    number, bad = push(conn), push(conn, Message(b"\x02", "csv"), "CA/2")
    assert reading_of(conn, number) is None

    keep_reading(conn, number, Reading(7, 2), NOW)
    keep_reading(conn, bad, Reading(0, 0, "it is no list"), NOW)

    assert readings(conn) == {number: Reading(7, 2), bad: Reading(0, 0, "it is no list")}
    assert [steps_of(conn, [each])[each][-1].state for each in (number, bad)] == ["held_by_rail", "rejected"]
    assert [(each["action"], each["said"]) for each in said(conn)[-2:]] == [
        ("read", {"rules": 7, "lines without a rule": 2}),
        ("not readable", {"reason": "it is no list"}),
    ]


def test_one_that_was_taken_back_is_none_of_the_messages(conn: Connection) -> None:
    withdraw_order(conn, push(conn), "a court", NOW, CONTROL)

    assert messages(conn) == []
