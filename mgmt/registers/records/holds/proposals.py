"""A legal hold begins, or is released before its end, as two persons of the desk agree to with their passkeys.

    proposed at the desk → signed by its proposer → by another person of another group → control checks it and begins it
    → it ends by itself at its end, or two persons release it before

Invariants: control alone begins and ends one, from the rows, no matter what web says of it; what it names, its end and
its words are one digest; of a hold there is no other end than the day that both have signed, a year away at most.
"""

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar, NamedTuple

from sqlalchemy import Connection, Row, func, insert, select

from mgmt.ledger.event import Value
from mgmt.registers.records.holds.scope import Scope, scope_of
from mgmt.registers.records.holds.shapes import Hold, LegalHold, shown
from mgmt.staff.approvals.rules import ApprovalRefusal, Kind, Signatory, refuse_blank
from mgmt.staff.approvals.store import Subject, event_value, propose, proposer_at_desk
from parental.store.schema.orders import approvals, orders
from parental.store.schema.records import legal_holds

LEGAL_HOLD, RELEASE = "legal-hold", "legal-hold-release"
LONGEST = timedelta(days=366)  # then two persons look at it again, and propose another one
SIGNED_WITHIN = timedelta(days=7)  # a proposal that no one signs is nothing to wait for
MOST_HOLDS = 100  # that have not ended: each is looked for in every record that is old
PSEUDONYM_DIGITS = 32
FIRST_S, LAST_S = -62_135_596_800, 253_402_300_799  # the years 1 to 9999
_HOLDS = (
    select(
        *legal_holds.c["id", *Scope._fields, "begun_ms", "gone_before_s"],
        approvals.c.id,
        *approvals.c["reason", "reference", "expires_s", "proposer", "approver", "lapsed_ms"],
    )
    .select_from(legal_holds.join(approvals, approvals.c.hold == legal_holds.c.id))
    .where(approvals.c.kind == LEGAL_HOLD)
)
_SAID = ("kind", "hold", "reason", "reference", "collateral", "expires_s", "proposer")


class NewHold(NamedTuple):
    """What is to be agreed to.

    reason, reference   why, and by which letter;   ends  when it is over (aware)"""

    scope: Scope
    reason: str
    reference: str
    ends: datetime


class HoldApprovals(Subject):
    """What two persons agree to of legal holds: until one has begun, what it names may go, so none waits for a clock"""

    column = approvals.c.hold
    kinds: ClassVar = {
        LEGAL_HOLD: Kind(longest=LONGEST, needs_clock=False),
        RELEASE: Kind(longest=SIGNED_WITHIN, needs_clock=False),
    }
    changed = "is of other records or words than are here now"

    def words_of(self, conn: Connection, row: Mapping[str, Any]) -> list[object]:
        return [*(row[name] for name in _SAID), *scope_of(conn, row["hold"])]

    def about(self, _: Connection, approval: Row[Any]) -> dict[str, Value]:
        return {"hold": event_value(approval.hold)}

    def why_changed(self, conn: Connection, approval: Row[Any]) -> str | None:
        there = conn.execute(select(legal_holds.c.id).where(legal_holds.c.id == approval.hold)).first()
        return "is of a hold that there is not" if there is None else super().why_changed(conn, approval)


HOLDS = HoldApprovals()


def propose_hold(conn: Connection, wanted: NewHold, mail: str, through: str, at: datetime) -> Row[Any]:
    """Write a proposal down, which its proposer is to sign; the approval.

    mail     whose proposal it is;   through  by whom it is sent: a person's session, or a token
    Raises ApprovalRefusal."""
    _check(conn, wanted, at)
    by = _proposer(conn, wanted.reason, wanted.reference, mail, through, at)
    stored = conn.execute(insert(legal_holds).values(wanted.scope._asdict()))
    assert stored.inserted_primary_key is not None
    said = {
        "kind": LEGAL_HOLD,
        "hold": int(stored.inserted_primary_key[0]),
        "reason": wanted.reason,
        "reference": wanted.reference,
        "collateral": collateral_of(wanted.scope),
        "expires_s": int(wanted.ends.timestamp()),
    }
    return propose(conn, HOLDS, said, by, at, noted_of(said, wanted.scope))


def propose_release(
    conn: Connection, hold: int, reason: str, reference: str, mail: str, through: str, at: datetime
) -> Row[Any]:
    """The same of the release of a hold that has begun.   Raises ApprovalRefusal."""
    found = find_hold(conn, hold)
    if found is None or found.begun_ms is None or found.lapsed_ms is not None:
        raise ApprovalRefusal(f"hold {hold}: is not in force; nothing proposed; see: filterd audit holds")
    scope = found.scope
    by = _proposer(conn, reason, reference, mail, through, at)
    said = {
        "kind": RELEASE,
        "hold": hold,
        "reason": reason,
        "reference": reference,
        "collateral": f"what no other hold names of these is destroyed at its age: {scope.text()}",
        "expires_s": int((at + SIGNED_WITHIN).timestamp()),
    }
    return propose(conn, HOLDS, said, by, at, noted_of(said, scope))


def find_hold(conn: Connection, number: int) -> Hold | None:
    """A hold with its approval; None: none exists."""
    row = conn.execute(_HOLDS.where(legal_holds.c.id == number).limit(1)).one_or_none()
    return None if row is None else Hold._make(row)


def holds_in_force(conn: Connection) -> list[Hold]:
    """Those that have begun and are not over, by their numbers."""
    has_begun = legal_holds.c.begun_ms.is_not(None), approvals.c.approved_s.is_not(None)
    chosen = _HOLDS.where(*has_begun, approvals.c.lapsed_ms.is_(None)).order_by(legal_holds.c.id)
    return list(map(Hold._make, conn.execute(chosen)))


def shown_holds(conn: Connection, most: int) -> list[LegalHold]:
    """Those that have not ended, the newest first, and then those that have, for people."""
    has_ended = approvals.c.lapsed_ms.is_not(None)
    chosen = _HOLDS.order_by(has_ended, legal_holds.c.id.desc()).limit(most)
    return [shown(Hold._make(row)) for row in conn.execute(chosen)]


def rounded_span(since: datetime | None, until: datetime) -> tuple[int, int]:
    """The whole seconds in which a span of time is.   since  None: from the first record   Raises ApprovalRefusal"""
    try:
        return (0 if since is None else math.floor(since.timestamp())), math.ceil(until.timestamp())
    except (OverflowError, ValueError) as reason:
        raise ApprovalRefusal(
            "since, until: a year that there is not; nothing proposed; write another time"
        ) from reason


def noted_of(approval: Mapping[str, object], scope: Scope) -> dict[str, Value]:
    """What the ledger says of an approval, by its columns; of a pseudonym, that there is one."""
    said = {name: event_value(value) for name, value in scope.equal().items() if name != "subscriber"}
    said |= {
        "since": event_value(scope.since_s),
        "until": event_value(scope.until_s),
        "of_subscriber": scope.subscriber is not None,
    }
    said |= {
        "keeps_keys": bool(scope.keeps_keys),
        "kind": event_value(approval["kind"]),
        "ends": event_value(approval["expires_s"]),
    }
    return said | {name: event_value(approval[name]) for name in ("reason", "reference")}


def collateral_of(scope: Scope) -> str:
    """What is kept for it, in one sentence."""
    keys = "the keys of its days stay" if scope.keeps_keys else "the keys of its days are destroyed at their age"
    return f"{scope.text()}; where records are files, with all others of the same second of a gateway; {keys}"


# ----------------------------------------------------------------------------------------------------------------------


def _proposer(conn: Connection, reason: str, reference: str, mail: str, through: str, at: datetime) -> Signatory:
    refuse_blank({"reason": reason, "reference": reference}, ("reason", "reference"))
    return proposer_at_desk(conn, mail, through, at, HOLDS.rows, "legal holds")


def _check(conn: Connection, wanted: NewHold, at: datetime) -> None:
    scope = wanted.scope
    if not FIRST_S <= scope.since_s < scope.until_s <= LAST_S:
        raise ApprovalRefusal("until: not after since; nothing proposed; name records of a span of time")
    if not at < wanted.ends <= at + LONGEST:
        raise ApprovalRefusal(f"ends: not within {LONGEST.days} days from now; nothing proposed; write another day")
    if scope.subscriber is not None and not _is_pseudonym(scope.subscriber):
        raise ApprovalRefusal(
            f"subscriber: no pseudonym; nothing proposed; write {PSEUDONYM_DIGITS} hexadecimal digits"
        )
    if scope.order is not None and conn.execute(select(orders.c.id).where(orders.c.id == scope.order)).first() is None:
        raise ApprovalRefusal(f"order {scope.order}: not found; nothing proposed; write its number")
    is_open = approvals.c.kind == LEGAL_HOLD, approvals.c.lapsed_ms.is_(None)
    if conn.execute(select(func.count()).where(*is_open)).scalar_one() >= MOST_HOLDS:
        raise ApprovalRefusal(f"{MOST_HOLDS} legal holds have not ended; nothing proposed; release one, or widen it")


def _is_pseudonym(text: str) -> bool:
    return len(text) == PSEUDONYM_DIGITS and set(text) <= set("0123456789abcdef")
