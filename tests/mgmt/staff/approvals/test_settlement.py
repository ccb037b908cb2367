"""What control does of approvals, of any subject."""

from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete
from support.mgmt.orders import NOW, said
from support.mgmt.signing import BY_PASSKEYS, Signer, row_of_approval, signed

from mgmt.ledger.trusted_clock import UNKNOWN
from mgmt.orders.approvals import ORDERS
from mgmt.registers.lists.rollbacks import LISTS, LIVES, Rollback, propose_rollback
from mgmt.registers.two_persons import SUBJECTS
from mgmt.staff.approvals.proof import Signers
from mgmt.staff.approvals.settlement import Settlement, end_unsigned, give_signed, has_signed, settle_approvals
from mgmt.staff.approvals.signatures import refuse_proposal
from parental.store.schema.orders import approval_signatures

NOW_S = int(NOW.timestamp())
WANTED = Rollback("pta", "a" * 64, "b" * 64, "a wrong version", "T-7", "one name")


def proposed_rollback(conn: Connection, by: Signer) -> int:
    return int(propose_rollback(conn, WANTED, by.person.mail, "desk", NOW).id)


def settled(conn: Connection, after: timedelta = timedelta(), **more: Any) -> Settlement:
    at = NOW + after
    return settle_approvals(conn, LISTS, BY_PASSKEYS, int(at.timestamp()), at, **more)


def ids(rows: list[Row[Any]]) -> list[int]:
    return [row.id for row in rows]


def reasons(conn: Connection) -> list[str | None]:
    """Why control has ended approvals; None: they were over."""
    ends = ("approval ended", "approval refused")
    return [each["said"].get("reason") for each in said(conn) if each["action"] in ends]


def test_what_two_have_signed_is_given_once_and_believed_until_its_end(
    conn: Connection, amna: Signer, bilal: Signer
) -> None:
    number = proposed_rollback(conn, amna)
    assert not has_signed(conn, LISTS, NOW_S) and settled(conn) == Settlement([], [], [])
    signed(conn, number, amna, bilal)
    assert has_signed(conn, LISTS, NOW_S) and not has_signed(conn, ORDERS, NOW_S)
    given: list[tuple[int, str]] = []

    def carry_out(approval: Row[Any], signers: Signers) -> None:
        given.append((approval.id, signers.second.mail))

    for after in (timedelta(), LIVES - timedelta(seconds=1)):
        assert ids(settled(conn, after, carry_out=carry_out).believed) == [number]
    assert given == [(number, "bilal@isp.example")]
    found = settled(conn, LIVES)

    assert (found.believed, found.ended, reasons(conn)) == ([], [number], [None])
    assert settled(conn, LIVES) == Settlement([], [], [])


def test_one_is_carried_out_before_the_next_is_looked_at(conn: Connection, amna: Signer, bilal: Signer) -> None:
    first, second = proposed_rollback(conn, amna), proposed_rollback(conn, bilal)
    signed(conn, first, amna, bilal)
    signed(conn, second, bilal, amna)

    def spoil(approval: Row[Any], _: Signers) -> None:
        conn.execute(delete(approval_signatures).where(approval_signatures.c.approval != approval.id))

    found = settled(conn, carry_out=spoil)

    assert (ids(found.believed), found.ended) == ([first], [second])
    assert reasons(conn) == ["is not signed by two persons"]


def test_while_the_time_is_not_known_nothing_is_given(conn: Connection, amna: Signer, bilal: Signer) -> None:
    number = proposed_rollback(conn, amna)
    signed(conn, number, amna, bilal)

    assert not has_signed(conn, LISTS, UNKNOWN) and give_signed(conn, LISTS, BY_PASSKEYS, UNKNOWN, NOW) == {}

    assert row_of_approval(conn, number).lapsed_ms is None


def test_what_a_person_has_refused_is_ended_and_what_no_one_signs_at_its_end(
    conn: Connection, amna: Signer, bilal: Signer
) -> None:
    refused, late = proposed_rollback(conn, amna), proposed_rollback(conn, amna)
    refuse_proposal(conn, SUBJECTS, refused, "not needed", bilal.person, NOW)

    assert ids(list(settled(conn).seen)) == [refused]
    end_unsigned(conn, LISTS, NOW_S, NOW)
    assert row_of_approval(conn, late).lapsed_ms is None
    end_unsigned(conn, LISTS, NOW_S + int(LIVES.total_seconds()), NOW + LIVES)

    assert reasons(conn) == ["was refused at the desk", None]
    assert row_of_approval(conn, late).lapsed_ms is not None
