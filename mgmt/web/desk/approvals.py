"""/desk/approvals: what waits for a second person, what is in force by two, and signing it with a passkey.

Invariants: nothing is proposed without the session's form token; what is signed is what the page shows, from one row;
the person who signs is the one who is signed in.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, time
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from aiohttp import web
from sqlalchemy import Connection, Row, select
from sqlalchemy.exc import IntegrityError

from mgmt.contract.shapes import LINE
from mgmt.orders.approvals import KINDS, WHOLE, Proposal, propose_at_desk
from mgmt.orders.base.sealed import is_sealed
from mgmt.orders.store import find_order_by_id, get_order
from mgmt.registers.records.holds.proposals import find_hold
from mgmt.registers.records.holds.shapes import LegalHold, shown
from mgmt.registers.settings.agreement import is_put, lines_of, names_in
from mgmt.registers.two_persons import SUBJECTS
from mgmt.staff.approvals.rules import PROPOSED, ApprovalRefusal, Objection, differ
from mgmt.staff.approvals.signatures import document_of, part_due, refusal_of, refuse_proposal, sign
from mgmt.staff.approvals.store import PERMISSION, approval_of, subject_of
from mgmt.staff.assertion import challenge_of
from mgmt.staff.passkeys import BadResponse, is_of, request_options
from mgmt.staff.people import Person
from mgmt.staff.session import Session
from mgmt.web.api.publications import PUBLICATIONS
from mgmt.web.desk.access import done, viewed
from mgmt.web.desk.ceremonies import CeremonyRequest, asked_of, json_answer, party_of, refused
from mgmt.web.desk.frame import FRAME, PATH, SubmittedForm, moved, number_of, page
from mgmt.web.desk.order_view import named
from mgmt.web.kit.app_context import CLOCK, SETTINGS, read, write
from mgmt.web.kit.problems import Problem
from parental.store.schema.orders import approvals, entries

N_SHOWN = 100
MAX_DIGITS = 10


class ApprovalView(NamedTuple):
    """One approval as a page shows it.

    order            None: it is of a list, a legal hold or settings
    named, until     for people;   value, ground  of the entry and its order; not of one that is sealed
    refused          by whom, and why; None: it is not;   hold  that begins or is released
    outdated         why no one signs it any more, and what to do; None: it is as it was proposed
    changes          of settings of pages: name, what pages show before, and after
    is_put           whether control has put those in force"""

    row: Row[Any]
    order: Row[Any] | None
    named: str
    ground: str
    value: str | None
    until: str | None
    due: str | None
    refused: Row[Any] | None
    hold: LegalHold | None = None
    outdated: Objection | None = None
    changes: Sequence[tuple[str, str, str]] = ()
    is_put: bool = False

    def waits_for(self, person: Person) -> bool:
        """Whether this person can sign it now."""
        row = self.row
        if self.outdated is not None:
            return False
        if self.due == PROPOSED:
            return bool(row.proposer == person.mail)
        return self.due is not None and differ((row.proposer, row.proposer_group), (person.mail, person.group))


def add_approvals(app: web.Application) -> None:
    """Put the routes into an application that has a desk."""
    app.router.add_get(PATH + "/approvals", viewed(show_all, PERMISSION))
    app.router.add_post(PATH + "/approvals", done(propose, PERMISSION))
    app.router.add_get(PATH + "/approvals/{id:[0-9]{1,10}}", viewed(show_one, PERMISSION))
    app.router.add_post(PATH + "/approvals/{id:[0-9]{1,10}}/refuse", done(refuse, PERMISSION))
    app.router.add_post(PATH + "/passkey/sign/options", sign_options)
    app.router.add_post(PATH + "/passkey/sign", put_signature)


async def show_all(request: web.Request, session: Session) -> web.Response:
    """GET /desk/approvals; order, entry and kind of the address stand in its form already."""
    asked = defaultdict(str, {name: request.query.get(name, "")[:MAX_DIGITS] for name in ("order", "entry", "kind")})
    return await _all(request, session, form=asked)


async def propose(request: web.Request, form: SubmittedForm) -> web.Response:
    """POST /desk/approvals"""
    said, by = form.fields, form.session.person

    def work(conn: Connection) -> int:
        order = find_order_by_id(conn, whole(said["order"], "order"))
        if order is None:
            raise ApprovalRefusal(f"order {said['order']}: not found; nothing proposed; write its number")
        proposal = _proposal(said, request.app[SETTINGS].zone)
        return int(propose_at_desk(conn, order, proposal, by.mail, "desk", request.app[CLOCK]()).id)

    try:
        return moved(f"/approvals/{await write(request, work)}")
    except ApprovalRefusal as reason:
        return await _all(request, form.session, 422, alert=str(reason), form=said)


async def show_one(request: web.Request, session: Session) -> web.Response:
    """GET /desk/approvals/7"""
    return await _page(request, session)


async def refuse(request: web.Request, form: SubmittedForm) -> web.Response:
    """POST /desk/approvals/7/refuse"""
    number, by, now = number_of(request.match_info["id"]), form.session.person, request.app[CLOCK]()
    try:
        await write(request, lambda conn: refuse_proposal(conn, SUBJECTS, number, line_in(form.fields, "why"), by, now))
    except ApprovalRefusal as reason:
        return await _page(request, form.session, 409, alert=str(reason))
    except IntegrityError:
        return await _page(request, form.session, 409, alert="A colleague has refused it meanwhile. Nothing was done.")
    request.app[PUBLICATIONS].ask()
    return moved(f"/approvals/{number}")


async def sign_options(request: web.Request) -> web.Response:
    """POST /desk/passkey/sign/options"""
    party, asked = party_of(request), await asked_of(request)
    person = await _signer(request, asked)
    found = await read(request, lambda conn: _one(conn, asked.number, request.app[CLOCK]()))
    if found is not None and found.outdated is not None:
        raise refused(f"approval {asked.number}: {found.outdated.why}; nothing signed; {found.outdated.do}")
    if found is None or found.due is None or not found.waits_for(person):
        raise refused(f"approval {asked.number}: does not wait for you; nothing signed; load the page again")
    return json_answer(request_options(party, challenge_of(document_of(found.row, found.due))))


async def put_signature(request: web.Request) -> web.Response:
    """POST /desk/passkey/sign"""
    party, asked, now = party_of(request), await asked_of(request), request.app[CLOCK]()
    person = await _signer(request, asked)

    def work(conn: Connection) -> str | None:
        if not is_of(conn, asked.response, person):
            return "this passkey is of another person, or not known; not signed; use your own"
        return sign(conn, SUBJECTS, party, asked.number, asked.response, now)

    try:
        why = await write(request, work)
    except (ApprovalRefusal, BadResponse) as reason:
        raise Problem(409, str(reason), "number") from reason
    if why is not None:
        raise refused(why)
    request.app[PUBLICATIONS].ask()
    return json_answer({"location": f"{PATH}/approvals/{asked.number}"})


# ----------------------------------------------------------------------------------------------------------------------


async def _signer(request: web.Request, asked: CeremonyRequest) -> Person:
    session = await FRAME.allowed(request, asked.csrf)
    if session is None or not session.person.may(PERMISSION):
        raise refused("no session of a person who approves; nothing signed; sign in again")
    return session.person


async def _page(request: web.Request, session: Session, status: int = 200, alert: str = "") -> web.Response:
    number = number_of(request.match_info["id"])
    found = await read(request, lambda conn: _one(conn, number, request.app[CLOCK]()))
    if found is None:
        return await _all(request, session, 404, alert=f"There is no approval {number}. Nothing was done.")
    return page(request, "approval.html", status, session=session, alert=alert, each=found)


async def _all(request: web.Request, session: Session, status: int = 200, **said: Any) -> web.Response:
    found = await read(request, lambda conn: _newest(conn, request.app[CLOCK]()))
    known: dict[str, Any] = {"found": found, "form": defaultdict(str)}
    return page(request, "approvals.html", status, session=session, **(known | said))


def _newest(conn: Connection, now: datetime) -> list[ApprovalView]:
    """What waits or holds, the newest first."""
    chosen = select(approvals).where(approvals.c.lapsed_ms.is_(None)).order_by(approvals.c.id.desc()).limit(N_SHOWN)
    return [_shown(conn, row, now) for row in conn.execute(chosen).all()]


def _one(conn: Connection, number: int, now: datetime) -> ApprovalView | None:
    row = approval_of(conn, number)
    return None if row is None else _shown(conn, row, now)


def _shown(conn: Connection, row: Row[Any], now: datetime) -> ApprovalView:
    until = None if row.expires_s is None else datetime.fromtimestamp(row.expires_s, UTC).strftime("%Y-%m-%d %H:%M UTC")
    due, refused = part_due(conn, row), refusal_of(conn, row.id)
    why = None if due is None else subject_of(row, SUBJECTS).outdated(conn, row, int(now.timestamp()))
    if row.hold is not None:
        hold = find_hold(conn, row.hold)
        return ApprovalView(row, None, f"hold {row.hold}", "", None, until, due, refused, hold and shown(hold))
    if row.settings is not None:
        called, changes = f"settings of pages: {names_in(row.settings)}", lines_of(row.settings)
        found = ApprovalView(row, None, called, "", None, until, due, refused, outdated=why, changes=changes)
        return found._replace(is_put=is_put(conn, row.id))
    if row.order is None:
        return ApprovalView(row, None, f"list {row.list}", "", None, until, due, refused)
    order = get_order(conn, row.order)
    chosen = select(entries.c.value).where(entries.c.order == row.order, entries.c.number == row.number)
    value = None if is_sealed(order) else conn.execute(chosen).scalar_one_or_none()
    ground = "" if is_sealed(order) else order.ground
    return ApprovalView(row, order, named(order), ground, value, until, due, refused, outdated=why)


def _proposal(form: dict[str, str], zone: str) -> Proposal:
    """Raises ApprovalRefusal."""
    kind = form["kind"]
    if kind not in KINDS:
        raise ApprovalRefusal(f"kind {kind!r:.40}: unknown; nothing proposed; choose one of {', '.join(KINDS)}")
    is_whole = kind in WHOLE
    return Proposal(
        kind=kind,
        number=None if is_whole else whole(form["entry"], "entry"),
        reason=line_in(form, "reason"),
        reference=line_in(form, "reference"),
        collateral=line_in(form, "collateral"),
        owner_consent=line_in(form, "owner_consent") or None,
        expires=None if is_whole else end_of(form["until"], zone),
    )


def line_in(form: dict[str, str], field: str) -> str:
    """What a field says, on one line, as the API takes it; '': nothing.   Raises ApprovalRefusal."""
    text = form[field].strip()
    if text and re.search(LINE, text) is None:
        raise ApprovalRefusal(
            f"{field}: holds an end of a line, or what no one can see; nothing done; write it plainly"
        )
    return text


def whole(text: str, what: str) -> int:
    if text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS:
        return int(text)
    raise ApprovalRefusal(f"{what} {text!r:.40}: no number; nothing proposed; write it in digits")


def end_of(day: str, zone: str) -> datetime:
    """The end of a local day."""
    try:
        last = datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError as reason:
        raise ApprovalRefusal(f"last day {day!r:.40}: no day; nothing proposed; write it as 2026-12-20") from reason
    return datetime.combine(last, time(23, 59, 59), ZoneInfo(zone))
