"""A sealed order is in force by two persons of different groups: what one person, or a row that lies, makes of it."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, update
from sqlalchemy.exc import IntegrityError
from support.mgmt.orders import NOW, RECEIPT, publish, rails
from support.mgmt.signing import BY_PASSKEYS, Signer, proposed, row_of_approval, signed

from mgmt.ledger.event import CONTROL
from mgmt.orders.approvals import Proposal, approve, propose
from mgmt.orders.base.dates import for_review
from mgmt.orders.base.letters import keep_letters
from mgmt.orders.decisions import settle
from mgmt.orders.phases.states import steps_of
from mgmt.orders.sealed_messages import Message, Reading, keep_reading, messages, put_message, sealed_order
from mgmt.orders.sealed_orders import approve_steps, in_force, served
from mgmt.orders.store import get_order, put_order, withdraw_order
from mgmt.orders.versions import VersionConflict, correctable
from mgmt.staff.approvals.proof import BY_NAMES
from mgmt.staff.approvals.rules import ApprovalRefusal, Signatory
from parental.store.schema.orders import approvals, orders

KHAN, ALI = Signatory("A. Khan", "compliance", "root"), Signatory("B. Ali", "approver", "root")
AGREED = Proposal(kind="sealed", number=None, reason="by law", reference="WA/9", collateral="none known")
SERVED = {"enforced": 3}


@pytest.fixture
def order(conn: Connection) -> int:
    message = Message(b"\x01", "plain")
    number = put_order(conn, sealed_order("PTA", "CA/1", "PECA 22", None, message), [], b"{}", NOW, CONTROL)
    put_message(conn, number, message)
    keep_reading(conn, number, Reading(3, 0), NOW)
    return number


def agree(conn: Connection, order: int) -> int:
    number = propose(conn, get_order(conn, order), AGREED, KHAN, NOW)
    approve(conn, number, ALI, NOW)
    return number


def chosen(conn: Connection, proof: Any = BY_NAMES) -> list[int]:
    return [each.order.id for each in in_force(conn, proof)]


def test_nothing_is_in_force_before_two_have_agreed_and_what_they_agree_to_then_is(
    conn: Connection, order: int
) -> None:
    assert chosen(conn) == []
    number = propose(conn, get_order(conn, order), AGREED, KHAN, NOW)
    assert chosen(conn) == []

    approve(conn, number, ALI, NOW)
    assert chosen(conn) == [order]

    withdraw_order(conn, order, "a court", NOW, CONTROL)
    assert chosen(conn) == []


def test_a_clock_that_is_set_back_opens_none(conn: Connection, order: int) -> None:
    agree(conn, order)

    settle(conn, rails(), 0, NOW - timedelta(hours=1), int(NOW.timestamp()) - 3600)

    assert chosen(conn) == [order]


def test_what_its_reader_has_counted_is_not_read_again(conn: Connection, order: int) -> None:
    new = put_order(
        conn, sealed_order("PTA", "CA/2", "PECA 22", None, Message(b"\x02", "csv")), [], b"{}", NOW, CONTROL
    )
    put_message(conn, new, Message(b"\x02", "csv"))

    assert [each.order.id for each in messages(conn)] == [order, new]
    assert [each.order.id for each in messages(conn, unread=True)] == [new]


def test_one_person_or_one_group_is_not_two(conn: Connection, order: int) -> None:
    number = propose(conn, get_order(conn, order), AGREED, KHAN, NOW)

    for other in (KHAN, Signatory("C. Raza", "compliance", "root"), Signatory("A. Khan", "approver", "root")):
        with pytest.raises(ApprovalRefusal):
            approve(conn, number, other, NOW)
    of_it = update(approvals).where(approvals.c.id == number)
    for name, group in (("A. Khan", "approver"), ("B. Ali", "compliance")):
        with pytest.raises(IntegrityError), conn.begin_nested():
            conn.execute(of_it.values(approver=name, approver_group=group, approved_s=int(NOW.timestamp())))
    assert chosen(conn) == []


def test_with_passkeys_two_signatures_put_it_in_force_and_names_do_not(
    conn: Connection, order: int, amna: Signer, bilal: Signer
) -> None:
    agree(conn, order)
    assert chosen(conn, BY_PASSKEYS) == []
    publish(conn, proof=BY_PASSKEYS)

    number = proposed(conn, order, AGREED, amna)
    assert signed(conn, number, amna) is None
    publish(conn, proof=BY_PASSKEYS)
    assert chosen(conn, BY_PASSKEYS) == []
    assert signed(conn, number, bilal) is None
    publish(conn, proof=BY_PASSKEYS)

    assert row_of_approval(conn, number).approver == bilal.person.mail
    assert chosen(conn, BY_PASSKEYS) == [order]


@pytest.mark.parametrize("lie", [{"digest": b"other"}, {"reason": ""}, {"kind": "emergency"}])
def test_an_approval_of_other_words_is_none(conn: Connection, order: int, lie: dict[str, Any]) -> None:
    conn.execute(update(approvals).where(approvals.c.id == agree(conn, order)).values(lie))

    assert chosen(conn) == []


def test_an_order_in_clear_is_no_sealed_one_and_cannot_be_agreed_to_as_such(conn: Connection) -> None:
    message = Message(b"", "plain")
    number = put_order(conn, sealed_order("PTA", "CA/2", "g", None, message), [], b"{}", NOW, CONTROL)

    with pytest.raises(ApprovalRefusal, match="no sealed order that was read"):
        propose(conn, get_order(conn, number), AGREED, KHAN, NOW)


def test_the_receipts_are_given_by_the_base_that_every_worker_serves(conn: Connection, order: int) -> None:
    agree(conn, order)
    approve_steps(conn, {order}, NOW)
    served(conn, {}, BY_NAMES, RECEIPT, NOW)
    assert get_order(conn, order).receipt is None

    served(conn, {order: SERVED}, BY_NAMES, RECEIPT, NOW)
    assert get_order(conn, order).receipt is not None

    withdraw_order(conn, order, "a court", NOW, CONTROL)
    served(conn, {order: SERVED}, BY_NAMES, RECEIPT, NOW)
    assert get_order(conn, order).withdrawal_receipt is None
    served(conn, {}, BY_NAMES, RECEIPT, NOW)
    assert get_order(conn, order).withdrawal_receipt is not None
    assert [each.state.value for each in steps_of(conn, [order])[order]][2:] == [
        *("held_by_rail", "approved", "enforced", "withdrawn")
    ]


def test_one_whose_approval_is_not_believed_any_more_is_held_again(conn: Connection, order: int) -> None:
    approve_steps(conn, {order}, NOW)
    conn.execute(update(orders).where(orders.c.id == order).values(receipt="{}"))

    served(conn, {}, BY_NAMES, RECEIPT, NOW)

    assert steps_of(conn, [order])[order][-1].state == "held_by_rail"


def states(conn: Connection, order: int) -> list[str]:
    """From the reading on."""
    return [each.state.value for each in steps_of(conn, [order])[order]][2:]


def test_one_in_force_at_a_gateway_is_not_called_held_by_another_that_does_not_serve_it_yet(
    conn: Connection, order: int
) -> None:
    agree(conn, order)
    approve_steps(conn, {order}, NOW)
    served(conn, {order: SERVED}, BY_NAMES, RECEIPT, NOW)

    served(conn, {}, BY_NAMES, RECEIPT, NOW)  # its base is of before
    approve_steps(conn, {order}, NOW)
    served(conn, {order: {"enforced": 2}}, BY_NAMES, RECEIPT, NOW)

    assert states(conn, order) == ["held_by_rail", "approved", "enforced"]


def test_one_whose_counts_another_gateway_has_replaced_is_still_enforced(conn: Connection, order: int) -> None:
    agree(conn, order)
    approve_steps(conn, {order}, NOW)
    served(conn, {order: SERVED}, BY_NAMES, RECEIPT, NOW)

    keep_letters(conn, {}, 8, NOW)  # of the other one's base
    served(conn, {order: SERVED}, BY_NAMES, RECEIPT, NOW)

    assert states(conn, order)[-1] == "enforced"


def test_one_that_workers_serve_is_enforced_though_control_ended_before_it_wrote_that_it_let_it_in(
    conn: Connection, order: int
) -> None:
    agree(conn, order)

    served(conn, {order: SERVED}, BY_NAMES, RECEIPT, NOW)

    assert states(conn, order) == ["held_by_rail", "approved", "enforced"]


def test_no_correction_in_clear_takes_the_place_of_one_that_came_encrypted(conn: Connection, order: int) -> None:
    with pytest.raises(VersionConflict, match="CA/1: it came encrypted; not corrected, nothing stored; push"):
        correctable(conn, "PTA", "CA/1")


def test_one_that_is_in_force_past_its_review_is_for_review(conn: Connection, order: int) -> None:
    in_a_year = NOW + timedelta(days=366)
    conn.execute(update(orders).values(review_s=int(NOW.timestamp())))
    assert for_review(conn, in_a_year) == []
    agree(conn, order)
    served(conn, {order: SERVED}, BY_NAMES, RECEIPT, NOW)
    assert [each.id for each in for_review(conn, in_a_year)] == [order]

    withdraw_order(conn, order, "a court", NOW, CONTROL)
    assert for_review(conn, in_a_year) == []
