"""/family: signing in with a telephone and a one-time code, or with a household's token, and signing out.

Invariants: the answer is the same whether a number is a caregiver's or not, and takes as long: the code is made all the
same, and what is sent is sent in the background; so many codes are asked for by one line and one address, and by all
together; the browser that asks is the one that signs in.
Source: OWASP ASVS 5.0 §6.6 (out-of-band), WebOTP (the message's last line).
"""

import time
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import ip_network

from aiohttp import web
from sqlalchemy import Connection

from mgmt.ledger.event import Actor
from mgmt.registers.households import record
from mgmt.web.family.frame import FRAME, PATH, above, moved, page, sent
from mgmt.web.family.scripts import CODE, with_script
from mgmt.web.family.session import begin_for, begin_session, end_session
from mgmt.web.family.sms import Sender, Sms, texts_of
from mgmt.web.kit.app_context import CLOCK, SETTINGS, read, write
from mgmt.web.kit.forms import is_from_here
from mgmt.web.kit.page_frame import cookie_of, give_cookie, take_cookie
from parental.people import login_codes
from parental.people.caregivers import Caregiver, CaregiverState, accept_by_phone, by_phone, with_same_phone
from parental.people.login_codes import LoginCode, TooMany
from parental.people.phones import Phones, international, plain_number
from parental.policy.addresses import holder_of
from parental.store.errors import BadPerson
from rules.base.budget import RequestBudget
from rules.base.clients import client_address, client_of

WINDOW_S = 600.0
OF_LINE = 10  # codes that a line asks for in WINDOW_S: a family that signs in all its phones
OF_ADDRESS = 60  # codes that an address asks for which is no line's: a mobile network has many people behind one
OF_ALL = 600  # that all together ask for: one a second, and what a flood of messages costs at most
TRIES_OF_CLIENT = 60  # codes that are typed
ASKED = "family-code"  # the cookie of a browser that has asked for a code


@dataclass(slots=True)
class Door:
    """What signing in needs.   sender  None: no message can be sent, so that only tokens open"""

    sender: Sender | None
    of_line: RequestBudget = field(default_factory=lambda: RequestBudget(OF_LINE, WINDOW_S))
    of_address: RequestBudget = field(default_factory=lambda: RequestBudget(OF_ADDRESS, WINDOW_S))
    of_all: RequestBudget = field(default_factory=lambda: RequestBudget(OF_ALL, WINDOW_S))
    tries: RequestBudget = field(default_factory=lambda: RequestBudget(TRIES_OF_CLIENT, WINDOW_S))


DOOR: web.AppKey[Door] = web.AppKey("family_door", Door)


def add_sign_in(app: web.Application, sms: Sms | None) -> None:
    """Put the routes into the web role's application.   sms  None: nothing takes messages"""
    app[DOOR] = Door(None if sms is None or app[SETTINGS].phone_key is None else Sender(sms))
    app.router.add_post(PATH + "/number", ask)
    app.router.add_get(PATH + "/code", show_code)
    app.router.add_post(PATH + "/code", spend)
    app.router.add_post(PATH + "/login", login)
    app.router.add_post(PATH + "/logout", logout)
    app.router.add_post(PATH + "/switch", switch)
    app.on_cleanup.append(_close)


def sign_in_page(request: web.Request, status: int = 200, *, alert: str = "", minutes: int = 0) -> web.Response:
    """The page to sign in."""
    has_sms = request.app[DOOR].sender is not None
    return page(request, "login.html", status, alert=alert, minutes=minutes, has_sms=has_sms)


async def not_ours(request: web.Request) -> web.Response:
    """The answer to a form that is not of this session: of one that has ended, or of another page than ours."""
    session = await FRAME.session_of(request)
    if session is None:
        return sign_in_page(request, 403, alert="family.signed.out")
    return page(request, "gone.html", 403, session=session, here=above(request), alert="family.form.old")


async def ask(request: web.Request) -> web.Response:
    """POST /family/number: have a code sent."""
    door, key = request.app[DOOR], request.app[SETTINGS].phone_key
    if not is_from_here(request) or door.sender is None or key is None:
        return sign_in_page(request, 403)
    if wait_s := await _wait_s(request):
        return _later(request, wait_s)
    phones, now = Phones(key), request.app[CLOCK]()
    said = (await FRAME.fields_of(request))["phone"]
    try:
        number = plain_number(international(said, request.app[SETTINGS].country))
        digest = phones.digest(number)

        def work(conn: Connection) -> tuple[LoginCode, str | None]:
            asked = login_codes.ask(conn, phones, digest, now)
            found = by_phone(conn, digest, now)
            return asked, _text(request, conn, found[0], asked.code) if found else None

        asked, text = await write(request, work)
    except BadPerson:
        return sign_in_page(request, 422, alert="family.phone.wrong")
    except TooMany as reason:
        return _later(request, reason.s)
    if text is not None:
        door.sender.post(number, text)
    return give_cookie(request, moved(request, "/code"), ASKED, asked.secret, login_codes.DAY)


async def show_code(request: web.Request) -> web.Response:
    """GET /family/code: where the code is typed."""
    sender = request.app[DOOR].sender
    if not cookie_of(request, ASKED) or sender is None:
        return moved(request)
    return _code_page(request, sender)


def _code_page(request: web.Request, sender: Sender, status: int = 200, *, left: int | None = None) -> web.Response:
    """left  tries, after a wrong one"""
    shown = page(request, "code.html", status, left=left, is_failing=sender.is_failing, script=CODE)
    return with_script(shown)


async def spend(request: web.Request) -> web.Response:
    """POST /family/code: sign in with the code."""
    door, key, secret = request.app[DOOR], request.app[SETTINGS].phone_key, cookie_of(request, ASKED)
    if not is_from_here(request) or door.sender is None or key is None:
        return sign_in_page(request, 403)
    if not secret:
        return sign_in_page(request, 403, alert="family.code.ended")
    if wait_s := door.tries.wait_s(_client(request), time.monotonic()):
        return _later(request, wait_s)
    phones, now, before = Phones(key), request.app[CLOCK](), FRAME.secret_of(request)
    typed = (await FRAME.fields_of(request))["code"]

    def work(conn: Connection) -> tuple[str | None, int]:
        digest = login_codes.spend(conn, phones, secret, typed, now)
        found = [] if digest is None else by_phone(conn, digest, now)
        if not found:
            return None, login_codes.tries_left(conn, secret, now)
        for each in found:
            _welcome(conn, each, now)
        return begin_for(conn, found[0].id, now, before), 0

    begun, left = await write(request, work)
    if begun is not None:
        return _signed_in(request, moved(request), begun)
    if left:
        return _code_page(request, door.sender, 403, left=left)
    return sign_in_page(request, 403, alert="family.code.ended")


async def login(request: web.Request) -> web.Response:
    """POST /family/login: sign in with a household's token."""
    if not is_from_here(request):
        return sign_in_page(request, 403)
    token, now, before = (await FRAME.fields_of(request))["token"], request.app[CLOCK](), FRAME.secret_of(request)
    secret = await write(request, lambda conn: begin_session(conn, token.strip(), now, before))
    if secret is None:
        return sign_in_page(request, 403, alert="family.wrong")
    return _signed_in(request, moved(request), secret)


async def logout(request: web.Request) -> web.Response:
    """POST /family/logout"""
    form = await sent(request)
    if form is None:
        return await not_ours(request)
    await write(request, lambda conn: end_session(conn, form.secret))
    return FRAME.take_session(request, moved(request))


async def switch(request: web.Request) -> web.Response:
    """POST /family/switch: to another household in which the same telephone is a caregiver's."""
    form, now = await sent(request), request.app[CLOCK]()
    if form is None:
        return await not_ours(request)
    wanted = form.fields["caregiver"]

    def work(conn: Connection) -> str | None:
        others = [] if form.session.caregiver is None else with_same_phone(conn, form.session.caregiver)
        found = [each for each in others if str(each.id) == wanted]
        return begin_for(conn, found[0].id, now, form.secret) if found else None

    secret = await write(request, work)
    return moved(request) if secret is None else _signed_in(request, moved(request), secret)


async def _wait_s(request: web.Request) -> float:
    """Count a code that is asked for; 0, or how long this line, this address or all together have to wait."""
    door, client, now_s = request.app[DOOR], _client(request), time.monotonic()
    address = client_address(request.remote)
    line = None
    if address is not None:
        row = await read(request, lambda conn: holder_of(conn, ip_network(address)))
        line = None if row is None else f"line {row.line}"
    wait_s = door.of_address.wait_s(client, now_s) if line is None else door.of_line.wait_s(line, now_s)
    return wait_s or door.of_all.wait_s("", now_s)


def _signed_in(request: web.Request, response: web.Response, secret: str) -> web.Response:
    """The response with the session's cookie, and without the one by which the code was asked for."""
    return take_cookie(request, FRAME.give_session(request, response, secret), ASKED)


def _client(request: web.Request) -> str:
    address = client_address(request.remote)
    return str(client_of(address)) if address else ""


def _later(request: web.Request, wait_s: float) -> web.Response:
    minutes = max(1, -(-int(wait_s) // 60))
    response = sign_in_page(request, 429, alert="family.code.wait", minutes=minutes)
    response.headers["Retry-After"] = str(60 * minutes)
    return response


def _text(request: web.Request, conn: Connection, who: Caregiver, code: str) -> str:
    """The message, in the household's language; its last line lets a phone fill the code in on our page alone.

    Source: WebOTP, the origin-bound one-time code"""
    text = texts_of(conn, who.account, request.app[SETTINGS])["family.sms.code"].format(code=code)
    return text + (f"\n\n@{host} #{code}" if (host := _domain(request)) else "")


def _domain(request: web.Request) -> str:
    """The name by which the browser came; '' for an address, which no phone fills a code in for."""
    host = request.url.host or ""
    return "" if client_address(host) is not None else host


def _welcome(conn: Connection, who: Caregiver, now: datetime) -> None:
    """One who was invited has proven to hold the telephone: active from now on."""
    if who.state != CaregiverState.INVITED:
        return
    accept_by_phone(conn, who.id)
    record(
        conn, who.account, Actor("caregiver", str(who.id), who.role), "caregiver accepted", {"caregiver": who.id}, now
    )


async def _close(app: web.Application) -> None:
    sender = app[DOOR].sender
    if sender is not None:
        await sender.close()
