"""Proposals and approvals in the database of every subject.

Each thing to which two persons agree is a Subject: what of a row they agree to, and what of it can change meanwhile.
Invariants: the database holds that the persons and their groups differ, letter for letter; what was agreed to has a
digest, and an approval of anything else does not count; each step is an event of the ledger.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import Column, ColumnElement, Connection, Row, exists, func, insert, select, update

from mgmt.contract.fields import MAX_TEXT_CHARACTERS
from mgmt.ledger.event import MAX_WHOLE, SETTINGS, Actor, Event, Value
from mgmt.ledger.store import append
from mgmt.staff.approvals.rules import (
    MAX_WAITING,
    NAMES,
    UNREADABLE,
    ApprovalRefusal,
    Kind,
    Objection,
    Signatory,
    State,
    digest_of,
    fault_of,
    refuse_alone,
    refuse_blank,
    refuse_unnamed,
    state_of,
)
from mgmt.staff.people import Person, StaffState, find_person
from mgmt.staff.permissions import permissions_of
from parental.store.revision import ORDERS, raise_revision
from parental.store.schema.orders import approvals

PERMISSION = "orders.approve"
_NOTED = ("kind", "number", "reason", "reference", "collateral", "owner_consent", "expires_s")


class Subject(ABC):
    """What approvals are about.

    column  that names it: of the rows of all other subjects it is empty;   kinds  that there are, by name
    topic   the kind of its events in the ledger;   changed  why an approval of what is here no more is not believed"""

    column: Column[Any]
    kinds: ClassVar[Mapping[str, Kind]]
    topic = SETTINGS
    changed: str

    @property
    def rows(self) -> ColumnElement[bool]:
        """Which approvals are of it."""
        return self.column.is_not(None)

    @abstractmethod
    def words_of(self, conn: Connection, row: Mapping[str, Any], /) -> list[object]:
        """All that two persons agree to.   row  of an approval; it may hold anything"""

    @abstractmethod
    def about(self, conn: Connection, approval: Row[Any], /) -> dict[str, Value]:
        """What an event says that it was done to."""

    def noted(self, _conn: Connection, _approval: Row[Any], /) -> Mapping[str, Value]:
        """What the event says in addition once control gives it."""
        return {}

    def why_changed(self, conn: Connection, approval: Row[Any], /) -> str | None:
        """Why it is not what the two have agreed to; None: it is.

        Raises TypeError, AttributeError, ValueError for what no approval holds"""
        words = self.words_of(conn, dict(approval._mapping))
        return None if approval.digest == digest_of(words) else self.changed

    def why_late(self, _conn: Connection, _approval: Row[Any], _now_s: int, /) -> str | None:
        """Why control does not give it now, although two have signed it; None: it is in time."""
        return None

    def outdated(self, _conn: Connection, _proposal: Row[Any], _now_s: int, /) -> Objection | None:
        """Why nothing would come of a proposal, no matter who signs it now; None: nothing has changed since."""
        return None

    def fault_of(self, conn: Connection, approval: Row[Any]) -> str | None:
        """Why control does not believe an approval, no matter who has signed it; None where it does.

        No matter what the row holds, nothing is raised."""
        try:
            return fault_of(approval, self.kinds) or self.why_changed(conn, approval)
        except (TypeError, AttributeError, ValueError):
            return UNREADABLE


def subject_of(approval: Row[Any], subjects: Sequence[Subject]) -> Subject:
    """What an approval is about."""
    return next(each for each in subjects if getattr(approval, each.column.name) is not None)


# -- proposals ---------------------------------------------------------------------------------------------------------


def proposer_at_desk(
    conn: Connection, mail: str, through: str, at: datetime, of_it: ColumnElement[bool], what: str
) -> Signatory:
    """Who proposes at the desk.   through  by whom it is sent: a person's session, or a token

    of_it, what  the proposals of the same thing, and its name
    Raises ApprovalRefusal where the desk has no such person, or one who may not, or too many wait already."""
    try:
        member = find_person(conn, mail)
    except LookupError as reason:
        raise ApprovalRefusal(str(reason)) from reason
    refuse_stranger(member, at.timestamp())
    open_ones = select(func.count()).where(approvals.c.approved_s.is_(None), approvals.c.lapsed_ms.is_(None))
    if conn.execute(open_ones.where(of_it)).scalar_one() >= MAX_WAITING:
        raise ApprovalRefusal(f"{what}: {MAX_WAITING} proposals wait already; not proposed; have them signed")
    return Signatory(member.mail, member.group, through, member.actor)


def refuse_stranger(member: Person, now_s: float) -> None:
    """Raises ApprovalRefusal where a person's role approves nothing, or the person is not of the desk now."""
    state = member.state_at(now_s)
    if state != StaffState.ACTIVE or PERMISSION not in permissions_of((member.role,)):
        raise ApprovalRefusal(f"{member.mail}: {state}, role {member.role}; nothing done; another person must")


def propose(
    conn: Connection,
    subject: Subject,
    said: Mapping[str, Any],
    by: Signatory,
    at: datetime,
    noted: Mapping[str, Value] | None = None,
) -> Row[Any]:
    """Write a proposal down; the approval.   said  its columns;   noted  what its event says of it

    Raises ApprovalRefusal."""
    refuse_unnamed(by)
    refuse_blank(said)
    row = {
        **said,
        "proposer": by.name,
        "proposer_group": by.group,
        "proposer_account": by.account,
        "proposed_s": int(at.timestamp()),
    }
    way = {} if by.at_desk else {"way": NAMES}
    made = conn.execute(insert(approvals).values(**row, **way, digest=digest_of(subject.words_of(conn, row))))
    assert made.inserted_primary_key is not None
    approval = approval_of(conn, int(made.inserted_primary_key[0]))
    assert approval is not None
    event = {"approval": approval.id, "account": by.account, **(_noted(approval) if noted is None else noted)}
    note_approval(conn, subject, approval, "approval proposed", at, (by.actor, None), event)
    return approval


def approve(conn: Connection, subject: Subject, number: int, by: Signatory, at: datetime) -> Row[Any]:
    """Agree to a proposal by name, as the second person; the approval.   It is in force once control says so.

    Raises ApprovalRefusal."""
    refuse_unnamed(by)
    found = waiting(conn, number)
    if found.way != NAMES:
        raise ApprovalRefusal(f"approval {number}: of the desk; not approved; sign it there, /desk/approvals/{number}")
    refuse_alone(found, by.name, by.group)
    refuse_outdated(conn, subject, found, at)
    conn.execute(
        update(approvals)
        .where(approvals.c.id == number)
        .values(approver=by.name, approver_group=by.group, approver_account=by.account, approved_s=int(at.timestamp()))
    )
    wake(conn)
    first = Signatory(found.proposer, found.proposer_group, found.proposer_account)
    note_given(conn, subject, found, at, (by.actor, first.actor), account=by.account)
    approved = approval_of(conn, number)
    assert approved is not None
    return approved


def refuse_outdated(conn: Connection, subject: Subject, proposal: Row[Any], at: datetime) -> None:
    """Raises ApprovalRefusal where a signature could put nothing in force any more."""
    if found := subject.outdated(conn, proposal, int(at.timestamp())):
        raise ApprovalRefusal(f"approval {proposal.id}: {found.why}; not signed; {found.do}")


def wake(conn: Connection) -> None:
    """Have control look at the approvals.   No entry has changed yet: what was verified of them still is."""
    raise_revision(conn, ORDERS)


# -- rows --------------------------------------------------------------------------------------------------------------


def approval_of(conn: Connection, number: int) -> Row[Any] | None:
    """The proposal or approval of a number; None: it does not exist."""
    return conn.execute(select(approvals).where(approvals.c.id == number)).one_or_none()


def waiting(conn: Connection, number: int) -> Row[Any]:
    """A proposal that waits for a person.   Raises ApprovalRefusal."""
    found = approval_of(conn, number)
    if found is None or state_of(found) in (State.GIVEN, State.ENDED):
        raise ApprovalRefusal(f"approval {number}: no proposal waits under this number; not approved; make one")
    return found


def approvals_given(conn: Connection, subject: Subject) -> Sequence[Row[Any]]:
    """Every approval by two persons that has not ended, by rising number."""
    chosen = select(approvals).where(approvals.c.approved_s.is_not(None), approvals.c.lapsed_ms.is_(None))
    return conn.execute(chosen.where(subject.rows).order_by(approvals.c.id)).all()


def has_open(conn: Connection, subject: Subject) -> bool:
    """Whether a proposal or an approval has not ended."""
    return bool(conn.execute(select(exists().where(subject.rows, approvals.c.lapsed_ms.is_(None)))).scalar_one())


# -- events ------------------------------------------------------------------------------------------------------------


def note_approval(
    conn: Connection,
    subject: Subject,
    approval: Row[Any],
    action: str,
    at: datetime,
    by: tuple[Actor, Actor | None],
    said: Mapping[str, Value],
) -> None:
    """Write an event of an approval.   by  who did it, and who agreed with it"""
    append(conn, Event(subject.topic, action, by[0], subject.about(conn, approval), said, by[1]), at)


def note_given(
    conn: Connection, subject: Subject, approval: Row[Any], at: datetime, by: tuple[Actor, Actor], **more: Value
) -> None:
    """by  the second person, and the first"""
    said = {"approval": approval.id, **more, **subject.noted(conn, approval), **_noted(approval)}
    note_approval(conn, subject, approval, "approval given", at, by, said)


def event_value(value: object) -> Value:
    """What an event says of a value in a row, of any type that SQLite has kept there."""
    if isinstance(value, int) and abs(value) <= MAX_WHOLE:
        return value
    return (value if isinstance(value, str) else repr(value))[:MAX_TEXT_CHARACTERS]


def _noted(approval: Row[Any]) -> dict[str, Value]:
    """What an event says of an approval: no entry, and of the rest what was agreed to."""
    return {name: value for name in _NOTED if (value := getattr(approval, name)) is not None}
