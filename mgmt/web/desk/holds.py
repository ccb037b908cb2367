"""/desk/holds: which block records stay although they are old, by which letter, and proposing that, or its end.

Invariants: nothing is kept, and nothing released, before two persons have signed
(mgmt.registers.records.holds.proposals) and control has found it right.
"""

from collections import defaultdict
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from aiohttp import web
from sqlalchemy import Connection

from mgmt.registers.records.holds.proposals import NewHold, propose_hold, propose_release, rounded_span, shown_holds
from mgmt.registers.records.holds.scope import Scope
from mgmt.registers.records.holds.shapes import IN_FORCE, WAITS
from mgmt.staff.approvals.rules import ApprovalRefusal
from mgmt.staff.approvals.store import PERMISSION
from mgmt.staff.session import Session
from mgmt.web.desk.access import done, viewed
from mgmt.web.desk.approvals import end_of, line_in, whole
from mgmt.web.desk.frame import PATH, SubmittedForm, moved, number_of, page
from mgmt.web.kit.app_context import CLOCK, SETTINGS, read, write

READ = "holds.read"
N_SHOWN = 100


def add_holds(app: web.Application) -> None:
    """Put the routes into an application that has a desk."""
    app.router.add_get(PATH + "/holds", viewed(show, READ))
    app.router.add_post(PATH + "/holds", done(propose, PERMISSION))
    app.router.add_post(PATH + "/holds/{hold:[0-9]{1,10}}/release", done(release, PERMISSION))


async def show(request: web.Request, session: Session) -> web.Response:
    """GET /desk/holds"""
    return await _page(request, session)


async def propose(request: web.Request, form: SubmittedForm) -> web.Response:
    """POST /desk/holds"""
    by, zone, now = form.session.person, request.app[SETTINGS].zone, request.app[CLOCK]()

    def work(conn: Connection) -> int:
        return int(propose_hold(conn, _wanted(form.fields, zone), by.mail, "desk", now).id)

    try:
        return moved(f"/approvals/{await write(request, work)}")
    except ApprovalRefusal as reason:
        return await _page(request, form.session, 422, alert=str(reason), form=form.fields)


async def release(request: web.Request, form: SubmittedForm) -> web.Response:
    """POST /desk/holds/3/release"""
    hold, by, now = number_of(request.match_info["hold"]), form.session.person, request.app[CLOCK]()

    def work(conn: Connection) -> int:
        why, letter = (line_in(form.fields, name) for name in ("reason", "reference"))
        return int(propose_release(conn, hold, why, letter, by.mail, "desk", now).id)

    try:
        return moved(f"/approvals/{await write(request, work)}")
    except ApprovalRefusal as reason:
        return await _page(request, form.session, 422, alert=str(reason))


# ----------------------------------------------------------------------------------------------------------------------


async def _page(
    request: web.Request, session: Session, status: int = 200, *, alert: str = "", form: dict[str, str] | None = None
) -> web.Response:
    found = await read(request, lambda conn: shown_holds(conn, N_SHOWN))
    return page(
        request,
        "holds.html",
        status,
        session=session,
        alert=alert,
        form=defaultdict(str) if form is None else form,
        may_propose=session.person.may(PERMISSION),
        waiting=[each for each in found if each.state == WAITS],
        in_force=[each for each in found if each.state == IN_FORCE],
        over=[each for each in found if each.ended is not None],
    )


def _wanted(form: dict[str, str], zone: str) -> NewHold:
    """Raises ApprovalRefusal."""
    since = None if not form["since"] else _begin_of(form["since"], zone)
    scope = Scope(
        *rounded_span(since, end_of(form["until"], zone) + timedelta(seconds=1)),
        whole(form["order"], "order") if form["order"] else None,
        line_in(form, "list") or None,
        line_in(form, "category") or None,
        line_in(form, "subscriber") or None,
        form["keeps_keys"] == "yes",
    )
    return NewHold(scope, line_in(form, "reason"), line_in(form, "reference"), end_of(form["ends"], zone))


def _begin_of(day: str, zone: str) -> datetime:
    """The start of a local day."""
    return datetime.combine(end_of(day, zone).astimezone(ZoneInfo(zone)).date(), time(), ZoneInfo(zone)).astimezone(UTC)
