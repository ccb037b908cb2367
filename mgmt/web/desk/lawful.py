"""/desk/lawful: the register of lawful requests: write one down, answer it, agree to a colleague's answer.

Invariants: an answer with an effect takes a second person of another group; what someone agrees to is what the page
showed.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from aiohttp import web
from sqlalchemy import Connection

from mgmt.contract.errors import BadRequest
from mgmt.registers.lawful.shapes import ANSWERS, KINDS, RegisteredRequest
from mgmt.registers.lawful.store import AuthorityLetter, Conflict, Signer, agree, answer, is_answered, newest, record
from mgmt.staff.session import Session
from mgmt.web.desk.access import done, viewed
from mgmt.web.desk.frame import PATH, SubmittedForm, moved, number_of, page
from mgmt.web.kit.app_context import CLOCK, SETTINGS, read, write

READ, RECORD, AGREE = "lawful.read", "lawful.record", "lawful.agree"
SHOWN = 100
FIELDS = ("authority", "reference", "basis", "kind", "issued")
NUMBER = r"{number:\d{1,10}}"


def add_lawful(app: web.Application) -> None:
    """Put the routes into an application that has a desk."""
    app.router.add_get(PATH + "/lawful", viewed(show, READ))
    app.router.add_post(PATH + "/lawful", done(write_down, RECORD))
    app.router.add_post(f"{PATH}/lawful/{NUMBER}/answer", done(give_answer, RECORD))
    app.router.add_post(f"{PATH}/lawful/{NUMBER}/agree", done(give_agreement, AGREE))


async def show(request: web.Request, session: Session) -> web.Response:
    """GET /desk/lawful"""
    return await _page(request, session)


async def write_down(request: web.Request, form: SubmittedForm) -> web.Response:
    """POST /desk/lawful"""
    asked, now = AuthorityLetter(**{name: form.fields[name] for name in FIELDS}), request.app[CLOCK]()
    today = now.astimezone(ZoneInfo(request.app[SETTINGS].zone)).date()
    return await _done(request, form, lambda conn: record(conn, asked, _signer(form), now, today))


async def give_answer(request: web.Request, form: SubmittedForm) -> web.Response:
    """POST /desk/lawful/7/answer"""
    number, now = number_of(request.match_info["number"]), request.app[CLOCK]()
    return await _done(request, form, lambda conn: answer(conn, number, form.fields["answer"], _signer(form), now))


async def give_agreement(request: web.Request, form: SubmittedForm) -> web.Response:
    """POST /desk/lawful/7/agree"""
    number, now = number_of(request.match_info["number"]), request.app[CLOCK]()
    return await _done(request, form, lambda conn: agree(conn, number, form.fields["was"], _signer(form), now))


# ----------------------------------------------------------------------------------------------------------------------


def _signer(form: SubmittedForm) -> Signer:
    person = form.session.person
    return Signer(person.actor, person.group)


async def _done(
    request: web.Request, form: SubmittedForm, work: Callable[[Connection], RegisteredRequest]
) -> web.Response:
    try:
        await write(request, work)
    except BadRequest as reason:
        return await _page(request, form.session, 422, reason.detail, dict(form.fields))
    except (Conflict, LookupError) as reason:
        return await _page(request, form.session, 409, str(reason), dict(form.fields))
    return moved("/lawful")


async def _page(
    request: web.Request, session: Session, status: int = 200, alert: str = "", typed: dict[str, str] | None = None
) -> web.Response:
    found = await read(request, lambda conn: newest(conn, SHOWN))
    person = session.person
    return page(
        request,
        "lawful.html",
        status,
        session=session,
        alert=alert,
        rows=[(row, is_answered(row), datetime.fromtimestamp(row.recorded_s, UTC).isoformat()) for row in found],
        typed=dict.fromkeys(FIELDS, "") | (typed or {}),
        me=_name(session),
        may_record=person.may(RECORD),
        may_agree=person.may(AGREE),
        KINDS=KINDS,
        ANSWERS=ANSWERS,
    )


def _name(session: Session) -> str:
    return Signer(session.person.actor).name
