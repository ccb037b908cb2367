"""What of the orders is in force: control's own decisions, and no one else's.

    rows changed since ─┬─ rails, approvals, clock ─→ status ─→ images ─→ workers ─→ enforced, receipts
    approvals that end ─┘

Only the control role imports this (tests/repo holds it); PostgreSQL lets no other role write these columns.
Invariants: no status that another role wrote is believed; an entry is enforced once every worker serves what was
published after it was let in, and is tried on no canary gateway any more; what was rolled back comes in force once two
persons have agreed after that; an order in shadow is let in by two persons alone; no matter what a row holds, nothing
is raised.
Cost: some 20 µs an entry that was pushed, once; 10 µs for each later look at it.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from sqlalchemy import (
    Connection,
    Row,
    and_,
    bindparam,
    case,
    exists,
    func,
    insert,
    or_,
    select,
    type_coerce,
    update,
)
from sqlalchemy.types import NullType

from mgmt.ledger.event import CONTROL, Value
from mgmt.orders.approvals import EMERGENCY, ENFORCE, HELD
from mgmt.orders.approvals import ORDERS as OF_ORDERS
from mgmt.orders.base.dates import EXPIRED_AS_ORDERED
from mgmt.orders.base.events import note_order
from mgmt.orders.base.https_pages import changed_pages
from mgmt.orders.base.judge import host_of_entry, network_of_entry, read_again
from mgmt.orders.base.live import BY_CONTROL, BY_ITS_HOST, MAY_COME, NOT_TRIED, Live, kept_out, orders_revision
from mgmt.orders.base.model import BROADER, IN_FORCE, SCOPES, EntryMode, EntryStatus, mode_of
from mgmt.orders.phases import shadow_store as shadows
from mgmt.orders.phases.canary_rules import Policy
from mgmt.orders.phases.canary_store import begin, end_due, enter, has_unbegun, rolled_back
from mgmt.orders.phases.canary_store import has_due as has_due_canary
from mgmt.orders.phases.states import follow
from mgmt.orders.versions import ReplacedEntry, replaced_entries
from mgmt.staff.approvals.proof import Proof
from mgmt.staff.approvals.settlement import has_signed, settle_approvals
from parental.store.column_types import is_octets
from parental.store.revision import ORDERS, raise_revision
from parental.store.schema.orders import approvals, entries, entry_parts, orders
from rules.base.prefixes import wires_of

MISWRITTEN = "is not what its value says"
LAPSED = "emergency order: no second person has agreed in time"
ONLY_COUNTED = "not enforced: shadow; what it would block is counted, until two persons let it in"
# Generation of a pending entry that control has let in, and no worker has confirmed; no other role writes it.
DECIDED = 0
_URL_MODES = (EntryMode.URL, EntryMode.URL_PREFIX)
_IS_UNDECIDED = and_(entries.c.status == EntryStatus.PENDING, entries.c.generation.is_(None))
_EARLIER = orders.alias("earlier")
# what lapses later than an emergency order may does not count, no matter what its row says
LONGEST_UNTRIED_S = 4 * 3600


class Rails(Protocol):
    """What control's rails say of a rule.

    has_gate, stops_names  as mgmt.registers.settings.page_settings.Settings;   proof  that it asks of approvals
    canary    where orders are in force first; None: everywhere at once"""

    has_gate: bool
    stops_names: bool
    proof: Proof
    canary: Policy | None

    def refusal(self, live: Live) -> str | None:
        """Why it is not compiled."""

    def is_held(self, reason: str) -> bool:
        """Whether two persons may let in what is refused for this reason."""


class Ruling(NamedTuple):
    """What is to be written of one entry.   action  of its event; '': it has one already"""

    order: int
    number: int
    status: EntryStatus
    reason: str | None
    approval: int | None
    action: str


class PublishedOrders(NamedTuple):
    """What a publication holds: all orders up to a revision; orders that get their receipt when it is served: of their
    push, of their withdrawal."""

    revision: int
    pushed: tuple[int, ...]
    withdrawn: tuple[int, ...]


def settle(conn: Connection, rails: Rails, since: int, at: datetime, now_s: int | None = None) -> list[Ruling]:
    """Decide on every entry that changed after a revision of the orders, by an approval, or by the clock.

    conn  may write;   at  now (aware), as it is written down
    now_s  now, as it is decided by: of mgmt.ledger.trusted_clock, UNKNOWN: by no time; left out: at"""
    now_s = int(at.timestamp()) if now_s is None else now_s
    end_due(conn, rails.canary, now_s, at, is_start=not since)
    believed, ended, looked_at = _look_at_approvals(conn, rails.proof, now_s, at)
    confirmed = [order for order, _, kind in believed if kind == EMERGENCY]
    rulings, let_in, back = [], list[tuple[int, int]](), rolled_back(conn)
    for row in _candidates(conn, rails, since, now_s, ended, confirmed):
        looked_at.add(row.order)
        ruling = _gone(row, believed, now_s) or _held_back(row, back, believed) or _rule_on(conn, row, rails, believed)
        ruling = _in_shadow(row, ruling, believed) or ruling
        # An undecided one that says it is old gets a new revision: else it would be in no image.
        is_undecided = row.generation is None and row.status == EntryStatus.PENDING
        is_old = is_undecided and not (isinstance(row.revision, int) and row.revision > since)
        if is_old or (ruling.status, ruling.reason, ruling.approval) != (row.status, row.reason, row.approval):
            rulings.append(ruling)
        if ruling.status == EntryStatus.PENDING and _is_to_be_tried(row, back, now_s):
            let_in.append((ruling.order, ruling.number))
    _write(conn, rulings, at)
    shadows.enter(conn, [each.order for each in rulings if each.status == EntryStatus.SHADOW], at)
    shadows.tend(conn, at)
    if rails.canary is not None:
        enter(conn, rails.canary, let_in, at)
    conn.execute(update(entries).where(_IS_UNDECIDED).values(generation=DECIDED))
    _write(conn, gone := [_replaced(each) for each in replaced_entries(conn, looked_at)], at)
    changed = {each.order for each in rulings + gone}
    _look_at_pages(conn, changed if since else looked_at | changed, asks_again=True)
    follow(conn, looked_at | changed, at)
    return rulings + gone


def has_due(conn: Connection, since: int, at: datetime, canary: Policy | None = None) -> bool:
    """Whether settle() may have something to do that no request reports.   at  as now_s there;   canary  as Rails"""
    now_s = int(at.timestamp())
    is_ending = and_(
        *(approvals.c.order.is_not(None), approvals.c.lapsed_ms.is_(None)),
        *(approvals.c.approved_s.is_not(None), approvals.c.expires_s <= now_s),
    )
    lapses = and_(
        orders.c.confirm_by_s <= now_s,
        exists().where(entries.c.order == orders.c.id, entries.c.status.in_((*IN_FORCE, EntryStatus.PENDING_REVIEW))),
        ~exists().where(
            approvals.c.order == orders.c.id,
            approvals.c.kind == EMERGENCY,
            approvals.c.approved_s.is_not(None),
            approvals.c.lapsed_ms.is_(None),
        ),
    )
    return (
        orders_revision(conn) > since
        or has_due_canary(conn, canary, now_s)
        or has_signed(conn, OF_ORDERS, now_s)
        or any(
            conn.execute(select(which.exists())).scalar_one()
            for which in (select(approvals.c.id).where(is_ending), select(orders.c.id).where(lapses))
        )
    )


def taken(conn: Connection) -> PublishedOrders:
    """Who waits for what is published now.   conn: the transaction in which the images' orders are read"""
    of_order = entries.c.order == orders.c.id
    is_tried = exists().where(
        of_order, or_(and_(entries.c.status == EntryStatus.PENDING, ~NOT_TRIED), entries.c.status == EntryStatus.SHADOW)
    )
    pushed = select(orders.c.id).where(
        orders.c.withdrawn_ms.is_(None), orders.c.receipt.is_(None), exists().where(of_order), ~is_tried
    )
    withdrawn = select(orders.c.id).where(
        orders.c.withdrawn_ms.is_not(None), orders.c.withdrawal_receipt.is_(None), exists().where(of_order)
    )
    return PublishedOrders(
        orders_revision(conn), tuple(conn.execute(pushed).scalars()), tuple(conn.execute(withdrawn).scalars())
    )


def is_waiting(conn: Connection, canary: Policy | None = None) -> bool:
    """Whether an order waits for a receipt, or for its time on this gateway to begin.   canary  as confirm()"""
    _, *waiting = taken(conn)
    return any(waiting) or has_unbegun(conn, canary)


def confirm(
    conn: Connection,
    held: PublishedOrders,
    receipt: Mapping[str, Any],
    at: datetime,
    canary: Policy | None = None,
    now_s: int | None = None,
) -> None:
    """Every worker serves a publication: what it holds is in force, and who waits gets the receipt.

    canary  as Rails: the time of what is tried here begins, where it is known;   now_s  as settle()"""
    generation = int(receipt["generation"])
    follow(conn, begin(conn, canary, held.revision, int(at.timestamp()) if now_s is None else now_s), at)
    shadows.begin(conn, held.revision, int(at.timestamp()))
    mark_enforced(conn, held.revision, generation, at)
    follow(conn, held.pushed + held.withdrawn, at)
    said: dict[str, Value] = {"generation": generation, "workers": len(receipt["workers"])}
    for column, which, action in (
        (orders.c.receipt, held.pushed, "confirmed"),
        (orders.c.withdrawal_receipt, held.withdrawn, "withdrawal confirmed"),
    ):
        for order in which:
            given = update(orders).where(orders.c.id == order, column.is_(None))
            if conn.execute(given.values({column.name: json.dumps(receipt)})).rowcount:
                note_order(conn, order, action, at, CONTROL, **said)


def mark_enforced(conn: Connection, up_to_revision: int, generation: int, at: datetime) -> int:
    """Say that every pending entry that was let in up to a revision is in force; returns how many became so."""
    status = case(
        (BY_ITS_HOST, EntryStatus.ENFORCED_BROADER),
        (entries.c.mode.in_(_URL_MODES), EntryStatus.ENFORCED_HTTP),
        else_=EntryStatus.ENFORCED,
    )
    is_decided = entries.c.generation.is_not(None)
    is_due = and_(entries.c.status == EntryStatus.PENDING, entries.c.revision <= up_to_revision, is_decided, NOT_TRIED)
    due = conn.execute(select(entries.c.order, func.count()).where(is_due).group_by(entries.c.order)).all()
    said: dict[str, Any] = {"status": status, "generation": generation, "enforced_ms": int(at.timestamp() * 1000)}
    n_enforced = conn.execute(update(entries).where(is_due).values(said)).rowcount
    for order, count in due:
        note_order(conn, order, "enforced", at, CONTROL, entries=count, generation=generation)
    _look_at_pages(conn, [order for order, _ in due])
    follow(conn, [order for order, _ in due], at)
    return n_enforced


# ----------------------------------------------------------------------------------------------------------------------


def _look_at_approvals(
    conn: Connection, proof: Proof, now_s: int, at: datetime
) -> tuple[dict[tuple[int, int | None, str], Row[Any]], list[int], set[int]]:
    """(what is believed, by order, entry and kind; the numbers of those that ended just now; the orders of all)."""
    found = settle_approvals(conn, OF_ORDERS, proof, now_s, at)
    believed = {(each.order, each.number, each.kind): each for each in found.believed}
    return believed, found.ended, {each.order for each in found.seen}


def _candidates(
    conn: Connection, rails: Rails, since: int, now_s: int, ended: Sequence[int], confirmed: Sequence[int]
) -> Iterator[Any]:
    """Entries whose status may change, in any state of their rows."""
    is_approved = exists().where(
        approvals.c.order == entries.c.order, approvals.c.number == entries.c.number, approvals.c.lapsed_ms.is_(None)
    )
    # One that is given, and not yet what the entry is in force by.
    is_given = exists().where(
        approvals.c.order == entries.c.order,
        approvals.c.number == entries.c.number,
        approvals.c.approved_s.is_not(None),
        approvals.c.lapsed_ms.is_(None),
        approvals.c.id != func.coalesce(entries.c.approval, 0),
    )
    has_ended = entries.c.approval.in_(ended)
    may_lapse = and_(entries.c.status.in_((*IN_FORCE, EntryStatus.PENDING_REVIEW)), orders.c.id.not_in(confirmed))
    lapses = and_(orders.c.confirm_by_s <= now_s, may_lapse)
    is_in_force = entries.c.status.in_((*IN_FORCE, EntryStatus.SHADOW))
    # Two persons have let its order in, or their approval has ended; what is not believed has ended by now.
    is_let_in = exists().where(
        *(approvals.c.order == entries.c.order, approvals.c.kind == ENFORCE),
        *(approvals.c.approved_s.is_not(None), approvals.c.lapsed_ms.is_(None)),
    )
    # Its place is taken: in shadow again, neither version would be in force.
    has_replaced = orders.c.id.in_(select(_EARLIER.c.replaced_by).where(_EARLIER.c.replaced_by.is_not(None)))
    is_kept = and_(orders.c.is_shadow, ~orders.c.is_emergency, ~is_let_in, ~has_replaced)
    is_moved = or_(
        and_(entries.c.status == EntryStatus.SHADOW, is_let_in), and_(entries.c.status.in_(IN_FORCE), is_kept)
    )
    is_new = or_(entries.c.revision > since, is_given)
    has_to_go = or_(entries.c.withdrawn_ms.is_not(None), orders.c.expired_ms.is_not(None))
    # At a start alone: of two gateways with one database that differ, each would undo what the other did, forever.
    is_kept_out = kept_out(has_gate=rails.has_gate and not since, stops_names=rails.stops_names and not since)
    is_open = or_(is_in_force, is_kept_out, has_to_go, is_approved)
    chosen = (
        select(
            entries.c.order, entries.c.number, entries.c.value, entries.c.mode, entries.c.status, entries.c.reason,
            entries.c.approval, entries.c.generation, entries.c.withdrawn_ms, entries.c.withdrawal_reason,
            is_octets(entries.c.wire).label("is_wire"), type_coerce(entries.c.wire, NullType).label("wire"),
            entries.c.revision, entries.c.canary, orders.c.scope, orders.c.confirm_by_s, orders.c.expired_ms,
            orders.c.is_shadow, orders.c.is_emergency, has_replaced.label("has_replaced"),
        )
        .outerjoin(orders, orders.c.id == entries.c.order)
        .where(or_(and_(is_new, MAY_COME, is_open), _IS_UNDECIDED, has_ended, lapses, is_moved))
    )  # fmt: skip
    yield from conn.execute(chosen).all()


def _gone(row: Any, believed: Mapping[Any, Row[Any]], now_s: int) -> Ruling | None:
    """What becomes of an entry that was taken back or has lapsed; None: it is neither."""
    order, number = row.order, row.number
    if row.withdrawn_ms is not None:
        return Ruling(order, number, EntryStatus.WITHDRAWN, row.withdrawal_reason, None, "")
    if row.expired_ms is not None:
        return Ruling(order, number, EntryStatus.EXPIRED, EXPIRED_AS_ORDERED, None, "entries lapsed")
    is_late = isinstance(row.confirm_by_s, int) and row.confirm_by_s <= now_s
    if is_late and (order, None, EMERGENCY) not in believed:
        return Ruling(order, number, EntryStatus.EXPIRED, LAPSED, None, "entries lapsed")
    return None


def _held_back(row: Any, back: Mapping[int, str], believed: Mapping[Any, Row[Any]]) -> Ruling | None:
    """What becomes of an entry that was rolled back; None: two persons have agreed after that, or it was not.

    What they agreed to before it is believed no more: the rollback has changed the digest."""
    why = back.get(row.canary)
    if why is None or any((row.order, row.number, kind) in believed for kind in (HELD, BROADER)):
        return None
    action = "entries rolled back" if row.approval is None else "entries fell back"
    return Ruling(row.order, row.number, EntryStatus.PENDING_REVIEW, BY_CONTROL + why, None, action)


def _in_shadow(row: Any, ruling: Ruling, believed: Mapping[Any, Row[Any]]) -> Ruling | None:
    """What is counted and not enforced, of what might be in force; None: it is enforced, or was never to be counted.

    An emergency's is enforced, no matter what else its row says: who waits for a count has no emergency.  So is a
    correction's that has taken the place of the version before: that one is in force no more."""
    was_let_in = (row.order, None, ENFORCE) in believed or row.has_replaced
    is_counted = row.is_shadow and not row.is_emergency and not was_let_in
    if ruling.status not in IN_FORCE or not is_counted:
        return None
    action = "" if row.status == EntryStatus.SHADOW else "entries in shadow"
    return ruling._replace(status=EntryStatus.SHADOW, reason=ONLY_COUNTED, action=action)


def _rule_on(conn: Connection, row: Any, rails: Rails, believed: Mapping[Any, Row[Any]]) -> Ruling:
    """What becomes of an entry that may be in force."""
    order, number = row.order, row.number
    broader = believed.get((order, number, BROADER))
    if broader is not None and _let_in_host(conn, row, rails):
        return _in_force(row, broader.id, str(broader.reason))
    if row.wire is None:  # a URL that no layer sees, which was blocked by its host
        base = read_again(row, rails.has_gate)
        return Ruling(order, number, base.status, base.reason, None, "entries fell back")
    held = believed.get((order, number, HELD))
    reason = _refusal(row, rails, is_approved=held is not None)
    if reason is not None:
        status = EntryStatus.PENDING_REVIEW if rails.is_held(reason) else EntryStatus.REFUSED_PROTECTED
        return Ruling(order, number, status, BY_CONTROL + reason, None, "entries refused")
    if row.mode in (*_URL_MODES, EntryMode.ADDRESS) and not rails.has_gate:
        base = read_again(row, rails.has_gate)
        return Ruling(order, number, base.status, base.reason, None, "entries fell back")
    if row.status == EntryStatus.NOT_ENFORCEABLE and row.mode in SCOPES and not rails.stops_names:
        return Ruling(order, number, EntryStatus.NOT_ENFORCEABLE, row.reason, None, "")
    if row.mode == EntryMode.ADDRESS and row.generation is None:  # what was in force has them
        _put_parts(conn, row, is_host=False)
    return _in_force(row, None if held is None else held.id, None)


def _is_to_be_tried(row: Any, back: Mapping[int, str], now_s: int) -> bool:
    """Whether an entry that is let in was not in force, and is neither an emergency's, which lapses within hours (one
    that two persons have confirmed lapses no more), nor what two persons have let in after it was rolled back."""
    is_new = row.status not in IN_FORCE or (row.status == EntryStatus.PENDING and row.generation is None)
    by_s = row.confirm_by_s
    lapses = isinstance(by_s, int) and 0 < by_s - now_s <= LONGEST_UNTRIED_S
    return is_new and not lapses and row.canary not in back


def _replaced(each: ReplacedEntry) -> Ruling:
    return Ruling(
        each.order, each.number, EntryStatus.WITHDRAWN, f"order {each.by} has corrected it", None, "entries replaced"
    )


def _in_force(row: Any, approval: int | None, reason: str | None) -> Ruling:
    """Let in; what is in force, and becomes no wider, stays so: its rules are served all the time."""
    if row.status not in IN_FORCE:
        return Ruling(row.order, row.number, EntryStatus.PENDING, reason, approval, "entries let in")
    if row.approval == approval:
        return Ruling(row.order, row.number, EntryStatus(row.status), row.reason, approval, "")
    had_host, has_host = row.reason is not None, reason is not None  # is it by its whole host?
    action = "entries fell back" if approval is None or (had_host and not has_host) else "entries widened"
    status = EntryStatus(row.status)
    if has_host and not had_host:
        status = EntryStatus.PENDING
    elif status is EntryStatus.ENFORCED_BROADER and not has_host:
        status = EntryStatus.ENFORCED_HTTP
    return Ruling(row.order, row.number, status, reason, approval, action)


def _refusal(row: Any, rails: Rails, *, is_approved: bool) -> str | None:
    live = Live(row.wire if row.is_wire else b"", mode_of(row.mode), row.order, is_approved)
    if row.generation is None:  # it was never in force: another role wrote it
        read = read_again(row, has_gate=True)
        if (read.wire, read.mode) != (row.wire, row.mode):
            return rails.refusal(live) or MISWRITTEN
    return rails.refusal(live)


def _let_in_host(conn: Connection, row: Any, rails: Rails) -> bool:
    """Whether the host of a URL may be blocked whole; then it is a part of its entry."""
    host = host_of_entry(str(row.value))
    if host is None or row.mode not in (*_URL_MODES, None):
        return False
    if rails.refusal(Live(host, EntryMode.EXACT, row.order, is_approved=True)) is not None:
        return False
    _put_parts(conn, row, is_host=True)
    return True


def _put_parts(conn: Connection, row: Any, *, is_host: bool) -> None:
    """Write the rules that an entry makes in addition to its own, once."""
    if is_host:
        parts = [(host_of_entry(str(row.value)), EntryMode.EXACT)]
    else:
        network = network_of_entry(str(row.value))
        parts = [] if network is None else [(wire, EntryMode[mode.name]) for wire, mode in wires_of(network)]
    of_entry = and_(entry_parts.c.order == row.order, entry_parts.c.number == row.number)
    known = {tuple(each) for each in conn.execute(select(entry_parts.c.wire, entry_parts.c.mode).where(of_entry))}
    new = [
        {"order": row.order, "number": row.number, "wire": wire, "mode": mode, "is_host": is_host}
        for wire, mode in parts
        if (wire, mode) not in known
    ]
    if new:
        conn.execute(insert(entry_parts), new)


def _write(conn: Connection, rulings: Sequence[Ruling], at: datetime) -> None:
    if not rulings:
        return
    revision = raise_revision(conn, ORDERS)
    which = and_(entries.c.order == bindparam("of"), entries.c.number == bindparam("at"))
    said: dict[str, Any] = {name: bindparam(f"its_{name}") for name in ("status", "reason", "approval")}
    conn.execute(
        update(entries).where(which).values(revision=revision, **said),
        [
            {"of": each.order, "at": each.number, "its_status": each.status}
            | {"its_reason": each.reason, "its_approval": each.approval}
            for each in rulings
        ],
    )
    for (order, action), count in Counter((each.order, each.action) for each in rulings if each.action).items():
        note_order(conn, order, action, at, CONTROL, entries=count)


def _look_at_pages(conn: Connection, numbers: Iterable[object], *, asks_again: bool = False) -> None:
    """Write of the pages of orders which of them HTTPS hides.   asks_again  what changes is to be verified again"""
    changed = changed_pages(conn, numbers)
    if not changed:
        return
    said: dict[str, Any] = {"revision": raise_revision(conn, ORDERS)} if asks_again else {}
    which = and_(entries.c.order == bindparam("of"), entries.c.number == bindparam("at"))
    conn.execute(
        update(entries).where(which).values(status=bindparam("its_status"), **said),
        [{"of": each.order, "at": each.number, "its_status": each.status} for each in changed],
    )
