"""Signing at the desk: what is taken of whom, and what is said to whoever cannot sign."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Connection, Engine, insert
from sqlalchemy.exc import IntegrityError
from support.mgmt.orders import NOW, publish, push, said, statuses
from support.mgmt.signing import BY_PASSKEYS, PARTY, WIDER, Signer, answer_of, proposed, row_of_approval, signed, signer

from mgmt.ledger.event import CONTROL
from mgmt.orders.approvals import approve, propose, propose_at_desk
from mgmt.orders.store import get_order, withdraw_order
from mgmt.registers.two_persons import SUBJECTS
from mgmt.staff.approvals import store
from mgmt.staff.approvals.rules import APPROVED, PROPOSED, ApprovalRefusal, Signatory
from mgmt.staff.approvals.signatures import part_due, refusal_of, refuse_proposal, sign, signatures_of
from mgmt.staff.people import StaffState, find_person, set_end, set_state
from parental.store.schema.orders import approval_refusals, approval_signatures

ENDS = NOW.replace(microsecond=0) + timedelta(hours=1)


@pytest.fixture
def number(conn: Connection, amna: Signer) -> int:
    return proposed(conn, push(conn, "https://shared.test/a"), WIDER, amna)


def test_the_proposer_signs_and_then_another_and_each_signature_is_an_event(
    conn: Connection, number: int, amna: Signer, bilal: Signer
) -> None:
    due = []
    for each in (amna, bilal):
        due.append(part_due(conn, row_of_approval(conn, number)))
        assert signed(conn, number, each) is None

    assert (due, part_due(conn, row_of_approval(conn, number))) == ([PROPOSED, APPROVED], None)
    events = [each for each in said(conn) if each["action"].startswith("approval")]
    assert [each["action"] for each in events] == ["approval proposed", "approval signed", "approval signed"]
    assert [each["actor"]["name"] for each in events[1:]] == [str(each.person.number) for each in (amna, bilal)]


def test_who_has_not_proposed_it_does_not_sign_first(conn: Connection, number: int, bilal: Signer) -> None:
    assert "amna@isp.example signs first" in str(signed(conn, number, bilal))
    assert signatures_of(conn, number) == []


def test_who_has_proposed_it_does_not_approve_it(conn: Connection, number: int, amna: Signer) -> None:
    assert "another person must" in str(signed(conn, number, amna, amna))


def test_who_is_of_the_same_group_does_not_approve_it(conn: Connection, number: int, amna: Signer) -> None:
    assert "another group must" in str(signed(conn, number, amna, signer(conn, "chand", "compliance")))


def test_a_passkey_that_nobody_has_vouched_for_signs_nothing(conn: Connection, number: int, amna: Signer) -> None:
    stranger = signer(conn, "daud", "approver", is_vouched=False)

    assert "filterd staff vouch daud@isp.example" in str(signed(conn, number, amna, stranger))


@pytest.mark.parametrize("role", ["support", "auditor", "regulator"])
def test_a_role_that_approves_nothing_neither_proposes_nor_signs(
    conn: Connection, number: int, amna: Signer, role: str
) -> None:
    other = signer(conn, "esha", role)

    assert f"role {role}" in str(signed(conn, number, amna, other))
    with pytest.raises(ApprovalRefusal, match=f"role {role}"):
        propose_at_desk(conn, get_order(conn, 1), WIDER, other.person.mail, "desk", NOW)


def test_a_disabled_person_signs_nothing(conn: Connection, number: int, amna: Signer, bilal: Signer) -> None:
    signed(conn, number, amna)
    set_state(conn, bilal.person.mail, StaffState.DISABLED, CONTROL, NOW)

    assert "disabled" in str(signed(conn, number, bilal))


def test_a_person_whose_account_has_ended_signs_proposes_and_refuses_nothing(
    conn: Connection, number: int, amna: Signer, bilal: Signer
) -> None:
    for each in (amna, bilal):
        set_end(conn, each.person.mail, ENDS, CONTROL, NOW)
    signed(conn, number, amna)

    assert "the passkey's answer is ended; not signed" in str(signed(conn, number, bilal, at=ENDS))
    with pytest.raises(ApprovalRefusal, match="ended, role compliance"):
        propose_at_desk(conn, get_order(conn, 1), WIDER, amna.person.mail, "desk", ENDS)
    with pytest.raises(ApprovalRefusal, match="ended, role approver"):
        refuse_proposal(conn, SUBJECTS, number, "too wide", find_person(conn, bilal.person.mail), ENDS)
    assert signed(conn, number, bilal, at=ENDS - timedelta(seconds=1)) is None


def test_a_signature_for_another_part_or_proposal_is_not_taken(
    conn: Connection, number: int, amna: Signer, bilal: Signer
) -> None:
    other = proposed(conn, 1, WIDER, amna)
    signed(conn, other, amna)
    elsewhere = answer_of(conn, other, bilal)
    too_early = answer_of(conn, number, bilal, PROPOSED)
    signed(conn, number, amna)

    for answer in (elsewhere, too_early):
        assert "is wrong" in str(sign(conn, SUBJECTS, PARTY, number, answer, NOW))
    assert [row.part for row in signatures_of(conn, number)] == [PROPOSED]


def test_an_answer_is_taken_once(conn: Connection, number: int, amna: Signer) -> None:
    answer = answer_of(conn, number, amna)
    assert sign(conn, SUBJECTS, PARTY, number, answer, NOW) is None

    assert sign(conn, SUBJECTS, PARTY, number, answer, NOW) is not None
    assert len(signatures_of(conn, number)) == 1


def test_one_passkey_cannot_be_both_persons_in_the_database(
    engine: Engine, conn: Connection, number: int, amna: Signer
) -> None:
    signed(conn, number, amna)
    (row,) = signatures_of(conn, number)

    with pytest.raises(IntegrityError), conn.begin_nested():
        conn.execute(insert(approval_signatures).values({**row._mapping, "part": APPROVED}))


def test_a_proposal_of_the_desk_is_not_approved_by_a_name(conn: Connection, number: int) -> None:
    with pytest.raises(ApprovalRefusal, match=f"/desk/approvals/{number}"):
        approve(conn, number, Signatory("B. Ali", "approver", "root"), NOW)


def test_a_proposal_by_names_is_not_signed(conn: Connection, bilal: Signer) -> None:
    order = get_order(conn, push(conn, "https://shared.test/a"))
    number = propose(conn, order, WIDER, Signatory("A. Khan", "compliance", "root"), NOW)

    with pytest.raises(ApprovalRefusal, match="no signature is due"):
        sign(conn, SUBJECTS, PARTY, number, "{}", NOW)


def test_what_waits_of_one_order_has_a_limit(
    conn: Connection, number: int, amna: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "MAX_WAITING", 2)
    proposed(conn, 1, WIDER, amna)

    with pytest.raises(ApprovalRefusal, match="2 proposals wait already"):
        proposed(conn, 1, WIDER, amna)


def test_nobody_unknown_proposes(conn: Connection) -> None:
    with pytest.raises(ApprovalRefusal, match="no person of the desk"):
        propose_at_desk(conn, get_order(conn, push(conn, "a.test")), WIDER, "nobody@isp.example", "desk", NOW)


def test_what_one_person_has_refused_no_one_signs_and_control_ends_it(
    conn: Connection, number: int, amna: Signer, bilal: Signer
) -> None:
    signed(conn, number, amna)
    answer = answer_of(conn, number, bilal)

    refuse_proposal(conn, SUBJECTS, number, " not in the letter ", bilal.person, NOW)

    assert part_due(conn, row_of_approval(conn, number)) is None
    with pytest.raises(ApprovalRefusal, match="no signature is due"):
        sign(conn, SUBJECTS, PARTY, number, answer, NOW)
    publish(conn, proof=BY_PASSKEYS)
    assert row_of_approval(conn, number).lapsed_ms is not None
    found = refusal_of(conn, number)
    assert found is not None and (found.by, found.reason) == ("bilal@isp.example", "not in the letter")
    ends = [each for each in said(conn) if each["action"] in ("proposal refused", "approval refused")]
    assert [each["actor"]["kind"] for each in ends] == ["staff", "role"]


def test_a_refusal_needs_a_reason_a_role_and_something_that_waits(
    conn: Connection, number: int, amna: Signer, bilal: Signer
) -> None:
    with pytest.raises(ApprovalRefusal, match="why: missing"):
        refuse_proposal(conn, SUBJECTS, number, " ", bilal.person, NOW)
    with pytest.raises(ApprovalRefusal, match="role support"):
        refuse_proposal(conn, SUBJECTS, number, "no", signer(conn, "esha", "support").person, NOW)
    with pytest.raises(ApprovalRefusal, match="no proposal waits"):
        refuse_proposal(conn, SUBJECTS, 99, "no", bilal.person, NOW)
    signed(conn, number, amna, bilal)
    with pytest.raises(ApprovalRefusal, match="waits for no signature"):
        refuse_proposal(conn, SUBJECTS, number, "no", bilal.person, NOW)


def test_a_refusal_that_a_lying_web_role_writes_ends_nothing_that_two_have_agreed_to(
    conn: Connection, number: int, amna: Signer, bilal: Signer
) -> None:
    signed(conn, number, amna, bilal)
    publish(conn, proof=BY_PASSKEYS)
    row = {"approval": number, "by": "bilal@isp.example", "reason": "a lie", "refused_s": int(NOW.timestamp())}
    conn.execute(insert(approval_refusals).values(row))

    publish(conn, proof=BY_PASSKEYS)

    assert row_of_approval(conn, number).lapsed_ms is None
    assert statuses(conn, 1) == [("enforced_broader", "the host is ordered")]


def test_what_two_have_signed_of_an_order_that_is_over_meanwhile_control_does_not_give(
    conn: Connection, amna: Signer, bilal: Signer
) -> None:
    order = push(conn, "a.test", emergency=True)
    publish(conn)
    number = proposed(conn, order, replace(WIDER, kind="emergency", number=None, expires=None), amna)
    assert signed(conn, number, amna, bilal) is None
    withdraw_order(conn, order, "x", NOW, CONTROL)
    publish(conn, proof=BY_PASSKEYS)

    actions = [each["action"] for each in said(conn)]
    assert ("approval refused" in actions, "approval given" in actions) == (True, False)
    (refused,) = (each["said"] for each in said(conn) if each["action"] == "approval refused")
    assert refused["reason"] == f"comes too late, it is of order {order}: withdrawn"
    assert row_of_approval(conn, number).lapsed_ms is not None
