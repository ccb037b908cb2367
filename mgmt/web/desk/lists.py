"""/desk/lists: what each list has in force, how old it is, and what is wrong with it; its earlier versions, what going
back to one would change, and proposing that; as control says it.

Invariants: of a confidential list there are counts alone (filterd.images.lists.status holds it); nothing changes before
two persons have signed (mgmt.registers.lists.rollbacks), and what is proposed is what the page showed.
"""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from aiohttp import web
from markupsafe import Markup

from mgmt.contract.control import ControlFailure
from mgmt.registers.lists.rollbacks import propose_rollback
from mgmt.registers.lists.versions import KeptList, compared, earlier_of, find_list, rollback_of
from mgmt.staff.approvals.rules import ApprovalRefusal
from mgmt.staff.approvals.store import PERMISSION
from mgmt.staff.session import Session
from mgmt.text.language import language
from mgmt.web.desk.access import done, viewed
from mgmt.web.desk.frame import PATH, SubmittedForm, local, moved, page
from mgmt.web.kit.app_context import CLOCK, CONTROL, write

READ = "lists.read"
NO_ANSWER = (ControlFailure, OSError, TimeoutError)
OF_LIST = "list "  # begins the place of a fault


class ListRow(NamedTuple):
    """A list.   confirmed  when its source last said that this is its newest;   age  since then"""

    id: str
    rules: int
    skipped: int
    confirmed: str | None
    age: Markup | None
    fault: str | None


def add_lists(app: web.Application) -> None:
    """Put the routes into an application that has a desk."""
    at = PATH + "/lists"
    app.router.add_get(at, viewed(show, "status.read"))
    app.router.add_get(at + "/{list}", viewed(show_versions, READ))
    app.router.add_get(at + "/{list}/{version:[0-9a-f]{64}}", viewed(show_difference, READ))
    app.router.add_post(at + "/{list}/{version:[0-9a-f]{64}}", done(propose, PERMISSION))


async def show(request: web.Request, session: Session) -> web.Response:
    """GET /desk/lists"""
    try:
        said = await request.app[CONTROL].status()
    except NO_ANSWER as exc:
        alert = f"control: {str(exc) or 'no answer'}; filtering goes on with what the workers have; load this again"
        return page(request, "lists.html", 503, session=session, alert=alert, lists=(), faults={})
    faults: dict[str, str] = said.get("faults", {})
    ids = {each["id"] for each in said.get("lists", ())} | {
        where.removeprefix(OF_LIST) for where in faults if where.startswith(OF_LIST)
    }
    others = {where: fault for where, fault in faults.items() if not where.startswith(OF_LIST)}
    lists = [_listed(request, each, said) for each in sorted(ids)]
    return page(request, "lists.html", session=session, lists=lists, faults=others, may_read=session.person.may(READ))


async def show_versions(request: web.Request, session: Session) -> web.Response:
    """GET /desk/lists/pta"""
    return await _versions(request, session)


async def show_difference(request: web.Request, session: Session) -> web.Response:
    """GET /desk/lists/pta/3f2a…"""
    return await _difference(request, session)


async def propose(request: web.Request, form: SubmittedForm) -> web.Response:
    """POST /desk/lists/pta/3f2a…: propose to go back to it."""
    control, said, by = request.app[CONTROL], form.fields, form.session.person
    try:
        kept = await find_list(control, request.match_info["list"])
        if kept is None:
            return await _versions(request, form.session)
        to, now = request.match_info["version"], request.app[CLOCK]()
        wanted = await rollback_of(control, kept, said["before"], to, said["reason"], said["reference"])
        made = await write(request, lambda conn: propose_rollback(conn, wanted, by.mail, "desk", now))
    except ApprovalRefusal as reason:
        return await _difference(request, form.session, 409, alert=str(reason), form=said)
    except NO_ANSWER as exc:
        return await _difference(request, form.session, 503, alert=_no_answer(exc), form=said)
    return moved(f"/approvals/{made.id}")


# ----------------------------------------------------------------------------------------------------------------------


async def _versions(request: web.Request, session: Session) -> web.Response:
    kept = await _found(request, session)
    return page(request, "list.html", session=session, each=kept) if isinstance(kept, KeptList) else kept


async def _difference(
    request: web.Request, session: Session, status: int = 200, *, alert: str = "", form: dict[str, str] | None = None
) -> web.Response:
    """What going back to a version would change, and the form that proposes it."""
    kept = await _found(request, session)
    if not isinstance(kept, KeptList):
        return kept
    to = earlier_of(kept, request.match_info["version"])
    if to is None or kept.good is None:
        alert = "This version is not kept any more, or it is the one in force."
        return page(request, "list.html", 404, session=session, each=kept, alert=alert)
    difference = None
    try:
        difference = await compared(request.app[CONTROL], kept, to)
    except NO_ANSWER as exc:
        status, alert = 503, alert or _no_answer(exc)
    return page(
        request,
        "list_version.html",
        status,
        session=session,
        alert=alert,
        may_propose=session.person.may(PERMISSION) and (kept.sealed or difference is not None),
        each=kept,
        to=to,
        difference=difference,
        form=form or defaultdict(str),
    )


async def _found(request: web.Request, session: Session) -> KeptList | web.Response:
    """The list that the address names, or the page that says why none exists."""
    name = request.match_info["list"]
    try:
        kept = await find_list(request.app[CONTROL], name)
    except NO_ANSWER as exc:
        return page(request, "lists.html", 503, session=session, alert=_no_answer(exc), lists=(), faults={})
    if kept is None:
        alert = f"There is no list {name[:80]}."
        return page(request, "lists.html", 404, session=session, alert=alert, lists=(), faults={})
    return kept


def _no_answer(reason: Exception) -> str:
    return f"control: {str(reason) or 'no answer'}; nothing is changed; load this again"


def _listed(request: web.Request, name: str, said: dict[str, Any]) -> ListRow:
    held = next((each for each in said.get("lists", ()) if each["id"] == name), {"rules": 0, "skipped": 0})
    fault = said.get("faults", {}).get(OF_LIST + name)
    confirmed_s = said.get("confirmed_s", {}).get(name)
    if confirmed_s is None:
        return ListRow(name, held["rules"], held["skipped"], None, None, fault)
    at = datetime.fromtimestamp(confirmed_s, UTC)
    age = language("en").span(max(request.app[CLOCK]() - at, timedelta()))
    return ListRow(name, held["rules"], held["skipped"], local(request, at.isoformat()), age, fault)
