"""What both persons of an approval sign with their passkeys, and what is kept of it.

    proposal is written → its proposer signs → another person signs → control gives it (mgmt.orders.proof)

Invariants: each signs the number of the approval, the part that the person has in it, and the digest of all that is
agreed to, so that a signature is good for nothing else; a signature is never changed.
"""

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, insert, select

from mgmt.ledger.event import Value
from mgmt.orders.approvals import (
    DESK,
    OF_ORDERS,
    ApprovalRefusal,
    Person,
    Proposal,
    propose,
    refuse_alone,
    refuse_outdated,
    waiting,
    wake,
)
from mgmt.orders.events import note_approval
from mgmt.staff.assertion import Assertion, approver_of, assertion_in
from mgmt.staff.passkeys import BadResponse, Party, row_of
from mgmt.staff.people import ACTIVE, find_person
from mgmt.staff.people import Person as Member
from mgmt.staff.permissions import permissions_of
from parental.schema.orders import approval_refusals, approval_signatures, approvals

PROPOSED, APPROVED = PARTS = ("proposed", "approved")
PERMISSION = "orders.approve"
MAX_WAITING = 100  # proposals of one order: it has tens of entries, and someone must read them all


def propose_at_desk(
    conn: Connection, order: Row[Any], proposal: Proposal, mail: str, through: str, at: datetime
) -> Row[Any]:
    """Write a proposal down, which its proposer is to sign; the approval.

    mail     whose proposal it is;   through  by whom it is sent: a person's session, or a token
    Raises ApprovalRefusal."""
    member = proposer_of(conn, mail, at)
    refuse_many(conn, approvals.c.order == order.id, f"order {order.id}")
    number = propose(conn, order, proposal, Person(member.mail, member.group, through, member.actor), at)
    return conn.execute(select(approvals).where(approvals.c.id == number)).one()


def proposer_of(conn: Connection, mail: str, at: datetime) -> Member:
    """Who proposes.   Raises ApprovalRefusal where the desk has no such person, or one who may not."""
    try:
        member = find_person(conn, mail)
    except LookupError as reason:
        raise ApprovalRefusal(str(reason)) from reason
    refuse_stranger(member, at.timestamp())
    return member


def refuse_many(conn: Connection, of_it: ColumnElement[bool], what: str) -> None:
    """Raises ApprovalRefusal where too many proposals of one thing wait already."""
    open_ones = select(func.count()).where(approvals.c.approved_s.is_(None), approvals.c.lapsed_ms.is_(None))
    if conn.execute(open_ones.where(of_it)).scalar_one() >= MAX_WAITING:
        raise ApprovalRefusal(f"{what}: {MAX_WAITING} proposals wait already; not proposed; have them signed")


def document_of(approval: Row[Any], part: str) -> bytes:
    """What a person signs."""
    said = [approval.id, approval.order, approval.number, approval.kind, approval.digest.hex(), approval.proposer]
    return json.dumps(["filterd approval", part, *said, approval.proposed_s]).encode()


def part_due(conn: Connection, approval: Row[Any]) -> str | None:
    """Whose signature is due next; None: none."""
    if approval.way != DESK or approval.approved_s is not None or approval.lapsed_ms is not None:
        return None
    if refusal_of(conn, approval.id) is not None:
        return None
    there = {row.part for row in signatures_of(conn, approval.id)}
    return next((part for part in PARTS if part not in there), None)


def sign(conn: Connection, party: Party, number: int, response: str, at: datetime) -> str | None:
    """Keep the signature that is due; why it is not taken, or None.

    conn      of a transaction that a refusal must not undo: a copy of a passkey is written down
    response  PublicKeyCredential.toJSON() of the browser, over document_of()
    Raises ApprovalRefusal: no one can sign this."""
    proposal = waiting(conn, number)
    part = part_due(conn, proposal)
    if part is None:
        raise ApprovalRefusal(f"approval {number}: no signature is due; not signed; see: filterd orders approve --list")
    refuse_outdated(conn, proposal, at)
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
    note_approval(conn, proposal, "approval signed", at, (used.person.actor, None), noted)
    if part == APPROVED:
        wake(conn)
    return None


def refuse_proposal(conn: Connection, number: int, reason: str, by: Member, at: datetime) -> None:
    """Refuse what waits for a signature: one person is enough, it puts nothing in force.   Raises ApprovalRefusal."""
    refuse_stranger(by, at.timestamp())
    proposal = waiting(conn, number)
    if part_due(conn, proposal) is None:
        raise ApprovalRefusal(f"approval {number}: waits for no signature; not refused; load the page again")
    if not reason.strip():
        raise ApprovalRefusal("why: missing; not refused; write it")
    row = {"approval": number, "by": by.mail, "reason": reason.strip(), "refused_s": int(at.timestamp())}
    conn.execute(insert(approval_refusals).values(row))
    note_approval(conn, proposal, "proposal refused", at, (by.actor, None), {"approval": number, "reason": reason})
    wake(conn)


def refusal_of(conn: Connection, number: int) -> Row[Any] | None:
    """Who has refused a proposal, and why; None: no one has."""
    return conn.execute(select(approval_refusals).where(approval_refusals.c.approval == number)).one_or_none()


def refused_ones(conn: Connection, of: ColumnElement[bool] = OF_ORDERS) -> Sequence[Row[Any]]:
    """The proposals that were refused, and that control has not ended yet.   by  who has refused each"""
    chosen = select(approvals, approval_refusals.c.by).join(approval_refusals).where(of)
    return conn.execute(chosen.where(approvals.c.approved_s.is_(None), approvals.c.lapsed_ms.is_(None))).all()


def signatures_of(conn: Connection, number: int) -> Sequence[Row[Any]]:
    """Those of an approval."""
    return conn.execute(select(approval_signatures).where(approval_signatures.c.approval == number)).all()


def signed_by_two(conn: Connection, of: ColumnElement[bool] = OF_ORDERS) -> Sequence[Row[Any]]:
    """The proposals that wait for control alone."""
    seconds = select(approval_signatures.c.approval).where(approval_signatures.c.part == APPROVED)
    chosen = select(approvals).where(approvals.c.id.in_(seconds), approvals.c.approved_s.is_(None))
    chosen = chosen.where(approvals.c.lapsed_ms.is_(None), of)
    return conn.execute(chosen.order_by(approvals.c.id)).all()


def refuse_stranger(member: Member, now_s: float) -> None:
    """Raises ApprovalRefusal where a person's role approves nothing, or the person is not of the desk now."""
    state = member.state_at(now_s)
    if state != ACTIVE or PERMISSION not in permissions_of((member.role,)):
        raise ApprovalRefusal(f"{member.mail}: {state}, role {member.role}; nothing done; another person must")


# ----------------------------------------------------------------------------------------------------------------------


def _check_signer(conn: Connection, proposal: Row[Any], part: str, member: Member, assertion: Assertion) -> None:
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
