"""What control believes of two persons' signatures, whatever the role that takes them has written."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, delete, insert, select, update
from support.mgmt.authenticator import PRESENT, VERIFIED
from support.mgmt.orders import NOW, publish, push, said
from support.mgmt.signing import (
    BY_PASSKEYS,
    PARTY,
    VOUCHED,
    Signer,
    answer_of,
    proposed,
    row_of_approval,
    signed,
    signer,
)

from mgmt.ledger.event import CONTROL
from mgmt.orders.approvals import Proposal, approve, propose
from mgmt.orders.base.live import live_entries
from mgmt.orders.store import get_order
from mgmt.staff.approvals.proof import BY_NAMES, Proof, unvouched_approvals
from mgmt.staff.approvals.rules import APPROVED, PROPOSED, Signatory
from mgmt.staff.assertion import assertion_in
from mgmt.staff.people import StaffState, reset_person, set_end, set_role, set_state
from parental.store.schema.orders import approval_signatures, approvals
from parental.store.schema.staff import passkeys, staff

HOST = b"\6shared\4test\0"
URL = "https://shared.test/a/b"
UNTIL = NOW + timedelta(days=20)
WORDS = Proposal(
    kind="broader", number=1, reason="the host is ordered", reference="WA/9", collateral="all of it", expires=UNTIL
)
LATER = NOW + timedelta(hours=1)

Forge = Callable[[Connection, int, Signer, Signer], Any]


def is_blocked(conn: Connection) -> bool:
    return HOST in {live.wire for live in live_entries(conn)}


def refusals(conn: Connection) -> list[str]:
    return [each["said"]["reason"] for each in said(conn) if each["action"] == "approval refused"]


def put(conn: Connection, number: int, part: str, answer: str) -> None:
    """Write a signature down as a role does that does not check it."""
    row = {"approval": number, "part": part, "signed_s": int(NOW.timestamp())}
    conn.execute(insert(approval_signatures).values(**row, **assertion_in(answer)._asdict()))
    conn.execute(update(passkeys).values(sign_count=99))


def test_a_host_is_blocked_once_two_persons_have_signed_and_control_has_checked_it(
    conn: Connection, amna: Signer, bilal: Signer
) -> None:
    number = proposed(conn, push(conn, URL), WORDS, amna)
    for each in (amna, bilal):
        publish(conn, proof=BY_PASSKEYS)
        assert not is_blocked(conn)
        assert signed(conn, number, each) is None
    assert row_of_approval(conn, number).approver is None

    publish(conn, proof=BY_PASSKEYS)

    assert is_blocked(conn)
    row = row_of_approval(conn, number)
    assert (row.approver, row.approver_group) == ("bilal@isp.example", "approval")
    given = next(each for each in said(conn) if each["action"] == "approval given")
    actors = [given[key] for key in ("actor", "second_actor")]
    assert [(each["kind"], each["name"]) for each in actors] == [
        ("staff", str(bilal.person.number)),
        ("staff", str(amna.person.number)),
    ]


def test_it_stays_when_it_is_looked_at_again_and_ends_on_its_day(conn: Connection, amna: Signer, bilal: Signer) -> None:
    signed(conn, proposed(conn, push(conn, URL), WORDS, amna), amna, bilal)
    publish(conn, proof=BY_PASSKEYS)
    publish(conn, LATER, proof=BY_PASSKEYS)
    assert is_blocked(conn)

    publish(conn, UNTIL, proof=BY_PASSKEYS)

    assert (is_blocked(conn), refusals(conn)) == (False, [])


def test_a_passkey_that_does_not_count_signs_many(conn: Connection) -> None:
    amna, bilal = signer(conn, "amna", "compliance", counts=False), signer(conn, "bilal", "approver", counts=False)
    for ref in ("1", "2"):
        signed(conn, proposed(conn, push(conn, URL, ref=ref), WORDS, amna), amna, bilal)
    publish(conn, proof=BY_PASSKEYS)

    assert refusals(conn) == []
    assert len(conn.execute(select(approvals.c.id).where(approvals.c.approver.is_not(None))).all()) == 2


def alone(conn: Connection, number: int, amna: Signer, bilal: Signer) -> None:
    """One passkey, one signature, and the rest is said."""
    signed(conn, number, amna)
    name = {"approver": bilal.person.mail, "approver_group": bilal.person.group, "approved_s": int(NOW.timestamp())}
    conn.execute(update(approvals).values(name))


def own_proposal(conn: Connection, number: int, amna: Signer, bilal: Signer) -> None:
    """The proposer approves it, with another passkey of the same person."""
    del bilal
    signed(conn, number, amna)
    second = signer(conn, "amna2", "approver")
    conn.execute(update(passkeys).where(passkeys.c.staff == second.person.number).values(staff=amna.person.number))
    put(conn, number, APPROVED, answer_of(conn, number, second))


def one_group(conn: Connection, number: int, amna: Signer, bilal: Signer) -> None:
    del bilal
    signed(conn, number, amna)
    put(conn, number, APPROVED, answer_of(conn, number, signer(conn, "chand", "compliance")))


def of_another(conn: Connection, number: int, amna: Signer, bilal: Signer) -> None:
    """A signature that was given for another proposal, word for word the same."""
    other = proposed(conn, push(conn, URL, ref="2"), WORDS, amna)
    signed(conn, other, amna)
    answer = answer_of(conn, other, bilal)
    signed(conn, number, amna)
    put(conn, number, APPROVED, answer)


def of_another_part(conn: Connection, number: int, amna: Signer, bilal: Signer) -> None:
    answer = answer_of(conn, number, bilal, PROPOSED)
    signed(conn, number, amna)
    put(conn, number, APPROVED, answer)


def revoked(conn: Connection, number: int, amna: Signer, bilal: Signer) -> None:
    signed(conn, number, amna)
    put(conn, number, APPROVED, answer_of(conn, number, bilal))
    set_state(conn, bilal.person.mail, StaffState.DISABLED, CONTROL, NOW)


def revoked_proposer(conn: Connection, number: int, amna: Signer, bilal: Signer) -> None:
    signed(conn, number, amna, bilal)
    set_state(conn, amna.person.mail, StaffState.DISABLED, CONTROL, NOW)


def ended(conn: Connection, number: int, amna: Signer, bilal: Signer) -> None:
    """The second person's account has ended, and web says that it was signed before."""
    signed(conn, number, amna)
    put(conn, number, APPROVED, answer_of(conn, number, bilal))
    conn.execute(update(staff).where(staff.c.id == bilal.person.number).values(ends_s=int(NOW.timestamp())))
    conn.execute(update(approval_signatures).values(signed_s=0))


def ended_proposer(conn: Connection, number: int, amna: Signer, bilal: Signer) -> None:
    signed(conn, number, amna, bilal)
    conn.execute(update(staff).where(staff.c.id == amna.person.number).values(ends_s=int(NOW.timestamp())))


def ended_and_given(conn: Connection, number: int, amna: Signer, bilal: Signer) -> None:
    """Nor is it believed that control has given it."""
    ended(conn, number, amna, bilal)
    name = {"approver": bilal.person.mail, "approver_group": bilal.person.group, "approved_s": int(NOW.timestamp())}
    conn.execute(update(approvals).values(name))


def of_no_approver(conn: Connection, number: int, amna: Signer, bilal: Signer) -> None:
    signed(conn, number, amna)
    put(conn, number, APPROVED, answer_of(conn, number, bilal))
    set_role(conn, bilal.person.mail, "support", None, CONTROL, NOW)


def own_passkey_of_the_role(conn: Connection, number: int, amna: Signer, bilal: Signer) -> None:
    """The role that enrols people has put a key of its own under a person's name."""
    signed(conn, number, amna)
    conn.execute(delete(passkeys).where(passkeys.c.staff == bilal.person.number))
    made = signer(conn, "nobody", "approver", is_vouched=False)
    conn.execute(update(passkeys).where(passkeys.c.staff == made.person.number).values(staff=bilal.person.number))
    put(conn, number, APPROVED, answer_of(conn, number, made))


def elsewhere(conn: Connection, number: int, amna: Signer, bilal: Signer) -> None:
    signed(conn, number, amna)
    bilal.key.origin = "https://evil.example"
    put(conn, number, APPROVED, answer_of(conn, number, bilal))


def other_name(conn: Connection, number: int, amna: Signer, bilal: Signer) -> None:
    signed(conn, number, amna)
    bilal.key.host = "evil.example"
    put(conn, number, APPROVED, answer_of(conn, number, bilal))


def unverified(conn: Connection, number: int, amna: Signer, bilal: Signer) -> None:
    signed(conn, number, amna)
    bilal.key.flags = PRESENT
    put(conn, number, APPROVED, answer_of(conn, number, bilal))


def not_present(conn: Connection, number: int, amna: Signer, bilal: Signer) -> None:
    signed(conn, number, amna)
    bilal.key.flags = VERIFIED
    put(conn, number, APPROVED, answer_of(conn, number, bilal))


def copied(conn: Connection, number: int, amna: Signer, bilal: Signer) -> None:
    """Two signatures with one place in the count."""
    other = proposed(conn, push(conn, "https://other.test/x", ref="2"), WORDS, amna)
    signed(conn, other, amna, bilal)
    signed(conn, number, amna)
    bilal.key.count -= 1
    put(conn, number, APPROVED, answer_of(conn, number, bilal))


def altered(conn: Connection, number: int, amna: Signer, bilal: Signer) -> None:
    signed(conn, number, amna, bilal)
    of_second = approval_signatures.c.part == APPROVED
    row = conn.execute(select(approval_signatures.c.signature).where(of_second)).scalar_one()
    conn.execute(update(approval_signatures).where(of_second).values(signature=row[:-1] + bytes([row[-1] ^ 1])))


def other_words(conn: Connection, number: int, amna: Signer, bilal: Signer) -> None:
    signed(conn, number, amna, bilal)
    conn.execute(update(approvals).where(approvals.c.id == number).values(collateral="nothing"))


def by_names(conn: Connection, number: int, amna: Signer, bilal: Signer) -> None:
    """By the command, which proves no person."""
    del amna, bilal
    conn.execute(update(approvals).where(approvals.c.id == number).values(lapsed_ms=1))
    order = get_order(conn, row_of_approval(conn, number).order)
    named = propose(conn, order, WORDS, Signatory("A. Khan", "compliance", "root"), NOW)
    approve(conn, named, Signatory("B. Ali", "approver", "root"), NOW)


FORGERIES = (
    (alone, "not signed by two"),
    (own_proposal, "two persons of different groups"),
    (one_group, "two persons of different groups"),
    (of_another, "something else"),
    (of_another_part, "something else"),
    (revoked, "a person who may not"),
    (revoked_proposer, "a person who may not"),
    (ended, "a person who may not"),
    (ended_proposer, "a person who may not"),
    (ended_and_given, "not of the desk any more"),
    (of_no_approver, "a person who may not"),
    (elsewhere, "made elsewhere"),
    (other_name, "made elsewhere"),
    (unverified, "made elsewhere"),
    (not_present, "made elsewhere"),
    (copied, "a copy"),
    (altered, "something else"),
    (other_words, "other words|of another order"),
    (by_names, "passkeys are demanded"),
)


@pytest.mark.parametrize(("forge", "why"), FORGERIES, ids=[each[0].__name__ for each in FORGERIES])
def test_control_refuses_what_two_persons_have_not_signed(
    conn: Connection, amna: Signer, bilal: Signer, forge: Forge, why: str
) -> None:
    number = proposed(conn, push(conn, URL), WORDS, amna)
    forge(conn, number, amna, bilal)

    publish(conn, proof=BY_PASSKEYS)

    assert not is_blocked(conn)
    assert [text for text in refusals(conn) if any(part in text for part in why.split("|"))] != []
    assert conn.execute(select(approvals.c.lapsed_ms).where(approvals.c.id == number)).scalar_one() is not None


def test_a_passkey_that_root_has_not_vouched_for_approves_nothing_whatever_the_database_says(
    conn: Connection, amna: Signer, bilal: Signer
) -> None:
    number = proposed(conn, push(conn, URL), WORDS, amna)
    own_passkey_of_the_role(conn, number, amna, bilal)
    conn.execute(update(passkeys).values(vouched_s=1))  # as who may write the file of SQLite can

    publish(conn, proof=BY_PASSKEYS)

    assert not is_blocked(conn) and unvouched_approvals(conn, VOUCHED) == [number]


def test_what_is_written_as_given_is_not_believed_without_root(conn: Connection, amna: Signer, bilal: Signer) -> None:
    number = proposed(conn, push(conn, URL), WORDS, amna)
    own_passkey_of_the_role(conn, number, amna, bilal)
    given = {"approver": bilal.person.mail, "approver_group": bilal.person.group, "approved_s": int(NOW.timestamp())}
    conn.execute(update(approvals).values(given))
    conn.execute(update(passkeys).values(vouched_s=1))

    publish(conn, proof=BY_PASSKEYS)

    assert not is_blocked(conn)


def test_an_approval_waits_for_a_file_that_was_lost_and_comes_back_with_it(
    conn: Connection, amna: Signer, bilal: Signer
) -> None:
    signed(conn, proposed(conn, push(conn, URL), WORDS, amna), amna, bilal)
    publish(conn, proof=BY_PASSKEYS)
    assert is_blocked(conn)

    publish(conn, LATER, proof=BY_PASSKEYS._replace(vouched={}))
    assert not is_blocked(conn) and refusals(conn) == []
    publish(conn, LATER, proof=BY_PASSKEYS)

    assert is_blocked(conn)


def test_signed_proposals_wait_while_no_passkey_is_vouched_for_and_are_given_then(
    conn: Connection, amna: Signer, bilal: Signer
) -> None:
    number = proposed(conn, push(conn, URL), WORDS, amna)
    signed(conn, number, amna, bilal)

    publish(conn, proof=BY_PASSKEYS._replace(vouched={}))
    assert not is_blocked(conn) and row_of_approval(conn, number).approved_s is None
    publish(conn, LATER, proof=BY_PASSKEYS)

    assert is_blocked(conn) and refusals(conn) == []


def test_who_came_to_another_group_in_the_database_alone_approves_nothing_new(
    conn: Connection, amna: Signer, bilal: Signer
) -> None:
    number = proposed(conn, push(conn, URL), WORDS, amna)
    signed(conn, number, amna, bilal)
    conn.execute(update(staff).where(staff.c.id == bilal.person.number).values(group="third"))

    publish(conn, proof=BY_PASSKEYS)

    assert not is_blocked(conn)


def test_a_passkey_of_one_person_counts_for_no_other_one(conn: Connection, amna: Signer, bilal: Signer) -> None:
    number = proposed(conn, push(conn, URL), WORDS, amna)
    signed(conn, number, amna, bilal)
    publish(conn, proof=BY_PASSKEYS)
    conn.execute(update(staff).where(staff.c.id == bilal.person.number).values(mail="daud@isp.example"))
    conn.execute(update(approvals).values(approver="daud@isp.example"))

    publish(conn, LATER, proof=BY_PASSKEYS)

    assert not is_blocked(conn) and "another person than it names" in refusals(conn)[-1]


def test_an_approval_outlives_that_its_person_leaves_and_not_that_the_passkey_is_forgotten(
    conn: Connection, amna: Signer, bilal: Signer
) -> None:
    signed(conn, proposed(conn, push(conn, URL), WORDS, amna), amna, bilal)
    publish(conn, proof=BY_PASSKEYS)
    set_state(conn, bilal.person.mail, StaffState.DISABLED, CONTROL, LATER)
    publish(conn, LATER, proof=BY_PASSKEYS)
    assert is_blocked(conn)

    reset_person(conn, amna.person.mail, CONTROL, LATER)
    publish(conn, LATER, proof=BY_PASSKEYS)

    assert not is_blocked(conn)
    assert "not known" in refusals(conn)[-1]


def test_an_approval_outlives_that_both_of_its_persons_come_to_be_of_one_group(
    conn: Connection, amna: Signer, bilal: Signer
) -> None:
    signed(conn, proposed(conn, push(conn, URL), WORDS, amna), amna, bilal)
    publish(conn, proof=BY_PASSKEYS)
    set_role(conn, bilal.person.mail, amna.person.role, None, CONTROL, LATER)

    publish(conn, LATER, proof=BY_PASSKEYS)

    assert is_blocked(conn) and refusals(conn) == []


def test_an_approval_in_force_outlives_what_another_role_writes_into_the_state_of_its_persons(
    conn: Connection, amna: Signer, bilal: Signer
) -> None:
    signed(conn, proposed(conn, push(conn, URL), WORDS, amna), amna, bilal)
    publish(conn, proof=BY_PASSKEYS)
    conn.execute(update(staff).values(state="on leave"))

    publish(conn, LATER, proof=BY_PASSKEYS)

    assert is_blocked(conn) and refusals(conn) == []


def test_an_approval_outlives_the_end_of_its_persons_accounts(conn: Connection, amna: Signer, bilal: Signer) -> None:
    for each in (amna, bilal):
        set_end(conn, each.person.mail, LATER, CONTROL, NOW)
    signed(conn, proposed(conn, push(conn, URL), WORDS, amna), amna, bilal)
    publish(conn, LATER - timedelta(seconds=1), proof=BY_PASSKEYS)
    for at in (LATER, LATER + timedelta(days=1)):
        publish(conn, at, proof=BY_PASSKEYS)

    assert is_blocked(conn) and refusals(conn) == []


def test_what_control_comes_to_after_the_end_is_not_given(conn: Connection, amna: Signer, bilal: Signer) -> None:
    set_end(conn, bilal.person.mail, LATER, CONTROL, NOW)
    signed(conn, proposed(conn, push(conn, URL), WORDS, amna), amna, bilal)
    publish(conn, LATER, proof=BY_PASSKEYS)

    assert not is_blocked(conn) and "a person who may not" in refusals(conn)[-1]


def test_names_are_taken_in_an_emergency_beside_passkeys_and_end_with_it(
    conn: Connection, amna: Signer, bilal: Signer
) -> None:
    number = proposed(conn, push(conn, URL), WORDS, amna)
    by_names(conn, number, amna, bilal)
    signed(conn, proposed(conn, push(conn, "https://other.test/x", ref="2"), WORDS, amna), amna, bilal)
    emergency = Proof(PARTY, takes_names=True, vouched=VOUCHED)
    publish(conn, proof=emergency)
    assert {HOST, b"\5other\4test\0"} <= {live.wire for live in live_entries(conn)}

    publish(conn, proof=BY_PASSKEYS)

    assert b"\5other\4test\0" in {live.wire for live in live_entries(conn)}
    assert not is_blocked(conn)


def test_what_was_signed_at_a_desk_is_not_believed_where_there_is_none(
    conn: Connection, amna: Signer, bilal: Signer
) -> None:
    signed(conn, proposed(conn, push(conn, URL), WORDS, amna), amna, bilal)

    publish(conn, proof=BY_NAMES)

    assert (is_blocked(conn), "no origin" in refusals(conn)[0]) == (False, True)
