"""What the traffic said of an order, in the database."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection
from support.mgmt.orders import NOW, publish, push, said

from mgmt.ledger.event import Actor
from mgmt.orders.confirmation.verifications import (
    Verification,
    due,
    in_force,
    last_verification,
    put_verification,
    revision_of,
)
from mgmt.orders.phases.states import steps_of
from mgmt.orders.store import withdraw_entries

ROOT = Actor("account", "root")


def verification(conn: Connection, order: int, state: str = "verified", at: datetime = NOW) -> Verification:
    return Verification(order, at, 1200, revision_of(conn, order), state, '{"node":"gw1"}', {"here": 4})


def states(conn: Connection, order: int) -> list[str]:
    return [each.state.value for each in steps_of(conn, [order])[order]]


def test_an_order_that_the_traffic_confirms_is_verified_with_an_event_that_names_no_entry(conn: Connection) -> None:
    order = push(conn, "a.test", "b.test")
    publish(conn)

    put_verification(conn, verification(conn, order), ROOT)

    assert states(conn, order)[-2:] == ["enforced", "verified"]
    event = said(conn)[-1]
    assert (event["action"], event["about"]["ref"], event["said"]["here"]) == ("verified", "1", 4)
    assert "a.test" not in str(event)
    assert last_verification(conn, order).report == '{"node":"gw1"}'


@pytest.mark.parametrize("state", ["open", "too_wide", "incomplete"])
def test_an_order_that_is_found_wanting_is_not_verified_any_more(conn: Connection, state: str) -> None:
    order = push(conn, "a.test")
    publish(conn)
    put_verification(conn, verification(conn, order, state), ROOT)
    assert states(conn, order)[-1] == "enforced"
    put_verification(conn, verification(conn, order), ROOT)

    put_verification(conn, verification(conn, order, state), ROOT)

    assert states(conn, order)[-3:] == ["enforced", "verified", "enforced"]
    assert said(conn)[-1]["action"] == "not verified"


def test_what_was_asked_of_entries_that_have_changed_meanwhile_verifies_nothing(conn: Connection) -> None:
    order = push(conn, "a.test", "b.test")
    publish(conn)
    old = verification(conn, order)
    withdraw_entries(conn, order, [2], "a court", NOW, ROOT)
    publish(conn)

    put_verification(conn, old, ROOT)

    assert states(conn, order)[-1] == "enforced"
    assert due(conn, NOW - timedelta(hours=1), 9) == [order]


def test_what_is_due_is_new_or_changed_or_was_found_wanting_a_while_ago(conn: Connection) -> None:
    first, second, pending = push(conn, "a.test"), push(conn, "b.test", ref="2"), push(conn, "bank.test", ref="3")
    publish(conn)
    assert pending not in due(conn, NOW, 9)
    assert due(conn, NOW, 9) == [first, second]
    assert due(conn, NOW, 1) == [first]

    put_verification(conn, verification(conn, first), ROOT)
    put_verification(conn, verification(conn, second, "open"), ROOT)

    assert due(conn, NOW, 9) == []
    assert due(conn, NOW + timedelta(seconds=1), 9) == [second]


def test_only_entries_that_are_in_force_are_asked(conn: Connection) -> None:
    order = push(conn, "a.test", "com.pk", "http://b.test/x", "a.test")
    publish(conn)

    assert [(row.number, row.status) for row in in_force(conn, order)] == [(1, "enforced"), (3, "enforced_http_only")]
