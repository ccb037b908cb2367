"""What control keeps, whatever web has written, and what ends it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, delete, insert, select, update
from support.mgmt.orders import NOW, said
from support.mgmt.signing import BY_PASSKEYS, Signer, row_of_approval, signed
from support.present import present

from filterd.control.records.legal_holds import Holds, Moment, look
from mgmt.ledger.event import CONTROL, SETTINGS, Event
from mgmt.ledger.store import append
from mgmt.registers.records.holds.proposals import HOLDS, NewHold, find_hold, propose_hold, propose_release
from mgmt.registers.records.holds.scope import Scope
from mgmt.registers.two_persons import SUBJECTS
from mgmt.staff.approvals.proof import BY_NAMES, Proof
from mgmt.staff.approvals.rules import digest_of
from mgmt.staff.approvals.signatures import refuse_proposal
from mgmt.staff.approvals.store import has_open
from mgmt.staff.people import reset_person
from parental.store.schema.orders import approval_signatures, approvals
from parental.store.schema.records import legal_holds

NOW_S = int(NOW.timestamp())
DAY = timedelta(days=1)
KEPT_S = 1095 * 86_400.0
SCOPE = Scope(NOW_S - 86_400, NOW_S, list="pta")
HOLD = NewHold(SCOPE, "a court asks", "WP 1/2026", NOW + 90 * DAY)


def propose(conn: Connection, by: Signer, hold: NewHold = HOLD) -> int:
    return int(propose_hold(conn, hold, by.person.mail, "desk", NOW).id)


def seen(
    conn: Connection, after: timedelta = timedelta(minutes=1), proof: Proof = BY_PASSKEYS, *, is_known: bool = True
) -> Holds:
    at = NOW + after
    return look(conn, proof, Moment(at, at.timestamp() if is_known else None, KEPT_S))


def begun(conn: Connection, amna: Signer, bilal: Signer, hold: NewHold = HOLD) -> int:
    """The approval of one that control has begun."""
    number = propose(conn, amna, hold)
    assert signed(conn, number, amna, bilal) is None
    assert seen(conn).scopes[-1:] == [hold.scope]
    return number


def actions(conn: Connection) -> list[str]:
    return [each["action"] for each in said(conn) if "hold" in each["about"]]


def test_two_persons_sign_and_control_keeps_it_until_its_end(conn: Connection, amna: Signer, bilal: Signer) -> None:
    assert not has_open(conn, HOLDS)
    number = propose(conn, amna)
    assert has_open(conn, HOLDS) and seen(conn).scopes == []
    assert signed(conn, number, amna) is None and seen(conn).scopes == []
    assert signed(conn, number, bilal) is None

    assert seen(conn) == seen(conn, 89 * DAY) == Holds([SCOPE], [])
    assert seen(conn, 90 * DAY) == Holds([], []) and not has_open(conn, HOLDS)

    assert actions(conn) == [
        "approval proposed",
        "approval signed",
        "approval signed",
        "approval given",
        "legal hold begun",
        "approval ended",
        "legal hold lapsed",
    ]
    given, began = said(conn)[-4:-2]
    assert given["second_actor"] is not None and began["said"]["reference"] == "WP 1/2026"


def test_one_person_or_a_refusal_keeps_nothing(conn: Connection, amna: Signer, bilal: Signer) -> None:
    number = propose(conn, amna)
    signed(conn, number, amna)

    assert "another person must" in str(signed(conn, number, amna))
    refuse_proposal(conn, SUBJECTS, number, "too wide", bilal.person, NOW)

    assert seen(conn).scopes == [] and not has_open(conn, HOLDS)


def test_what_two_have_not_signed_within_a_week_is_ended(conn: Connection, amna: Signer) -> None:
    propose(conn, amna)

    assert seen(conn, 6 * DAY).scopes == [] and has_open(conn, HOLDS)
    assert seen(conn, 7 * DAY).scopes == [] and not has_open(conn, HOLDS)


def test_an_event_of_a_time_that_has_not_come_ends_nothing(conn: Connection, amna: Signer, bilal: Signer) -> None:
    begun(conn, amna, bilal)
    number = propose(conn, amna)
    append(conn, Event(SETTINGS, "x", CONTROL), NOW + 3000 * DAY)

    assert seen(conn).scopes == [SCOPE]
    assert row_of_approval(conn, number).lapsed_ms is None


def test_a_hold_whose_end_comes_before_it_is_signed_never_begins(conn: Connection, amna: Signer, bilal: Signer) -> None:
    number = propose(conn, amna, HOLD._replace(ends=NOW + timedelta(minutes=1)))
    signed(conn, number, amna, bilal)

    assert seen(conn) == Holds([], []) and not has_open(conn, HOLDS)
    assert "legal hold begun" not in actions(conn) and "legal hold lapsed" not in actions(conn)


Forge = Callable[[Connection, int, Signer], Any]
FORGED: dict[str, Forge] = {
    "other records": lambda conn, _, __: conn.execute(update(legal_holds).values(list=None)),
    "keys, too": lambda conn, _, __: conn.execute(update(legal_holds).values(keeps_keys=True)),
    "a later end": lambda conn, number, _: change(conn, number, expires_s=NOW_S + 100 * 86_400),
    "another day": lambda conn, number, _: change(conn, number, proposed_s=NOW_S - 86_400),
    "other words": lambda conn, number, _: change(conn, number, reference="WP 2/2026"),
    "one signature": lambda conn, _, __: conn.execute(
        delete(approval_signatures).where(approval_signatures.c.part == "approved")
    ),
    "another proposer": lambda conn, number, other: change(conn, number, proposer=other.person.mail),
}


def change(conn: Connection, number: int, **lie: Any) -> None:
    conn.execute(update(approvals).where(approvals.c.id == number).values(lie))


@pytest.mark.parametrize("lie", FORGED)
def test_what_web_changes_after_both_have_signed_does_not_begin(
    conn: Connection, amna: Signer, bilal: Signer, lie: str
) -> None:
    number = propose(conn, amna)
    signed(conn, number, amna, bilal)

    FORGED[lie](conn, number, bilal)

    assert seen(conn) == Holds([], [])
    assert "legal hold begun" not in actions(conn)


@pytest.mark.parametrize("is_over", [False, True])
def test_a_hold_that_two_have_signed_lends_its_begin_to_no_other_approval(
    conn: Connection, amna: Signer, bilal: Signer, is_over: bool
) -> None:
    number = begun(conn, amna, bilal)
    if is_over:
        assert seen(conn, 90 * DAY).scopes == []
    first = row_of_approval(conn, number)
    forged = forge_second(conn, first, expires_s=NOW_S + 300 * 86_400)

    found = seen(conn, 91 * DAY if is_over else 2 * DAY)

    assert found == Holds([] if is_over else [SCOPE], [])
    assert row_of_approval(conn, forged).lapsed_ms is not None
    assert seen(conn, 91 * DAY) == Holds([], [])


def forge_second(conn: Connection, first: Any, **lie: Any) -> int:
    """What a web role that was taken over can write: an approval of the same hold, and signatures that are none."""
    named = ("kind", "hold", "reason", "reference", "collateral", "proposer", "proposer_group", "proposer_account")
    row = {name: getattr(first, name) for name in (*named, "proposed_s")} | lie
    row["digest"] = digest_of(HOLDS.words_of(conn, row))
    forged = int(present(conn.execute(insert(approvals).values(row)).inserted_primary_key)[0])
    of_first = select(approval_signatures).where(approval_signatures.c.approval == first.id)
    for each in conn.execute(of_first).mappings().all():
        conn.execute(insert(approval_signatures).values({**each, "approval": forged}))
    return forged


def test_a_hold_of_which_the_words_change_once_it_has_begun_is_a_fault_and_stays(
    conn: Connection, amna: Signer, bilal: Signer
) -> None:
    number = begun(conn, amna, bilal)
    change(conn, number, reference="WP 2/2026")

    found = seen(conn)

    assert found.scopes == [SCOPE]
    changed = "is of other records or words than are here now; what its row names stays; release it"
    assert found.faults == [f"hold 1: {changed}"]


def test_a_signer_who_leaves_or_another_proof_ends_no_hold(conn: Connection, amna: Signer, bilal: Signer) -> None:
    begun(conn, amna, bilal)
    reset_person(conn, amna.person.mail, CONTROL, NOW)

    assert seen(conn) == seen(conn, proof=BY_NAMES) == Holds([SCOPE], [])


def test_without_passkeys_none_begins(conn: Connection, amna: Signer, bilal: Signer) -> None:
    signed(conn, propose(conn, amna), amna, bilal)

    assert seen(conn, proof=BY_NAMES).scopes == []


def test_two_names_that_were_only_said_begin_none(conn: Connection, amna: Signer, bilal: Signer) -> None:
    number = propose(conn, amna)
    given = {"approver": "b", "approver_group": "approver", "approved_s": NOW_S, "proposer_group": "compliance"}
    change(conn, number, way="names", **given)

    assert seen(conn, proof=BY_NAMES).scopes == []
    assert "is not signed at a desk" in str(said(conn))


def test_two_persons_release_it_before_its_end_and_one_does_not(conn: Connection, amna: Signer, bilal: Signer) -> None:
    first = begun(conn, amna, bilal)
    hold = row_of_approval(conn, first).hold
    release = propose_release(conn, hold, "it is over", "WP 1/2026", bilal.person.mail, "desk", NOW).id
    signed(conn, release, bilal)
    assert seen(conn).scopes == [SCOPE]

    signed(conn, release, amna)

    assert seen(conn) == Holds([], []) and not has_open(conn, HOLDS)
    assert actions(conn)[-4:] == ["approval given", "approval ended", "legal hold released", "approval ended"]


def test_a_lie_releases_none(conn: Connection, amna: Signer, bilal: Signer) -> None:
    hold = row_of_approval(conn, begun(conn, amna, bilal)).hold
    release = propose_release(conn, hold, "it is over", "WP 1/2026", amna.person.mail, "desk", NOW).id
    given = {"approver": bilal.person.mail, "approver_group": bilal.person.group, "approved_s": NOW_S}
    conn.execute(update(approvals).where(approvals.c.id == release).values(given))

    assert seen(conn).scopes == [SCOPE]
    assert row_of_approval(conn, release).lapsed_ms is not None


def test_where_the_time_is_not_known_none_ends_and_one_may_begin(conn: Connection, amna: Signer, bilal: Signer) -> None:
    begun(conn, amna, bilal)
    signed(conn, propose(conn, amna), amna, bilal)

    assert len(seen(conn, 300 * DAY, is_known=False).scopes) == 2
    assert seen(conn).scopes == [SCOPE, SCOPE]


def test_a_wall_clock_that_steps_forward_ends_none_and_one_set_back_keeps_none_longer(
    conn: Connection, amna: Signer, bilal: Signer
) -> None:
    begun(conn, amna, bilal)
    forward = Moment(NOW + 300 * DAY, NOW_S + 60.0, KEPT_S)
    back = Moment(NOW - 300 * DAY, NOW_S + 90 * 86_400.0, KEPT_S)

    assert look(conn, BY_PASSKEYS, forward) == Holds([SCOPE], [])
    assert look(conn, BY_PASSKEYS, back) == Holds([], [])


@pytest.mark.parametrize(("since_s", "is_gone"), [(NOW_S - 86_400, False), (0, True)])
def test_a_hold_that_comes_too_late_says_since_when_records_were_gone(
    conn: Connection, amna: Signer, bilal: Signer, since_s: int, is_gone: bool
) -> None:
    number = begun(conn, amna, bilal, HOLD._replace(scope=SCOPE._replace(since_s=since_s)))

    hold = find_hold(conn, row_of_approval(conn, number).hold)

    assert hold is not None
    assert hold.gone_before_s == (NOW_S + 60 - KEPT_S if is_gone else None)
    assert said(conn)[-1]["said"]["gone_before"] == hold.gone_before_s


def test_rows_that_web_has_filled_with_rubbish_end_no_other_hold(conn: Connection, amna: Signer, bilal: Signer) -> None:
    begun(conn, amna, bilal)
    if conn.dialect.name == "sqlite":  # PostgreSQL's columns take none
        number = propose(conn, amna)
        signed(conn, number, amna, bilal)
        conn.exec_driver_sql("UPDATE approvals SET expires_s = 'x' WHERE id = ?", (number,))

    assert seen(conn).scopes == [SCOPE]
