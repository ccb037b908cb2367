"""What control does of approvals: it checks what two have signed, gives it, and ends what is over or not believed.

Only the control role imports this (tests/repo holds it); PostgreSQL lets no other role write these columns.
Invariants: no row is believed because another role wrote it; no matter what a row holds, nothing is raised; each end is
an event of the ledger that says why.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, select, update

from mgmt.ledger.event import CONTROL, Value
from mgmt.staff.approvals.proof import NOT_VOUCHED, Proof, Signers, signers_of, why_unproven
from mgmt.staff.approvals.rules import is_over, waits
from mgmt.staff.approvals.signatures import refused_ones, signed_by_two
from mgmt.staff.approvals.store import Subject, approvals_given, note_approval, note_given
from parental.store.schema.orders import approvals


class Settlement(NamedTuple):
    """What has become of the approvals of a subject.

    believed  that hold, by rising number;   ended  just now, of those that two had agreed to
    seen      all that were looked at"""

    believed: list[Row[Any]]
    ended: list[int]
    seen: Sequence[Row[Any]]


def settle_approvals(
    conn: Connection,
    subject: Subject,
    proof: Proof,
    now_s: int,
    at: datetime,
    carry_out: Callable[[Row[Any], Signers], None] = lambda *_: None,
) -> Settlement:
    """Give what two have signed, and end what was refused, is not believed or is over; NOT_VOUCHED ends nothing.

    conn   may write;   at  now (aware), as it is written down;   now_s  now, as it is decided by
    proof  that is asked of approvals;   carry_out  each that is given, before the next one is looked at"""
    waiting = [*refused_ones(conn, subject), *signed_by_two(conn, subject)]
    signers = give_signed(conn, subject, proof, now_s, at)
    given = approvals_given(conn, subject)
    found = Settlement([], [], [*waiting, *given])
    for approval in given:
        fault = subject.fault_of(conn, approval) or why_unproven(conn, approval, proof)
        if fault is None and approval.id in signers:
            fault = subject.why_late(conn, approval, now_s)
        if fault == NOT_VOUCHED and not is_over(approval, now_s):
            continue
        if fault is not None or is_over(approval, now_s):
            found.ended.append(approval.id)
            end_approval(conn, subject, approval, fault, at)
            continue
        found.believed.append(approval)
        if approval.id in signers:
            note_given(conn, subject, approval, at, signers[approval.id].actors)
            carry_out(approval, signers[approval.id])
    return found


def give_signed(conn: Connection, subject: Subject, proof: Proof, now_s: int, at: datetime) -> dict[int, Signers]:
    """End the proposals that were refused, and write the second person of each that two have signed and that need not
    wait; what is signed by a passkey that root has not vouched for on this box waits.

    Returns who they are, by the number of the proposal; conn  may write"""
    for proposal in refused_ones(conn, subject):
        end_approval(conn, subject, proposal, "was refused at the desk", at)
    new = {}
    for proposal in (each for each in signed_by_two(conn, subject) if not waits(each, subject.kinds, now_s)):
        signers = signers_of(conn, proposal, proof, now_s)
        if signers == NOT_VOUCHED:
            continue
        if isinstance(signers, str):
            end_approval(conn, subject, proposal, signers, at)
            continue
        second = signers.second
        given = {"approver": second.mail, "approver_group": second.group, "approved_s": now_s}
        conn.execute(update(approvals).where(approvals.c.id == proposal.id).values(given))
        new[proposal.id] = signers
    return new


def has_signed(conn: Connection, subject: Subject, now_s: int) -> bool:
    """Whether give_signed() has something to give."""
    return any(not waits(each, subject.kinds, now_s) for each in signed_by_two(conn, subject))


def end_unsigned(conn: Connection, subject: Subject, now_s: int, at: datetime) -> None:
    """End the proposals whose end has come before two have signed."""
    over = approvals.c.lapsed_ms.is_(None), approvals.c.approved_s.is_(None), approvals.c.expires_s <= now_s
    for proposal in conn.execute(select(approvals).where(subject.rows, *over)).all():
        end_approval(conn, subject, proposal, None, at)


def end_approval(conn: Connection, subject: Subject, approval: Row[Any], fault: str | None, at: datetime) -> None:
    """Control ends it.   fault  why it is not believed; None: it is over"""
    ms = int(at.timestamp() * 1000)
    conn.execute(update(approvals).where(approvals.c.id == approval.id).values(lapsed_ms=ms))
    action = "approval ended" if fault is None else "approval refused"
    said: dict[str, Value] = {"approval": approval.id} | ({} if fault is None else {"reason": fault})
    note_approval(conn, subject, approval, action, at, (CONTROL, None), said)
