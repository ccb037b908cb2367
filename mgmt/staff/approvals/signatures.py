"""What both persons of an approval sign with their passkeys, and what is kept of it.

    proposal is written → its proposer signs → another person signs → control gives it (mgmt.staff.approvals.settlement)

Invariants: each signs the number of the approval, the part that the person has in it, and the digest of all that is
agreed to, so that a signature is good for nothing else; a signature is never changed.
"""

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from mgmt.ledger.event import Value
from mgmt.staff.approvals.rules import APPROVED, DESK, PROPOSED, ApprovalRefusal, State, refuse_alone, state_of
from mgmt.staff.approvals.store import (
    Subject,
    note_approval,
    refuse_outdated,
    refuse_stranger,
    subject_of,
    waiting,
    wake,
)
from mgmt.staff.assertion import Assertion, approver_of, assertion_in
from mgmt.staff.passkeys import BadResponse, Party, row_of
from mgmt.staff.people import Person
from parental.store.schema.orders import approval_refusals, approval_signatures, approvals

_DUE = {State.UNSIGNED: PROPOSED, State.WAITING: APPROVED}


def document_of(approval: Row[Any], part: str) -> bytes:
    """What a person signs."""
    said = [approval.id, approval.order, approval.number, approval.kind, approval.digest.hex(), approval.proposer]
    return json.dumps(["filterd approval", part, *said, approval.proposed_s]).encode()


def part_due(conn: Connection, approval: Row[Any]) -> str | None:
    """Whose signature is due next; None: none."""
    if approval.way != DESK or state_of(approval) in (State.GIVEN, State.ENDED):
        return None
    signed = {row.part for row in signatures_of(conn, approval.id)}
    return _DUE.get(state_of(approval, signed, is_refused=refusal_of(conn, approval.id) is not None))


def sign(
    conn: Connection, subjects: Sequence[Subject], party: Party, number: int, response: str, at: datetime
) -> str | None:
    """Keep the signature that is due; why it is not taken, or None.

    conn      of a transaction that a refusal must not undo: a copy of a passkey is written down
    response  PublicKeyCredential.toJSON() of the browser, over document_of()
    Raises ApprovalRefusal: no one can sign this."""
    proposal = waiting(conn, number)
    subject, part = subject_of(proposal, subjects), part_due(conn, proposal)
    if part is None:
        raise ApprovalRefusal(f"approval {number}: no signature is due; not signed; see: filterd orders approve --list")
    refuse_outdated(conn, subject, proposal, at)
    used = approver_of(conn, party, document_of(proposal, part), response, at)
    if used.person is None:
        return f"approval {number}: the passkey's answer is {used.why}; not signed; load it again and use your own"
    try:
        assertion = assertion_in(response)
        refuse_stranger(used.person, at.timestamp())
        _check_signer(conn, proposal, part, used.person, assertion)
    except (ApprovalRefusal, BadResponse) as reason:
        return str(reason)
    row = {"approval": number, "part": part, "signed_s": int(at.timestamp())}
    conn.execute(insert(approval_signatures).values(**row, **assertion._asdict()))
    noted: dict[str, Value] = {
        "approval": number,
        "part": part,
        "signature": hashlib.sha256(assertion.signature).hexdigest(),
    }
    note_approval(conn, subject, proposal, "approval signed", at, (used.person.actor, None), noted)
    if part == APPROVED:
        wake(conn)
    return None


def refuse_proposal(
    conn: Connection, subjects: Sequence[Subject], number: int, reason: str, by: Person, at: datetime
) -> None:
    """Refuse what waits for a signature: one person is enough, it puts nothing in force.   Raises ApprovalRefusal."""
    refuse_stranger(by, at.timestamp())
    proposal = waiting(conn, number)
    if part_due(conn, proposal) is None:
        raise ApprovalRefusal(f"approval {number}: waits for no signature; not refused; load the page again")
    if not reason.strip():
        raise ApprovalRefusal("why: missing; not refused; write it")
    row = {"approval": number, "by": by.mail, "reason": reason.strip(), "refused_s": int(at.timestamp())}
    conn.execute(insert(approval_refusals).values(row))
    said: dict[str, Value] = {"approval": number, "reason": reason}
    note_approval(conn, subject_of(proposal, subjects), proposal, "proposal refused", at, (by.actor, None), said)
    wake(conn)


def refusal_of(conn: Connection, number: int) -> Row[Any] | None:
    """Who has refused a proposal, and why; None: no one has."""
    return conn.execute(select(approval_refusals).where(approval_refusals.c.approval == number)).one_or_none()


def refused_ones(conn: Connection, subject: Subject) -> Sequence[Row[Any]]:
    """The proposals that were refused, and that control has not ended yet.   by  who has refused each"""
    chosen = select(approvals, approval_refusals.c.by).join(approval_refusals).where(subject.rows)
    return conn.execute(chosen.where(approvals.c.approved_s.is_(None), approvals.c.lapsed_ms.is_(None))).all()


def signatures_of(conn: Connection, number: int) -> Sequence[Row[Any]]:
    """Those of an approval."""
    return conn.execute(select(approval_signatures).where(approval_signatures.c.approval == number)).all()


def signed_by_two(conn: Connection, subject: Subject) -> Sequence[Row[Any]]:
    """The proposals that wait for control alone."""
    seconds = select(approval_signatures.c.approval).where(approval_signatures.c.part == APPROVED)
    chosen = select(approvals).where(approvals.c.id.in_(seconds), approvals.c.approved_s.is_(None))
    chosen = chosen.where(approvals.c.lapsed_ms.is_(None), subject.rows)
    return conn.execute(chosen.order_by(approvals.c.id)).all()


# ----------------------------------------------------------------------------------------------------------------------


def _check_signer(conn: Connection, proposal: Row[Any], part: str, member: Person, assertion: Assertion) -> None:
    key = row_of(conn, assertion.credential)
    if key is None or key.vouched_s is None:
        raise ApprovalRefusal(
            f"approval {proposal.id}: this passkey is not vouched for; not signed; "
            f"run on the box: filterd staff vouch {member.mail}"
        )
    if part == APPROVED:
        refuse_alone(proposal, member.mail, member.group)
    elif member.mail != proposal.proposer:
        raise ApprovalRefusal(f"approval {proposal.id}: {proposal.proposer} signs first; not signed; wait for it")
