"""Approvals: two persons of different role groups agree to one entry, or to an order as a whole.

    proposed by one → approved by another → control checks it again and puts it in force → ends by itself

Both sign with a passkey at the desk (mgmt.orders.signatures), and control gives what they have signed
(mgmt.orders.proof); or they say their names on the box, where nothing is proven and control may not take it.

    broader     a URL is blocked by its whole host
    held        an entry that a rail holds for review (a suffix or an address of many owners) is enforced
    emergency   an emergency order does not lapse
    sealed      an order that came encrypted is put in force, entries that no one here can read
    enforce     an order in shadow is let in: what it was counted for is blocked

A list that goes back to an earlier version, a legal hold, and where pages say that people find help, are agreed to in
the same way: mgmt.lists.rollbacks, mgmt.records.holds.proposals, mgmt.registers.settings.proposals.
Invariants: the database holds that the persons and their groups differ, letter for letter, and control, which
believes it as little as any other row, that they also do where case, spaces and widths are left out; what was agreed
to has a digest, and an approval of anything else does not count; one of an entry ends after thirty
days at the latest.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, and_, exists, insert, select, update

from mgmt.contract.errors import BadRequest
from mgmt.ledger.event import Actor, Value
from mgmt.ledger.trusted_clock import UNKNOWN
from mgmt.orders.events import note_agreed, note_approval
from mgmt.orders.held_settings import why_changed
from mgmt.orders.judge import host_of_entry
from mgmt.orders.live import REVISION
from mgmt.orders.model import (
    BROADER,
    DUPLICATE,
    EXPIRED,
    IN_FORCE,
    INVALID,
    PENDING,
    PENDING_REVIEW,
    REFUSED_PROTECTED,
    URL,
    URL_PREFIX,
    WITHDRAWN,
)
from mgmt.orders.sealed import refuse_sealed
from mgmt.orders.sealed_messages import reading_of
from mgmt.staff.issuers import folded
from parental.schema.canaries import order_canaries
from parental.schema.orders import approvals, entries, entry_parts, orders
from parental.store.revision import raise_revision

HELD, EMERGENCY, SEALED, ENFORCE = "held", "emergency", "sealed", "enforce"
KINDS = (BROADER, HELD, EMERGENCY, SEALED, ENFORCE)
ROLLBACK = "rollback"  # of a list, and of no order
LEGAL_HOLD, RELEASE = "legal-hold", "legal-hold-release"  # of records of blocks
WHOLE = (EMERGENCY, SEALED, ENFORCE)  # of the order as a whole: they name no entry and have no end
GROUPS = ("approver", "compliance", "engineer")  # of staff: two persons of one group are no second pair of eyes
NAMES, DESK = "names", "desk"  # the way: said on the box, or signed
MAX_DAYS = 30
LONGEST = timedelta(days=MAX_DAYS)
_NO_ONES = (REFUSED_PROTECTED, INVALID, DUPLICATE, WITHDRAWN, EXPIRED)  # of an entry: no one's to let in
ALONE = "is not by two persons of different groups"
_NEW_ORDER = "it needs a new order"
_SAID = ("kind", "number", "reason", "reference", "collateral", "owner_consent", "expires_s", "proposer")


class ApprovalRefusal(ValueError):
    """An approval is not taken; the message says why."""


class Objection(NamedTuple):
    """Why nothing could come of an approval any more, and what to do."""

    why: str
    do: str


@dataclass(frozen=True, slots=True)
class Person:
    """Who agrees.

    group    of GROUPS;   account  of this box, which ran the command, or the token through which it was asked
    at_desk  as whom the desk knows the person, who then has the group that is written there; None: a name that was said
    """

    name: str
    group: str
    account: str
    at_desk: Actor | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What is to be agreed to.   number  of the entry, of an emergency order None;   expires  of an entry's (aware)"""

    kind: str
    number: int | None
    reason: str
    reference: str
    collateral: str
    owner_consent: str | None = None
    expires: datetime | None = None


def propose(conn: Connection, order: Row[Any], proposal: Proposal, by: Person, at: datetime) -> int:
    """Write a proposal down; its number.   conn: of the tables' owner, may write.   Raises ApprovalRefusal."""
    _check_person(by)
    _check(conn, order, proposal, at)
    said: dict[str, Any] = {
        "kind": proposal.kind,
        "number": proposal.number,
        "reason": proposal.reason,
        "reference": proposal.reference,
        "collateral": proposal.collateral,
        "owner_consent": proposal.owner_consent,
        "expires_s": None if proposal.expires is None else int(proposal.expires.timestamp()),
        "proposer": by.name,
    }
    made = conn.execute(
        insert(approvals).values(
            **said,
            order=order.id,
            digest=digest_of(order, entry_of(conn, order.id, proposal.number), said),
            proposer_group=by.group,
            proposer_account=by.account,
            proposed_s=int(at.timestamp()),
            **({} if by.at_desk else {"way": NAMES}),
        )
    )
    assert made.inserted_primary_key is not None
    number = int(made.inserted_primary_key[0])
    noted = {"approval": number, "account": by.account, **_noted(said)}
    note_agreed(conn, order.id, "approval proposed", at, (_actor(by), None), noted)
    return number


def approve(conn: Connection, number: int, by: Person, at: datetime) -> Row[Any]:
    """Agree to a proposal, as the second person; the approval.   It is in force once control says so.

    Raises ApprovalRefusal."""
    _check_person(by)
    found = waiting(conn, number)
    if found.way != NAMES:
        raise ApprovalRefusal(f"approval {number}: of the desk; not approved; sign it there, /desk/approvals/{number}")
    refuse_alone(found, by.name, by.group)
    refuse_outdated(conn, found, at)
    conn.execute(
        update(approvals)
        .where(approvals.c.id == number)
        .values(approver=by.name, approver_group=by.group, approver_account=by.account, approved_s=int(at.timestamp()))
    )
    wake(conn)
    first = Person(found.proposer, found.proposer_group, found.proposer_account)
    note_given(conn, found, at, (_actor(by), _actor(first)), account=by.account)
    return conn.execute(select(approvals).where(approvals.c.id == number)).one()


def waiting(conn: Connection, number: int) -> Row[Any]:
    """A proposal that waits for its second person.   Raises ApprovalRefusal."""
    found = conn.execute(select(approvals).where(approvals.c.id == number)).one_or_none()
    if found is None or found.approved_s is not None or found.lapsed_ms is not None:
        raise ApprovalRefusal(f"approval {number}: no proposal waits under this number; not approved; make one")
    return found


def note_given(conn: Connection, approval: Row[Any], at: datetime, by: tuple[Actor, Actor], **more: Value) -> None:
    """by  the second person, and the first"""
    noted = {"approval": approval.id, **more, **_noted({name: getattr(approval, name) for name in _SAID})}
    note_approval(conn, approval, "approval given", at, by, noted)


def refuse_alone(proposal: Row[Any], name: str, group: str) -> None:
    """Raises ApprovalRefusal where the second person, or the group, is the first."""
    if folded(proposal.proposer) == folded(name):
        raise ApprovalRefusal(f"approval {proposal.id}: {name} has proposed it; not approved; another person must")
    if proposal.proposer_group == group:
        raise ApprovalRefusal(f"approval {proposal.id}: {group} has proposed it; not approved; another group must")


def wake(conn: Connection) -> None:
    """Have control look at the approvals.   No entry has changed yet: what was verified of them still is."""
    raise_revision(conn, REVISION)


def entry_of(conn: Connection, order: int, number: int | None) -> Row[Any] | None:
    """What is agreed to; None: an order as a whole.

    nonce  of the canary from which it was rolled back;   in_force_by  the kind of the approval by which it is"""
    chosen = (
        select(entries, order_canaries.c.nonce, approvals.c.kind.label("in_force_by"))
        .outerjoin(order_canaries, order_canaries.c.id == entries.c.canary)
        .outerjoin(approvals, approvals.c.id == entries.c.approval)
    )
    of_it = (entries.c.order == order, entries.c.number == number)
    return None if number is None else conn.execute(chosen.where(*of_it)).one_or_none()


def digest_of(order: Row[Any], entry: Row[Any] | None, said: Mapping[str, Any]) -> bytes:
    """What two persons agree to, in one number: the order, the entry as pushed, the words of the approval, and the
    rollback of the entry, of which no role knows before control has written it."""
    nonce = None if entry is None else entry.nonce
    return _digest(order, entry, said, [] if nonce is None else [nonce])


def _digest(order: Row[Any], entry: Row[Any] | None, said: Mapping[str, Any], more: Sequence[str]) -> bytes:
    about = [order.sha256.hex(), None if entry is None else entry.value, *(said[name] for name in _SAID), *more]
    return hashlib.sha256(json.dumps(about).encode()).digest()


def fault_of(approval: Row[Any], order: Row[Any] | None, entry: Row[Any] | None) -> str | None:
    """Why control does not believe an approval, no matter who has signed it; None where it does.

    No matter what the row holds, nothing is raised."""
    try:
        if order is None:
            return "is of no order"
        if approval.kind not in KINDS:
            return "is of a kind that there is not"
        if approval.kind not in WHOLE and not 0 < approval.expires_s - approval.proposed_s <= LONGEST.total_seconds():
            return f"is for longer than {MAX_DAYS} days"
        if why := why_not_agreed(approval):
            return why
        if why := _why_outdated(approval, order, entry):
            return why
        return None if approval.kind == SEALED else _why_not_sealed(order, approval.owner_consent)
    except (TypeError, AttributeError, ValueError):
        return "holds what no approval holds"


def why_over(conn: Connection, kind: str, order: Row[Any], now_s: int) -> Objection | None:
    """Why nothing of an order can be put or kept in force by an approval that is given now; None: it can.

    One that was given before holds on: of an order that is corrected, some may still be in force by it."""
    if order.withdrawn_ms is not None:
        return Objection("withdrawn", _NEW_ORDER)
    if order.expired_ms is not None:
        return Objection("its last day is over", _NEW_ORDER)
    if order.replaced_by is not None:
        return Objection(f"corrected by order {order.replaced_by}", "look at that one")
    is_late = isinstance(order.confirm_by_s, int) and order.confirm_by_s <= now_s
    if kind == EMERGENCY and is_late and not _is_left(conn, order.id):
        return Objection("an emergency order that has lapsed", _NEW_ORDER)
    return None


def why_too_late(conn: Connection, approval: Row[Any], order: Row[Any] | None, now_s: int) -> str | None:
    """Why control does not give an approval of an order as a whole that two have signed; None: it is in time."""
    if order is None or approval.kind not in WHOLE:
        return None
    over = why_over(conn, approval.kind, order, now_s)
    return None if over is None else f"comes too late, it is of order {order.id}: {over.why}"


def outdated(conn: Connection, proposal: Row[Any], now_s: int) -> Objection | None:
    """Why nothing would come of a proposal, no matter who signs it now; None: nothing has changed since."""
    if proposal.settings is not None:
        why = why_changed(conn, proposal)
        return None if why is None else Objection(why, "look at the settings, and propose it again")
    order = conn.execute(select(orders).where(orders.c.id == proposal.order)).one_or_none()
    if order is None:  # it is of a list, whose versions it names, or of a hold
        return None
    if over := why_over(conn, proposal.kind, order, now_s):
        return Objection(f"is of order {order.id}: {over.why}", over.do)
    entry = entry_of(conn, order.id, proposal.number)
    why = _why_outdated(proposal, order, entry)
    why = _why_unfit(proposal.kind, entry) if why is None and entry is not None else why
    return None if why is None else Objection(why, "look at the order, and propose it again")


def refuse_outdated(conn: Connection, proposal: Row[Any], at: datetime) -> None:
    """Raises ApprovalRefusal where a signature could put nothing in force any more."""
    if found := outdated(conn, proposal, int(at.timestamp())):
        raise ApprovalRefusal(f"approval {proposal.id}: {found.why}; not signed; {found.do}")


def waits(proposal: Row[Any], now_s: int) -> bool:
    """Whether what two have signed is not given yet: the time is not known, or it was proposed by a clock that is ahead
    of it, and would hold for longer than two may agree to.   now_s  of mgmt.ledger.trusted_clock

    Of what was given, no time is asked but its end: control alone gives it, and another box's clock may be ahead."""
    if proposal.hold is not None:  # until it has begun, what it names may go
        return False
    begin_s, end_s = proposal.proposed_s, proposal.expires_s
    is_ahead = isinstance(begin_s, int) and isinstance(end_s, int) and begin_s > now_s
    return now_s == UNKNOWN or (is_ahead and end_s - now_s > LONGEST.total_seconds())


def why_not_agreed(approval: Row[Any]) -> str | None:
    """Why two persons have not agreed to anything in words; None: they have.

    Raises TypeError, AttributeError for what no approval holds"""
    if folded(approval.proposer) == folded(approval.approver) or approval.proposer_group == approval.approver_group:
        return ALONE
    if not all(text.strip() for text in (approval.reason, approval.reference, approval.collateral)):
        return "has no reason, reference or note of collateral"
    return None


OF_ORDERS, OF_LISTS, OF_HOLDS, OF_SETTINGS = (
    each.is_not(None) for each in (approvals.c.order, approvals.c.list, approvals.c.hold, approvals.c.settings)
)


def approvals_given(conn: Connection, of: ColumnElement[bool] = OF_ORDERS) -> Sequence[Row[Any]]:
    """Every approval by two persons that has not ended.   of  what it is about"""
    chosen = select(approvals).where(approvals.c.approved_s.is_not(None), approvals.c.lapsed_ms.is_(None))
    return conn.execute(chosen.where(of).order_by(approvals.c.id)).all()


def confirmed_of(conn: Connection, numbers: Sequence[int]) -> frozenset[int]:
    """Those of some emergency orders to which two persons have agreed.   numbers  at most a page of them"""
    return _agreed_of(conn, numbers, EMERGENCY)


def let_in_of(conn: Connection, numbers: Sequence[int]) -> frozenset[int]:
    """Those of some orders in shadow that two persons have let in.   numbers  at most a page of them"""
    return _agreed_of(conn, numbers, ENFORCE)


def broader_by(conn: Connection, order: int, host: bytes) -> Row[Any] | None:
    """The approval by which an order blocks a host whole; None: it does not, or it names the host itself.

    host  on the wire"""
    of_order = and_(entries.c.order == order, entries.c.status.in_(IN_FORCE))
    own = select(entries.c.number).where(of_order, entries.c.wire == host)
    if conn.execute(own.limit(1)).first() is not None:
        return None
    is_part = and_(entry_parts.c.order == entries.c.order, entry_parts.c.number == entries.c.number)
    found = (
        select(approvals)
        .join(entries, entries.c.approval == approvals.c.id)
        .join(entry_parts, is_part)
        .where(of_order, entry_parts.c.wire == host)
        .where(approvals.c.kind == BROADER)
    )
    return conn.execute(found.order_by(approvals.c.id).limit(1)).first()


def page_of_approvals(conn: Connection, order: int | None, after: int, n: int) -> Sequence[Row[Any]]:
    """The same, from a number on."""
    chosen = select(approvals).where(approvals.c.id > after).order_by(approvals.c.id).limit(n)
    return conn.execute(chosen if order is None else chosen.where(approvals.c.order == order)).all()


def approvals_of(conn: Connection, order: int | None) -> Sequence[Row[Any]]:
    """The proposals and approvals of an order, or of all; those that ended, too."""
    chosen = select(approvals).order_by(approvals.c.id)
    return conn.execute(chosen if order is None else chosen.where(approvals.c.order == order)).all()


# ----------------------------------------------------------------------------------------------------------------------


def _why_outdated(approval: Row[Any], order: Row[Any], entry: Row[Any] | None) -> str | None:
    said = {name: getattr(approval, name) for name in _SAID}
    if approval.digest == digest_of(order, entry, said):
        return None
    if approval.digest == _digest(order, entry, said, ()):
        return "was proposed before its entry was rolled back from the canary"
    return "is of another order, entry or words than are here now"


def _why_unfit(kind: str, entry: Row[Any]) -> str | None:
    """Why two persons could agree to this of an entry as it stands, and nothing would come of it."""
    if entry.status in _NO_ONES:
        return f"is {entry.status} ({entry.reason}), which no one can approve"
    is_url = entry.mode in (URL, URL_PREFIX, None) and host_of_entry(entry.value) is not None
    if kind == BROADER and not is_url:
        return "is no URL with the name of a host, and --as broader blocks the host of one"
    if kind == HELD and entry.in_force_by == BROADER:
        return "is in force by its whole host, as two persons have agreed: no rail holds it"
    is_held = entry.status in (PENDING, PENDING_REVIEW) or entry.approval is not None
    if kind == HELD and not is_held:
        return f"is {entry.status}, and no rail holds it"
    return None


def _is_left(conn: Connection, order: int) -> bool:
    """Whether anything of an order is in force, or may be by two persons."""
    left = exists().where(entries.c.order == order, entries.c.status.in_((*IN_FORCE, PENDING_REVIEW)))
    return bool(conn.execute(select(left)).scalar_one())


def _agreed_of(conn: Connection, numbers: Sequence[int], kind: str) -> frozenset[int]:
    chosen = select(approvals.c.order).where(
        approvals.c.order.in_(numbers),
        approvals.c.kind == kind,
        approvals.c.approved_s.is_not(None),
        approvals.c.lapsed_ms.is_(None),
    )
    return frozenset(conn.execute(chosen).scalars())


def _check_person(by: Person) -> None:
    if by.at_desk is None and by.group not in GROUPS:
        raise ApprovalRefusal(f"group {by.group!r:.40}: unknown; nothing written; write one of {', '.join(GROUPS)}")
    if not by.name.strip():
        raise ApprovalRefusal("name: empty; nothing written; name the person")


def _check(conn: Connection, order: Row[Any], proposal: Proposal, at: datetime) -> None:
    """Whether it can be agreed to at all."""
    for field in ("reason", "reference", "collateral"):
        if not getattr(proposal, field).strip():
            raise ApprovalRefusal(f"{field}: missing; nothing proposed; write it")
    if over := why_over(conn, proposal.kind, order, int(at.timestamp())):
        raise ApprovalRefusal(f"order {order.id}: {over.why}; nothing proposed; {over.do}")
    if proposal.kind == SEALED:
        _check_reading(conn, order.id)
        return
    if why := _why_not_sealed(order, proposal.owner_consent):
        raise ApprovalRefusal(f"order {order.id}: {why}; nothing proposed; give --owner-consent")
    if proposal.kind == ENFORCE:
        _check_shadow(conn, order)
        return
    if proposal.kind == EMERGENCY:
        if not order.is_emergency:
            raise ApprovalRefusal(f"order {order.id}: no emergency order; nothing proposed; it does not lapse")
        return
    _check_end(proposal.expires, at)
    entry = entry_of(conn, order.id, proposal.number)
    if entry is None:
        raise ApprovalRefusal(f"entry {proposal.number}: not in order {order.id}; nothing proposed; look at it")
    if why := _why_unfit(proposal.kind, entry):
        raise ApprovalRefusal(f"entry {proposal.number}: {why}; nothing proposed; look at it")


def _check_end(expires: datetime | None, at: datetime) -> None:
    """Whether an approval of an entry ends in time.   Raises ApprovalRefusal"""
    if expires is None:
        raise ApprovalRefusal(
            f"--until: missing; nothing proposed; give a day within {MAX_DAYS} days, on which it ends"
        )
    if expires <= at:
        raise ApprovalRefusal(f"--until: is past; nothing proposed; write a day within {MAX_DAYS} days from now")
    if expires - at > LONGEST:
        raise ApprovalRefusal(f"--until: more than {MAX_DAYS} days from now; nothing proposed; write an earlier day")


def _check_reading(conn: Connection, order: int) -> None:
    """Whether the reader of sealed lists has read an order.   Raises ApprovalRefusal"""
    reading = reading_of(conn, order)
    if reading is None:
        raise ApprovalRefusal(f"order {order}: no sealed order that was read; nothing proposed; look at it in a minute")
    if reading.fault is not None:
        raise ApprovalRefusal(f"order {order}: {reading.fault}; nothing proposed; its issuer encrypts it again")


def _check_shadow(conn: Connection, order: Row[Any]) -> None:
    """Whether an order is one that two persons let in.   Raises ApprovalRefusal"""
    if not order.is_shadow:
        raise ApprovalRefusal(
            f"order {order.id}: was not taken in for shadow; nothing proposed; it is in force without"
        )
    if order.id in let_in_of(conn, [order.id]):
        raise ApprovalRefusal(f"order {order.id}: two persons have let it in; nothing proposed; look at it")


def _why_not_sealed(order: Row[Any], owner_consent: str | None) -> str | None:
    """Child abuse material is widened with its list's owner's consent alone."""
    if owner_consent and owner_consent.strip():
        return None
    try:
        refuse_sealed("", ground=str(order.ground), ref=str(order.ref))
    except BadRequest:
        return "is of child abuse material, and its list's owner has not consented"
    return None


def _actor(by: Person) -> Actor:
    return by.at_desk or Actor("person", by.name, by.group)


def _noted(said: Mapping[str, Any]) -> dict[str, Value]:
    """What the ledger says of an approval: no entry, and of the rest what was agreed to."""
    told: Iterable[str] = ("kind", "number", "reason", "reference", "collateral", "owner_consent", "expires_s")
    return {name: said[name] for name in told if said[name] is not None}
