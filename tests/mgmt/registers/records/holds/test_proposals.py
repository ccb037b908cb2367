"""What two persons may agree to keep, and what is refused before anyone signs it."""

from datetime import timedelta

import pytest
from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError
from support.mgmt.orders import NOW, push, said
from support.mgmt.signing import Signer, signer

from mgmt.registers.records.holds.proposals import (
    LONGEST,
    MOST_HOLDS,
    NewHold,
    find_hold,
    propose_hold,
    propose_release,
)
from mgmt.registers.records.holds.scope import Scope
from mgmt.staff.approvals.rules import MAX_WAITING, ApprovalRefusal
from parental.store.schema.orders import approvals
from parental.store.schema.records import legal_holds

NOW_S = int(NOW.timestamp())
SCOPE = Scope(0, NOW_S, list="pta")
HOLD = NewHold(SCOPE, "a court asks", "WP 1/2026", NOW + timedelta(days=90))
PSEUDONYM = "0123456789abcdef" * 2


def test_a_proposal_says_what_it_keeps_and_names_no_pseudonym_in_the_ledger(conn: Connection, amna: Signer) -> None:
    scope = SCOPE._replace(subscriber=PSEUDONYM, keeps_keys=True)

    made = propose_hold(conn, HOLD._replace(scope=scope), amna.person.mail, "desk", NOW)

    assert (made.kind, made.order, made.list, made.approver) == ("legal-hold", None, None, None)
    assert "with all others of the same second" in made.collateral and "keys of its days stay" in made.collateral
    event = said(conn)[-1]
    assert (event["action"], event["about"]) == ("approval proposed", {"hold": made.hold})
    assert event["said"]["of_subscriber"] and PSEUDONYM not in str(event)


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        (HOLD._replace(ends=NOW), "ends: not within 366 days"),
        (HOLD._replace(ends=NOW - timedelta(days=1)), "ends: not within 366 days"),
        (HOLD._replace(ends=NOW + LONGEST + timedelta(seconds=1)), "ends: not within 366 days"),
        (HOLD._replace(scope=SCOPE._replace(until_s=0)), "until: not after since"),
        (HOLD._replace(scope=SCOPE._replace(until_s=1 << 60)), "until: not after since"),
        (HOLD._replace(scope=SCOPE._replace(subscriber="03001234567")), "no pseudonym"),
        (HOLD._replace(scope=SCOPE._replace(order=7)), "order 7: not found"),
        (HOLD._replace(reason=" "), "reason: missing"),
        (HOLD._replace(reference=""), "reference: missing"),
    ],
)
def test_what_cannot_be_kept_is_not_proposed(conn: Connection, amna: Signer, wanted: NewHold, why: str) -> None:
    with pytest.raises(ApprovalRefusal, match=why):
        propose_hold(conn, wanted, amna.person.mail, "desk", NOW)


def test_an_order_is_named_by_its_number(conn: Connection, amna: Signer) -> None:
    order = push(conn, "bad.test")

    made = propose_hold(conn, HOLD._replace(scope=SCOPE._replace(order=order)), amna.person.mail, "desk", NOW)

    assert f"order {order}" in made.collateral


def test_an_auditor_proposes_none_and_no_more_wait_than_people_can_read(conn: Connection, amna: Signer) -> None:
    with pytest.raises(ApprovalRefusal, match="another person must"):
        propose_hold(conn, HOLD, signer(conn, "dawud", "auditor").person.mail, "desk", NOW)
    for _ in range(min(MAX_WAITING, MOST_HOLDS)):
        propose_hold(conn, HOLD, amna.person.mail, "desk", NOW)
    with pytest.raises(ApprovalRefusal, match="100"):
        propose_hold(conn, HOLD, amna.person.mail, "desk", NOW)


def test_only_a_hold_that_is_in_force_can_be_released(conn: Connection, amna: Signer) -> None:
    hold = propose_hold(conn, HOLD, amna.person.mail, "desk", NOW).hold

    for number in (hold, hold + 1):
        with pytest.raises(ApprovalRefusal, match="is not in force"):
            propose_release(conn, number, "over", "WP 1/2026", amna.person.mail, "desk", NOW)
    assert find_hold(conn, hold + 1) is None


def test_the_database_takes_no_hold_of_one_person_of_more_than_a_year_or_of_nothing(
    conn: Connection, amna: Signer
) -> None:
    made = propose_hold(conn, HOLD, amna.person.mail, "desk", NOW)
    row = dict(conn.execute(select(approvals).where(approvals.c.id == made.id)).one()._mapping)
    del row["id"]
    second = {"approver": "b@isp.example", "approver_group": "approval", "approved_s": NOW_S}
    for lie in (
        second | {"approver": row["proposer"]},
        second | {"approver_group": row["proposer_group"]},
        {"expires_s": NOW_S + 367 * 86_400},
        {"expires_s": None},
        {"hold": None},
        {"hold": made.hold, "list": "pta", "list_from": "a", "list_to": "b"},
        {"kind": "held"},
    ):
        with pytest.raises(IntegrityError), conn.begin_nested():
            conn.execute(insert(approvals).values(row | lie))
    with pytest.raises(IntegrityError), conn.begin_nested():
        conn.execute(insert(legal_holds).values(SCOPE._replace(until_s=0)._asdict()))
