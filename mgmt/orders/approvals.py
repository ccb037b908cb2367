"""Approvals of orders: two persons of different groups agree to one entry, or to an order as a whole.

    broader     a URL is blocked by its whole host
    held        an entry that a rail holds for review (a suffix or an address of many owners) is enforced
    emergency   an emergency order does not lapse
    sealed      an order that came encrypted is put in force, entries that no one here can read
    enforce     an order in shadow is let in: what it was counted for is blocked

Who may agree, how long it holds, and how it is signed and proven: mgmt.staff.approvals.
Invariants: an approval is of the order, the entry as pushed and its rollback from the canary; of anything else it does
not count; one of an entry ends after thirty days at the latest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import Connection, Row, and_, exists, select

from mgmt.contract.errors import BadRequest
from mgmt.ledger.event import ORDERS as OF_ORDERS
from mgmt.ledger.event import Value
from mgmt.orders.base.events import about_order
from mgmt.orders.base.judge import host_of_entry
from mgmt.orders.base.model import BROADER, IN_FORCE, EntryMode, EntryStatus
from mgmt.orders.base.sealed import refuse_sealed
from mgmt.orders.sealed_messages import reading_of
from mgmt.staff.approvals import store
from mgmt.staff.approvals.rules import (
    LONGEST,
    ApprovalRefusal,
    Kind,
    Objection,
    Signatory,
    digest_of,
    refuse_blank,
    refuse_unnamed,
)
from mgmt.staff.approvals.store import Subject, proposer_at_desk
from parental.store.schema.canaries import order_canaries
from parental.store.schema.orders import approvals, entries, entry_parts, orders

HELD, EMERGENCY, SEALED, ENFORCE = "held", "emergency", "sealed", "enforce"
KINDS = (BROADER, HELD, EMERGENCY, SEALED, ENFORCE)
WHOLE = (EMERGENCY, SEALED, ENFORCE)  # of the order as a whole: they name no entry and have no end
MAX_DAYS = LONGEST.days
_NO_ONES = (
    EntryStatus.REFUSED_PROTECTED,
    EntryStatus.INVALID,
    EntryStatus.DUPLICATE,
    EntryStatus.WITHDRAWN,
    EntryStatus.EXPIRED,
)  # of an entry: no one's to let in
_NEW_ORDER = "it needs a new order"
_SAID = ("kind", "number", "reason", "reference", "collateral", "owner_consent", "expires_s", "proposer")


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


class OrderApprovals(Subject):
    """What two persons agree to of orders."""

    column = approvals.c.order
    kinds: ClassVar = {name: Kind(longest=None if name in WHOLE else LONGEST, takes_names=True) for name in KINDS}
    topic = OF_ORDERS
    changed = "is of another order, entry or words than are here now"

    def words_of(self, conn: Connection, row: Mapping[str, Any]) -> list[object]:
        """The order, the entry as pushed, the words of the approval, and the rollback of the entry, of which no role
        knows before control has written it."""
        order = conn.execute(select(orders).where(orders.c.id == row["order"])).one()
        entry = entry_of(conn, order.id, row["number"])
        nonce = None if entry is None else entry.nonce
        return [*_words(order, entry, row), *([] if nonce is None else [nonce])]

    def about(self, conn: Connection, approval: Row[Any]) -> dict[str, Value]:
        return about_order(conn, approval.order)

    def why_changed(self, conn: Connection, approval: Row[Any]) -> str | None:
        order = _order_of(conn, approval.order)
        if order is None:
            return "is of no order"
        if why := self._why_other(conn, approval, order):
            return why
        return None if approval.kind == SEALED else _why_not_sealed(order, approval.owner_consent)

    def why_late(self, conn: Connection, approval: Row[Any], now_s: int) -> str | None:
        order = _order_of(conn, approval.order) if approval.kind in WHOLE else None
        over = None if order is None else why_over(conn, approval.kind, order, now_s)
        return None if over is None else f"comes too late, it is of order {approval.order}: {over.why}"

    def outdated(self, conn: Connection, proposal: Row[Any], now_s: int) -> Objection | None:
        order = _order_of(conn, proposal.order)
        if order is None:
            return None
        if over := why_over(conn, proposal.kind, order, now_s):
            return Objection(f"is of order {order.id}: {over.why}", over.do)
        entry = entry_of(conn, order.id, proposal.number)
        why = self._why_other(conn, proposal, order)
        why = _why_unfit(proposal.kind, entry) if why is None and entry is not None else why
        return None if why is None else Objection(why, "look at the order, and propose it again")

    def _why_other(self, conn: Connection, approval: Row[Any], order: Row[Any]) -> str | None:
        why = super().why_changed(conn, approval)
        if why is None:
            return None
        before = _words(order, entry_of(conn, approval.order, approval.number), dict(approval._mapping))
        is_of_before = approval.digest == digest_of(before)
        return "was proposed before its entry was rolled back from the canary" if is_of_before else why


ORDERS = OrderApprovals()


def propose(conn: Connection, order: Row[Any], proposal: Proposal, by: Signatory, at: datetime) -> int:
    """Write a proposal down; its number.   conn: of the tables' owner, may write.   Raises ApprovalRefusal."""
    return int(_propose(conn, order, proposal, by, at).id)


def propose_at_desk(
    conn: Connection, order: Row[Any], proposal: Proposal, mail: str, through: str, at: datetime
) -> Row[Any]:
    """Write a proposal down, which its proposer is to sign; the approval.

    mail     whose proposal it is;   through  by whom it is sent: a person's session, or a token
    Raises ApprovalRefusal."""
    of_it = approvals.c.order == order.id
    by = proposer_at_desk(conn, mail, through, at, of_it, f"order {order.id}")
    return _propose(conn, order, proposal, by, at)


def approve(conn: Connection, number: int, by: Signatory, at: datetime) -> Row[Any]:
    """Agree to a proposal by name, as the second person; the approval.   Raises ApprovalRefusal."""
    return store.approve(conn, ORDERS, number, by, at)


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


def _propose(conn: Connection, order: Row[Any], proposal: Proposal, by: Signatory, at: datetime) -> Row[Any]:
    refuse_unnamed(by)
    _check(conn, order, proposal, at)
    said = asdict(proposal) | {"order": order.id}
    expires = said.pop("expires")
    said["expires_s"] = None if expires is None else int(expires.timestamp())
    return store.propose(conn, ORDERS, said, by, at)


def _order_of(conn: Connection, number: int) -> Row[Any] | None:
    return conn.execute(select(orders).where(orders.c.id == number)).one_or_none()


def _words(order: Row[Any], entry: Row[Any] | None, row: Mapping[str, Any]) -> list[object]:
    return [order.sha256.hex(), None if entry is None else entry.value, *(row[name] for name in _SAID)]


def _why_unfit(kind: str, entry: Row[Any]) -> str | None:
    """Why two persons could agree to this of an entry as it stands, and nothing would come of it."""
    if entry.status in _NO_ONES:
        return f"is {entry.status} ({entry.reason}), which no one can approve"
    is_url = entry.mode in (EntryMode.URL, EntryMode.URL_PREFIX, None) and host_of_entry(entry.value) is not None
    if kind == BROADER and not is_url:
        return "is no URL with the name of a host, and --as broader blocks the host of one"
    if kind == HELD and entry.in_force_by == BROADER:
        return "is in force by its whole host, as two persons have agreed: no rail holds it"
    is_held = entry.status in (EntryStatus.PENDING, EntryStatus.PENDING_REVIEW) or entry.approval is not None
    if kind == HELD and not is_held:
        return f"is {entry.status}, and no rail holds it"
    return None


def _is_left(conn: Connection, order: int) -> bool:
    """Whether anything of an order is in force, or may be by two persons."""
    left = exists().where(entries.c.order == order, entries.c.status.in_((*IN_FORCE, EntryStatus.PENDING_REVIEW)))
    return bool(conn.execute(select(left)).scalar_one())


def _agreed_of(conn: Connection, numbers: Sequence[int], kind: str) -> frozenset[int]:
    chosen = select(approvals.c.order).where(
        approvals.c.order.in_(numbers),
        approvals.c.kind == kind,
        approvals.c.approved_s.is_not(None),
        approvals.c.lapsed_ms.is_(None),
    )
    return frozenset(conn.execute(chosen).scalars())


def _check(conn: Connection, order: Row[Any], proposal: Proposal, at: datetime) -> None:
    """Whether it can be agreed to at all."""
    refuse_blank(asdict(proposal))
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
