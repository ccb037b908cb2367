"""What two persons sign of a list, and what control believes of it, whatever web has written."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, delete, insert, select, update
from support.mgmt.orders import NOW, publish, push, said
from support.mgmt.signing import BY_PASSKEYS, PARTY, Signer, answer_of, row_of_approval, signed, signer

from filterd.control.list_rollbacks import agreed
from mgmt.orders.base.live import orders_revision
from mgmt.orders.decisions import has_due
from mgmt.registers.lists.rollbacks import LISTS, LIVES, Rollback, propose_rollback
from mgmt.registers.two_persons import SUBJECTS
from mgmt.staff.approvals.proof import BY_NAMES
from mgmt.staff.approvals.rules import MAX_WAITING, ApprovalRefusal
from mgmt.staff.approvals.signatures import refuse_proposal, sign
from mgmt.staff.approvals.store import has_open
from mgmt.staff.assertion import assertion_in
from parental.store.schema.orders import approval_signatures, approvals

WANTED = Rollback("pta", "c" * 64, "b" * 64, "shops are blocked", "T-1", "opens 3, closes 0")


def propose(conn: Connection, by: Signer, wanted: Rollback = WANTED) -> int:
    return int(propose_rollback(conn, wanted, by.person.mail, "desk", NOW).id)


def carried_out(conn: Connection, after: timedelta = timedelta(minutes=1)) -> list[int]:
    return [row.id for row in agreed(conn, BY_PASSKEYS, NOW + after)]


def test_two_persons_sign_and_control_believes_it_for_a_day(conn: Connection, amna: Signer, bilal: Signer) -> None:
    assert not has_open(conn, LISTS)
    number = propose(conn, amna)
    assert has_open(conn, LISTS) and carried_out(conn) == []
    assert signed(conn, number, amna) is None and carried_out(conn) == []
    assert signed(conn, number, bilal) is None

    assert carried_out(conn) == carried_out(conn) == [number]
    assert row_of_approval(conn, number).approver == "bilal@isp.example"
    assert carried_out(conn, LIVES) == [] and not has_open(conn, LISTS)
    told = [(each["action"], each["about"]) for each in said(conn) if each["about"].get("list")]
    actions = ["approval proposed", "approval signed", "approval signed", "approval given", "approval ended"]
    assert told == [(action, {"list": "pta"}) for action in actions]


def test_one_person_or_one_group_or_a_refusal_is_not_enough(conn: Connection, amna: Signer, bilal: Signer) -> None:
    chandni = signer(conn, "chandni", "compliance")
    number = propose(conn, amna)

    signed(conn, number, amna)
    for each in (amna, chandni):
        assert "not approved; another" in str(signed(conn, number, each))
    refuse_proposal(conn, SUBJECTS, number, "not needed", bilal.person, NOW)
    with pytest.raises(ApprovalRefusal):
        sign(conn, SUBJECTS, PARTY, number, answer_of(conn, number, bilal, "approved"), NOW)

    assert carried_out(conn) == [] and not has_open(conn, LISTS)


def test_a_gateway_whose_clock_is_seconds_behind_takes_it_back_as_the_others_do(
    conn: Connection, amna: Signer, bilal: Signer
) -> None:
    number = propose(conn, amna)
    signed(conn, number, amna, bilal)

    for seconds in (0, -3):
        assert carried_out(conn, timedelta(seconds=seconds)) == [number]

    assert row_of_approval(conn, number).lapsed_ms is None


def test_what_was_not_signed_within_its_day_is_ended(conn: Connection, amna: Signer) -> None:
    number = propose(conn, amna)

    assert carried_out(conn, LIVES) == [] and not has_open(conn, LISTS)
    assert row_of_approval(conn, number).lapsed_ms is not None


Forge = Callable[[Connection, int, Signer, Signer], Any]
FORGED: dict[str, Forge] = {
    "another version": lambda conn, number, _a, _b: change(conn, number, list_to="a" * 64),
    "another list": lambda conn, number, _a, _b: change(conn, number, list="stop"),
    "other words": lambda conn, number, _a, _b: change(conn, number, collateral="nothing"),
    "a longer day": lambda conn, number, _a, _b: change(conn, number, expires_s=int(NOW.timestamp()) + 2_000_000),
    "one signature": lambda conn, number, _a, _b: conn.execute(
        delete(approval_signatures).where(approval_signatures.c.part == "approved")
    ),
    "another proposer": lambda conn, number, _a, b: change(conn, number, proposer=b.person.mail),
}


def change(conn: Connection, number: int, **lie: Any) -> None:
    conn.execute(update(approvals).where(approvals.c.id == number).values(lie))


@pytest.mark.parametrize("lie", FORGED)
def test_what_web_changes_after_both_have_signed_is_not_done(
    conn: Connection, amna: Signer, bilal: Signer, lie: str
) -> None:
    number = propose(conn, amna)
    signed(conn, number, amna, bilal)

    FORGED[lie](conn, number, amna, bilal)

    assert carried_out(conn) == []


def test_a_role_that_copies_the_signatures_of_another_approval_gets_nothing(conn: Connection) -> None:
    two = signer(conn, "chandni", "compliance", counts=False), signer(conn, "dawud", "approver", counts=False)
    number, other = propose(conn, two[0]), propose(conn, two[0], WANTED._replace(to="a" * 64))
    signed(conn, other, *two)
    of_other = approval_signatures.c.approval == other
    for row in conn.execute(select(approval_signatures).where(of_other)).mappings().all():
        conn.execute(insert(approval_signatures).values(dict(row) | {"approval": number}))

    assert carried_out(conn) == [other]
    assert "signature of something else" in json.dumps(said(conn))


def test_without_passkeys_nothing_is_believed(conn: Connection, amna: Signer, bilal: Signer) -> None:
    number = propose(conn, amna)
    signed(conn, number, amna, bilal)

    assert agreed(conn, BY_NAMES, NOW + timedelta(minutes=1)) == []


def test_orders_do_not_see_the_approvals_of_lists_nor_lists_those_of_orders(
    conn: Connection, amna: Signer, bilal: Signer
) -> None:
    push(conn, "bad.test")
    signed(conn, propose(conn, amna), amna, bilal)

    publish(conn, proof=BY_PASSKEYS)

    assert carried_out(conn) != []
    publish(conn, NOW + 2 * LIVES, proof=BY_PASSKEYS)
    assert not has_due(conn, orders_revision(conn), NOW + 2 * LIVES)
    assert has_open(conn, LISTS)  # the lists' own look ends it


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        (WANTED._replace(reason=" "), "reason: missing"),
        (WANTED._replace(reference=""), "reference: missing"),
        (WANTED._replace(to=WANTED.before), "this version is in force"),
        (WANTED._replace(to="b"), "no SHA-256"),
    ],
)
def test_what_is_not_whole_is_not_proposed(conn: Connection, amna: Signer, wanted: Rollback, why: str) -> None:
    with pytest.raises(ApprovalRefusal, match=why):
        propose(conn, amna, wanted)


def test_who_may_not_approve_proposes_nothing_and_no_list_has_a_hundred_proposals(
    conn: Connection, amna: Signer
) -> None:
    with pytest.raises(ApprovalRefusal, match="another person must"):
        propose(conn, signer(conn, "dawud", "auditor"))
    for _ in range(MAX_WAITING):
        propose(conn, amna)
    with pytest.raises(ApprovalRefusal, match="list pta: 100 proposals wait already"):
        propose(conn, amna)


def test_a_signature_of_a_list_is_kept_as_the_authenticator_gave_it(conn: Connection, amna: Signer) -> None:
    number = propose(conn, amna)
    answer = answer_of(conn, number, amna)

    assert sign(conn, SUBJECTS, PARTY, number, answer, NOW) is None

    row = conn.execute(select(approval_signatures)).one()
    assert (row.approval, row.signature) == (number, assertion_in(answer).signature)
