"""Proposals and approvals in the database, of each subject in the same way."""

from typing import Any

import pytest
from sqlalchemy import Connection, update
from support.mgmt.orders import NOW, said
from support.mgmt.signing import Signer, row_of_approval

from mgmt.orders.approvals import ORDERS
from mgmt.registers.lists.rollbacks import LISTS
from mgmt.registers.two_persons import SUBJECTS
from mgmt.staff.approvals.rules import ApprovalRefusal, Signatory
from mgmt.staff.approvals.store import (
    approval_of,
    approvals_given,
    approve,
    event_value,
    has_open,
    propose,
    proposer_at_desk,
    subject_of,
    waiting,
)
from parental.store.schema.orders import approvals

NOW_S = int(NOW.timestamp())
SAID: dict[str, Any] = {
    "kind": "rollback",
    "list": "pta",
    "list_from": "a" * 64,
    "list_to": "b" * 64,
    "reason": "a wrong version",
    "reference": "T-7",
    "collateral": "one name",
    "expires_s": NOW_S + 3600,
}


def proposed_rollback(conn: Connection, by: Signer, **more: Any) -> int:
    signatory = proposer_at_desk(conn, by.person.mail, "desk", NOW, LISTS.rows, "lists")
    return int(propose(conn, LISTS, SAID | more, signatory, NOW).id)


def test_a_proposal_is_kept_with_who_when_and_the_digest_of_its_words_and_is_an_event(
    conn: Connection, amna: Signer
) -> None:
    number = proposed_rollback(conn, amna)

    row = row_of_approval(conn, number)
    assert (row.proposer, row.proposer_group, row.proposer_account) == ("amna@isp.example", "legal", "desk")
    assert (row.proposed_s, row.way, row.approver, row.approved_s) == (NOW_S, "desk", None, None)
    assert LISTS.why_changed(conn, row) is None
    event = said(conn)[-1]
    assert (event["action"], event["about"]) == ("approval proposed", {"list": "pta"})
    assert event["said"]["reference"] == "T-7" and event["actor"]["kind"] == "staff"


@pytest.mark.parametrize("column", ["list", "list_from", "list_to", "reason", "reference", "collateral", "proposer"])
def test_a_row_of_which_a_word_is_changed_is_not_what_was_agreed_to(
    conn: Connection, amna: Signer, column: str
) -> None:
    number = proposed_rollback(conn, amna)
    conn.execute(update(approvals).where(approvals.c.id == number).values({column: "another"}))

    assert LISTS.why_changed(conn, row_of_approval(conn, number)) == LISTS.changed


@pytest.mark.parametrize("field", ["reason", "reference", "collateral"])
def test_nothing_is_proposed_without_its_words(conn: Connection, amna: Signer, field: str) -> None:
    with pytest.raises(ApprovalRefusal, match=f"^{field}: missing; nothing proposed; write it$"):
        proposed_rollback(conn, amna, **{field: " "})

    assert not has_open(conn, LISTS)


def test_a_proposal_is_found_with_its_subject_and_no_other(conn: Connection, amna: Signer) -> None:
    number = proposed_rollback(conn, amna)

    assert subject_of(row_of_approval(conn, number), SUBJECTS) is LISTS
    assert [each for each in SUBJECTS if has_open(conn, each)] == [LISTS]
    assert waiting(conn, number) == approval_of(conn, number) == row_of_approval(conn, number)
    assert approval_of(conn, number + 1) is None


def test_what_is_given_or_has_ended_waits_for_no_one(conn: Connection, amna: Signer) -> None:
    number = proposed_rollback(conn, amna)
    given = {"approver": "b", "approver_group": "approval", "approved_s": NOW_S}
    conn.execute(update(approvals).values(given))
    assert [row.id for row in approvals_given(conn, LISTS)] == [number] and not approvals_given(conn, ORDERS)
    with pytest.raises(ApprovalRefusal, match="no proposal waits under this number"):
        waiting(conn, number)

    conn.execute(update(approvals).values(lapsed_ms=1, approver=None, approver_group=None, approved_s=None))

    assert not approvals_given(conn, LISTS) and not has_open(conn, LISTS)
    for each in (number, number + 1):
        with pytest.raises(ApprovalRefusal, match="no proposal waits under this number"):
            waiting(conn, each)


def test_a_proposal_of_the_desk_is_approved_by_no_name(conn: Connection, amna: Signer) -> None:
    number = proposed_rollback(conn, amna)

    with pytest.raises(ApprovalRefusal, match=f"of the desk; not approved; sign it there, /desk/approvals/{number}"):
        approve(conn, LISTS, number, Signatory("B. Ali", "approver", "root"), NOW)

    assert row_of_approval(conn, number).approver is None


@pytest.mark.parametrize(
    ("value", "shown"),
    [(7, 7), ("seven", "seven"), (2**53, str(2**53)), (b"7", "b'7'"), (None, "None"), ("x" * 501, "x" * 500)],
)
def test_an_event_says_of_a_value_what_json_can_hold(value: object, shown: object) -> None:
    assert event_value(value) == shown
