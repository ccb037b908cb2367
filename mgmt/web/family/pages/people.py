"""/family/people: who takes care of the household: who is in it, an invitation by telephone number, and its end;
whether the own telephone answers requests by message; and another PIN in the place of the household's.

Invariants: each of these takes the PIN, for it gives or takes the power to open, but for the end of answers by message;
another PIN takes the present one, also where it was right a moment ago;
all caregivers see who did it and when; a number is taken and never shown; the last owner stays; the role `school` is
the operator's to give.
"""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from aiohttp import web
from sqlalchemy import Connection

from mgmt.registers.households import record
from mgmt.web.family.acts.access import deed_of, permitted, viewed
from mgmt.web.family.acts.deeds import ask_pin, once
from mgmt.web.family.frame import PATH, SubmittedForm, moved, number_of, page
from mgmt.web.family.pin import PinRefusal, change_pin, has_pin, is_fresh
from mgmt.web.family.requests.replies import REPLIES
from mgmt.web.family.session import Session
from mgmt.web.kit.app_context import CLOCK, SETTINGS, read
from parental.people import request_messages
from parental.people.caregivers import (
    HELPER,
    PARENT,
    Caregiver,
    caregivers_of,
    get_caregiver,
    invite,
    keep_last_school,
    remove_caregiver,
)
from parental.people.phones import Phones, SealedPhone, international, mobile_number
from parental.store.errors import BadPerson, NoPerson

PEOPLE = PATH + "/people"
ROLES = (PARENT, HELPER)  # to choose from
NEEDED = "account.caregivers"
OPENS = "account.open"  # who may set a PIN
ANSWERING = ("answers-on", "answers-off")


class PersonChange(NamedTuple):
    """action  of the records;   who  it was done to"""

    action: str
    who: Caregiver


class SameName(BadPerson):
    """Two people of the household could not be distinguished, as numbers are never shown."""


Deed = Callable[[Connection, Session, datetime], PersonChange]


def add_people(app: web.Application) -> None:
    """Put the routes into the web role's application."""
    app.router.add_get(PEOPLE, viewed(_page))
    for did in ("invite", "remove"):
        app.router.add_post(f"{PEOPLE}/{did}", permitted(change, NEEDED, _page))
    app.router.add_post(PEOPLE + "/pin", permitted(change_own_pin, OPENS, _page))
    for did in ANSWERING:
        app.router.add_post(f"{PEOPLE}/{did}", permitted(choose_answers, "account.pause", _page))


async def change(request: web.Request, form: SubmittedForm) -> web.Response:
    """POST /family/people/invite, remove"""
    did = deed_of(request)
    try:
        deed = _invitation(request, form) if did == "invite" else _removal(form)
    except BadPerson:
        return await _page(request, form.session, 422, alert="family.phone.wrong")
    if not is_fresh(form.session, request.app[CLOCK]()):
        asked = await ask_pin(request, form, f"people/{did}", f"family.people.{did}", "/people")
        if asked is not None:
            return asked
    return await _do(request, form, deed)


async def choose_answers(request: web.Request, form: SubmittedForm) -> web.Response:
    """POST /family/people/answers-on, answers-off: of the own telephone alone."""
    did, wanted = deed_of(request), deed_of(request) == ANSWERING[0]
    if not _can_answer(request, form.session):
        return await _page(request, form.session, 409, alert="family.people.kept")
    if wanted and not is_fresh(form.session, request.app[CLOCK]()):
        asked = await ask_pin(request, form, f"people/{did}", f"family.people.{did}", "/people")
        if asked is not None:
            return asked
    return await _do(request, form, _answering(wanted))


async def change_own_pin(request: web.Request, form: SubmittedForm) -> web.Response:
    """POST /family/people/pin"""
    try:
        await change_pin(request, form)
    except PinRefusal as reason:
        return await _page(request, form.session, 403, alert=reason.message, minutes=reason.minutes)
    return moved(request, "/changes")  # whose first line says it


async def _do(request: web.Request, form: SubmittedForm, deed: Deed) -> web.Response:
    now, session = request.app[CLOCK](), form.session

    def store_it(conn: Connection) -> None:
        done = deed(conn, session, now)
        record(conn, session.account, session.actor, done.action, {"caregiver": done.who.id}, now)

    try:
        await once(request, form, store_it)
    except NoPerson:
        return await _page(request, session, 404, alert="family.people.gone")
    except SameName:
        return await _page(request, session, 409, alert="family.people.same")
    except BadPerson:
        return await _page(request, session, 409, alert="family.people.kept")
    return moved(request, "/people")


def _invitation(request: web.Request, form: SubmittedForm) -> Deed:
    """Raises BadPerson for what is no number of a mobile telephone"""
    phone, name = _sealed(request, form.fields["phone"]), " ".join(form.fields["name"].split())
    role = form.fields["role"] if form.fields["role"] in ROLES else HELPER

    def deed(conn: Connection, session: Session, now: datetime) -> PersonChange:
        who, _ = invite(conn, session.account, name, role, now, phone=phone, by=session.caregiver)
        if any(each.id != who.id and each.nickname == who.nickname for each in caregivers_of(conn, session.account)):
            raise SameName("caregiver: another one of this name; not invited; write a name that tells them apart")
        return PersonChange("caregiver invited", who)

    return deed


def _removal(form: SubmittedForm) -> Deed:
    number = number_of(form.fields["caregiver"])

    def deed(conn: Connection, session: Session, _: datetime) -> PersonChange:
        keep_last_school(conn, session.account, number)
        return PersonChange("caregiver removed", remove_caregiver(conn, session.account, number))

    return deed


def _answering(wanted: bool) -> Deed:
    def deed(conn: Connection, session: Session, _: datetime) -> PersonChange:
        who = get_caregiver(conn, session.account, session.caregiver or 0)
        if not request_messages.choose(conn, session.account, who.id, wanted):
            raise BadPerson("caregiver: has no telephone; nothing changed; sign in with a number")
        return PersonChange(f"answers by message {'on' if wanted else 'off'}", who)

    return deed


def _can_answer(request: web.Request, session: Session) -> bool:
    return request.app[REPLIES] is not None and session.caregiver is not None


def _sealed(request: web.Request, said: str) -> SealedPhone:
    settings = request.app[SETTINGS]
    if settings.phone_key is None:
        raise BadPerson("phone: this box has no key for telephone numbers; nothing done; see docs")
    return Phones(settings.phone_key).seal(mobile_number(international(said, settings.country)))


async def _page(
    request: web.Request, session: Session, status: int = 200, *, alert: str = "", minutes: int = 0
) -> web.Response:
    def load(conn: Connection) -> tuple[list[Caregiver], bool]:
        answers = session.caregiver is not None and request_messages.has_chosen(conn, session.caregiver)
        return caregivers_of(conn, session.account), answers

    found, answers = await read(request, load)
    may = session.may(NEEDED)
    can_invite = may and request.app[SETTINGS].phone_key is not None
    return page(
        request,
        "people.html",
        status,
        session=session,
        here="/people",
        people=found,
        roles=ROLES,
        may=may,
        can_invite=can_invite,
        can_answer=_can_answer(request, session),
        answers=answers,
        can_change_pin=session.may(OPENS) and await has_pin(request, session.account),
        alert=alert,
        minutes=minutes,
    )
