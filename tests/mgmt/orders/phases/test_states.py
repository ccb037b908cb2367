"""How far an order has come: what control writes, what others may write, and what may not follow."""

from datetime import timedelta

import pytest
from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError
from support.mgmt.orders import NOW, publish, push, rails

from mgmt.ledger.event import CONTROL
from mgmt.orders.base.model import Order
from mgmt.orders.decisions import settle
from mgmt.orders.phases.states import NEXT, NoStep, State, last_state, step, steps_of
from mgmt.orders.store import get_order, order_json, put_order, withdraw_order
from parental.store.schema.orders import order_steps, orders
from rules.base.protected import ProtectedNames


def states(conn: Connection, order: int) -> list[str]:
    return [each.state.value for each in steps_of(conn, [order]).get(order, [])]


def test_an_order_goes_from_received_to_confirmed_and_each_step_has_its_time_and_its_writer(conn: Connection) -> None:
    order = push(conn, "a.test")
    assert states(conn, order) == []
    settle(conn, rails(), 0, NOW)
    assert states(conn, order) == ["received", "validated", "approved"]
    publish(conn, NOW + timedelta(seconds=1))
    step(conn, order, State.VERIFIED, NOW + timedelta(seconds=2), "verifier")
    step(conn, order, State.CONFIRMED, NOW + timedelta(seconds=3), "verifier")

    told = order_json(conn, get_order(conn, order))["steps"]
    assert [(each["state"], each["at"][17:19], each["by"]) for each in told[2:]] == [
        ("approved", "00", "control"),
        ("enforced", "01", "control"),
        ("verified", "02", "verifier"),
        ("confirmed", "03", "verifier"),
    ]


def test_a_publication_that_changes_nothing_of_an_order_leaves_it_confirmed(conn: Connection) -> None:
    order = push(conn, "a.test")
    publish(conn)
    for state in (State.VERIFIED, State.CONFIRMED):
        step(conn, order, state, NOW, "verifier")
    push(conn, "b.test", ref="2")
    publish(conn)

    assert states(conn, order)[-1] == "confirmed"


def test_what_was_confirmed_is_enforced_in_part_once_a_rail_refuses_an_entry_of_it(conn: Connection) -> None:
    order = push(conn, "a.test", "www.bank.test")
    publish(conn, protected=ProtectedNames())
    for state in (State.VERIFIED, State.CONFIRMED):
        step(conn, order, state, NOW, "verifier")
    publish(conn)

    assert states(conn, order)[-2:] == ["confirmed", "partially_enforced"]


@pytest.mark.parametrize(
    ("values", "state"),
    [
        (("www.bank.test",), "rejected"),
        (("..",), "rejected"),
        (("github.io",), "held_by_rail"),
        (("a.test", "www.bank.test"), "partially_enforced"),
        (("a.test", "a.test"), "enforced"),
    ],
)
def test_an_order_is_said_to_be_what_its_entries_are(conn: Connection, values: tuple[str, ...], state: str) -> None:
    order = push(conn, *values)
    publish(conn)

    assert states(conn, order)[-1] == state


def test_an_order_that_is_taken_back_is_withdrawn_and_nothing_follows(conn: Connection) -> None:
    order = push(conn, "a.test")
    publish(conn)
    withdraw_order(conn, order, "court", NOW, CONTROL)
    publish(conn)

    assert states(conn, order)[-2:] == ["enforced", "withdrawn"]
    with pytest.raises(NoStep, match=r"order 1: withdrawn, and verified does not follow; .* nothing"):
        step(conn, order, State.VERIFIED, NOW, "verifier")


def test_what_no_worker_serves_is_not_verified(conn: Connection) -> None:
    order = push(conn, "a.test")
    settle(conn, rails(), 0, NOW)

    with pytest.raises(NoStep, match="approved, and verified does not follow"):
        step(conn, order, State.VERIFIED, NOW, "verifier")
    with pytest.raises(NoStep, match="approved, and confirmed does not follow"):
        step(conn, order, State.CONFIRMED, NOW, "verifier")


def test_the_last_state_of_an_order_is_that_of_its_last_step(conn: Connection) -> None:
    numbers = [push(conn, f"{ref}.test", ref=ref) for ref in ("a", "b", "c")]
    publish(conn)
    withdraw_order(conn, numbers[1], "a court", NOW, CONTROL)
    publish(conn)
    unseen = push(conn, "d.test", ref="d")

    found = conn.execute(select(orders.c.id, last_state(orders.c.id)).order_by(orders.c.id)).all()

    states_now = ["enforced", "withdrawn", "enforced", None]
    assert [tuple(row) for row in found] == list(zip([*numbers, unseen], states_now, strict=True))


def test_an_order_that_only_a_list_names_has_no_steps(conn: Connection) -> None:
    order = put_order(conn, Order("PTA", "1", "", "subtree", None, False, ()), (), b"", NOW, CONTROL)
    publish(conn)

    assert states(conn, order) == []


def test_every_state_can_be_reached_and_the_database_knows_no_other(conn: Connection) -> None:
    reached = {State.RECEIVED}
    while new := {after for state in reached for after in NEXT[state]} - reached:
        reached |= new
    assert reached == set(State) == set(NEXT)
    order = push(conn, "a.test")
    for n, state in enumerate(State, 1):
        conn.execute(insert(order_steps).values(order=order, n=n, state=state.value, at_ms=1, by="t"))
    with pytest.raises(IntegrityError), conn.begin_nested():
        conn.execute(insert(order_steps).values(order=order, n=99, state="done", at_ms=1, by="t"))
