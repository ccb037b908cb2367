"""Legal holds that two persons of the desk have agreed to: control begins them, keeps to them, and ends them.

    approvals of holds, proven → begun → over: at its end, or released by two persons → its records go at their age

Invariants: a hold is proven once, when it begins, and a signer who leaves ends none; a hold that has begun is ended by
its end or by a proven release alone: of one that is not what was signed, there is a fault, and its records stay.  It
has one approval, the first that names it: no later one begins it again, or makes it longer.  Where the time is not
known, no hold ends.  Beginning, release and end are events of the ledger.
"""

import logging
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, and_, func, or_, select, update

from mgmt.ledger.event import CONTROL, Actor
from mgmt.registers.records import block_ledger
from mgmt.registers.records.holds.proposals import HOLDS, LEGAL_HOLD, RELEASE, SIGNED_WITHIN, holds_in_force, noted_of
from mgmt.registers.records.holds.scope import Scope, scope_of
from mgmt.staff.approvals.proof import NOT_VOUCHED, Proof, signers_of, why_unproven
from mgmt.staff.approvals.rules import is_over
from mgmt.staff.approvals.settlement import end_approval, give_signed
from mgmt.staff.approvals.store import approvals_given, note_approval, note_given
from parental.store.schema.orders import approvals
from parental.store.schema.records import legal_holds

log = logging.getLogger("filterd.control.service")


class Holds(NamedTuple):
    """What retention keeps to.   scopes  of holds in force;   faults  of those that are not as they were signed"""

    scopes: list[Scope]
    faults: list[str]


class Moment(NamedTuple):
    """Now.   at  by the wall clock;   known_s  as far as the time is known, else None

    kept_s  how long records stay that no hold names"""

    at: datetime
    known_s: float | None
    kept_s: float


def look(conn: Connection, proof: Proof, moment: Moment) -> Holds:
    """Begin what two persons have agreed to, end what is over, and say what is in force.   conn  may write"""
    at, faults = moment.at, list[str]()
    now_s = int(at.timestamp() if moment.known_s is None else moment.known_s)
    give_signed(conn, HOLDS, proof, now_s, at)
    for approval in approvals_given(conn, HOLDS):
        begun_ms = conn.execute(select(legal_holds.c.begun_ms).where(legal_holds.c.id == approval.hold)).scalar()
        has_begun = begun_ms is not None and approval.kind == LEGAL_HOLD
        fault = HOLDS.fault_of(conn, approval) or (None if has_begun else why_unproven(conn, approval, proof))
        if approval.kind == LEGAL_HOLD and approval.id != _first_of(conn, approval.hold):
            end_approval(conn, HOLDS, approval, "is of a hold that has another approval", at)
        elif has_begun:
            faults += [] if fault is None else [f"hold {approval.hold}: {fault}; what its row names stays; release it"]
        elif fault == NOT_VOUCHED:
            faults.append(f"hold {approval.hold}: its approval {fault}; not carried out; vouch for them, or refuse it")
        elif fault is not None:
            end_approval(conn, HOLDS, approval, fault, at)
        elif approval.kind == RELEASE:
            _release(conn, approval, proof, at)
        elif moment.known_s is None or not is_over(approval, moment.known_s):
            _begin(conn, approval, proof, moment)
    _end_over(conn, moment)
    return Holds(in_force(conn), faults)


def in_force(conn: Connection) -> list[Scope]:
    """What the holds name that have begun and are not over."""
    return [hold.scope for hold in holds_in_force(conn)]


# ----------------------------------------------------------------------------------------------------------------------


def _first_of(conn: Connection, hold: int) -> int | None:
    """The approval of a hold.   Numbers rise, and web gives none: what it writes of a hold later is not the first."""
    of_it = approvals.c.hold == hold, approvals.c.kind == LEGAL_HOLD
    first: int | None = conn.execute(select(func.min(approvals.c.id)).where(*of_it)).scalar_one()
    return first


def _begin(conn: Connection, approval: Row[Any], proof: Proof, moment: Moment) -> None:
    scope, at = scope_of(conn, approval.hold), moment.at
    now_s = at.timestamp() if moment.known_s is None else moment.known_s
    gone_s = max(int(now_s - moment.kept_s), block_ledger.gone_before_s(conn))
    gone_before_s = gone_s if scope.since_s < gone_s else None
    begun = {"begun_ms": int(at.timestamp() * 1000), "gone_before_s": gone_before_s}
    conn.execute(update(legal_holds).where(legal_holds.c.id == approval.hold).values(begun))
    by = _signers(conn, approval, proof)
    note_given(conn, HOLDS, approval, at, by)
    said = {"approval": approval.id, **noted_of(dict(approval._mapping), scope), "gone_before": gone_before_s}
    note_approval(conn, HOLDS, approval, "legal hold begun", at, (CONTROL, None), said)
    log.warning("hold %d: begun: %s", approval.hold, approval.reference)


def _release(conn: Connection, release: Row[Any], proof: Proof, at: datetime) -> None:
    """End the hold that two persons release; what is not in force any more is released already."""
    note_given(conn, HOLDS, release, at, _signers(conn, release, proof))
    chosen = select(approvals).where(approvals.c.hold == release.hold, approvals.c.kind == LEGAL_HOLD)
    for approval in conn.execute(chosen.where(approvals.c.lapsed_ms.is_(None))).all():
        end_approval(conn, HOLDS, approval, None, at)
        said = {"approval": approval.id, "by_approval": release.id}
        note_approval(conn, HOLDS, approval, "legal hold released", at, (CONTROL, None), said)
        log.warning("hold %d: released: %s", release.hold, release.reference)
    end_approval(conn, HOLDS, release, None, at)


def _end_over(conn: Connection, moment: Moment) -> None:
    """End the holds whose end has come, and the proposals that no one has signed in time."""
    if moment.known_s is None:
        return
    known_s = int(moment.known_s)
    signed_by_s = known_s - int(SIGNED_WITHIN.total_seconds())
    late = and_(approvals.c.approved_s.is_(None), approvals.c.proposed_s <= signed_by_s)
    over = approvals.c.expires_s <= known_s
    chosen = select(approvals, legal_holds.c.begun_ms).join(legal_holds, approvals.c.hold == legal_holds.c.id)
    for approval in conn.execute(chosen.where(approvals.c.lapsed_ms.is_(None), or_(late, over))).all():
        has_begun = approval.kind == LEGAL_HOLD and approval.begun_ms is not None
        end_approval(conn, HOLDS, approval, None if has_begun else "was not agreed to in time", moment.at)
        if has_begun:
            note_approval(
                conn, HOLDS, approval, "legal hold lapsed", moment.at, (CONTROL, None), {"approval": approval.id}
            )
            log.warning("hold %s: its end has come: its records go at their age", approval.hold)


def _signers(conn: Connection, approval: Row[Any], proof: Proof) -> tuple[Actor, Actor]:
    """Who has signed, the second first; it is proven that there are two."""
    found = signers_of(conn, approval, proof, approval.approved_s)
    return (CONTROL, CONTROL) if isinstance(found, str) else found.actors
