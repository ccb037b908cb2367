"""/desk: signing in and out, enrolling, and what a person signs in with.  In English.

All of it but passkeys works without JavaScript; their one script is a file of our own, and no page has one of its own.
Invariants: nothing changes without a request from our own page; nor, once somebody is signed in, without the session's
form token.
Source: OWASP ASVS 5.0 §3, §6 and §7; W3C Web Authentication.
"""

import hmac
from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

from aiohttp import web
from sqlalchemy import Connection, Row, select

from mgmt.app_context import CLOCK, ENGINE, SETTINGS, read, write
from mgmt.client_certificates import carries_session
from mgmt.forms import form_of, is_from_here
from mgmt.staff.challenges import Challenges
from mgmt.staff.login import Login, Tried, Wait, enrol, owner_of_code
from mgmt.staff.passkeys import Party, fingerprint_of
from mgmt.staff.passwords import MIN_CHARACTERS, totp_address, totp_text
from mgmt.staff.people import Person, Unfit, person_of_code
from mgmt.staff.permissions import permissions_of
from mgmt.staff.secret_box import SecretBox
from mgmt.staff.session import LIFE, Session, end_session, find_session, note_use
from mgmt.text.environment import SHARED, environment
from parental.schema.staff import passkeys, staff_passwords
from rules.names.clients import client_address, client_of

PATH = "/desk"
HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # not no-referrer: see mgmt.portal.pages
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "publickey-credentials-create=(self), publickey-credentials-get=(self)",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
}
MAX_FIELD_CHARACTERS = 300
FOLDER = Path(__file__).parent / "templates"

_templates = environment(FOLDER)


class Desk(NamedTuple):
    """What the desk's pages need.   party  None: no origin is configured, so there are no passkeys"""

    login: Login
    challenges: Challenges
    party: Party | None


DESK: web.AppKey[Desk] = web.AppKey("desk", Desk)


def add_desk(app: web.Application, key: bytes) -> None:
    """Put the desk's pages into an application.   key  of SecretBox"""
    origin = app[SETTINGS].desk_origin
    party = None if origin is None else Party(origin, app[SETTINGS].isp_name)
    app[DESK] = Desk(Login(app[ENGINE], SecretBox(key)), Challenges(), party)
    app.router.add_get(PATH, home)
    app.router.add_get(PATH + "/login", show_login)
    app.router.add_post(PATH + "/login", log_in)
    app.router.add_post(PATH + "/logout", log_out)
    app.router.add_get(PATH + "/enrol", show_enrol)
    app.router.add_post(PATH + "/enrol", choose)
    app.router.add_post(PATH + "/enrol/password", enrol_password)
    app.router.add_get(PATH + "/style.css", _file(SHARED / "style.css", "text/css"))
    app.router.add_get(PATH + "/passkey.js", _file(FOLDER / "passkey.js", "text/javascript"))


async def home(request: web.Request) -> web.Response:
    """GET /desk: who is signed in, and with what."""
    session = await session_of(request)
    if session is None:
        return moved("/login")
    person = session.person

    def load(conn: Connection) -> dict[str, Any]:
        kept = select(passkeys).where(passkeys.c.staff == person.number).order_by(passkeys.c.id)
        has_password = select(staff_passwords.c.staff).where(staff_passwords.c.staff == person.number)
        return {
            "passkeys": [_shown(row) for row in conn.execute(kept)],
            "has_password": conn.execute(has_password).first() is not None,
        }

    known = await read(request, load)
    fresh = session.is_fresh(request.app[CLOCK]())
    approves = may_approve(person)
    return page(request, "home.html", person=person, csrf=session.csrf, is_fresh=fresh, approves=approves, **known)


def _shown(key: Row[Any]) -> dict[str, Any]:
    return {"label": key.label, "fingerprint": fingerprint_of(key), "is_vouched": key.vouched_s is not None}


async def show_login(request: web.Request) -> web.Response:
    """GET /desk/login"""
    return page(request, "login.html") if await session_of(request) is None else moved("")


async def log_in(request: web.Request) -> web.Response:
    """POST /desk/login"""
    if not is_from_here(request):
        return page(request, "login.html", 403, alert="The form came from another page. Nothing was done. Try here.")
    desk, address, form = request.app[DESK], client_address(request.remote), await fields_of(request)
    tried = Tried(
        form["mail"],
        form["password"],
        form["code"],
        client_of(address) if address else "",
        request.cookies.get(cookie_name(request), ""),
    )
    try:
        secret = await desk.login.sign_in(tried, request.app[CLOCK]())
    except Wait as wait:
        return _later(request, "login.html", wait)
    if secret is None:
        alert = "E-mail address, password and code do not belong together, or the code was used. You are not signed in."
        return page(request, "login.html", 403, alert=alert, mail=tried.mail)
    return signed_in(request, moved(""), secret)


async def log_out(request: web.Request) -> web.Response:
    """POST /desk/logout"""
    if await allowed(request, (await fields_of(request))["csrf"]) is None:
        return page(request, "login.html", 403)
    secret = request.cookies[cookie_name(request)]
    await write(request, lambda conn: end_session(conn, secret))
    response = moved("/login")
    response.del_cookie(cookie_name(request), **_cookie(request))
    return response


async def show_enrol(request: web.Request) -> web.Response:
    """GET /desk/enrol"""
    return page(request, "enrol.html")


async def choose(request: web.Request) -> web.Response:
    """POST /desk/enrol: what the owner of a code can set."""
    return await _choice(request, (await fields_of(request))["code"])


async def enrol_password(request: web.Request) -> web.Response:
    """POST /desk/enrol/password"""
    form = await fields_of(request)
    code, password = form["code"], form["password"]
    if not is_from_here(request) or password != form["again"]:
        return await _choice(request, code, "The two passwords differ. Nothing was set. Write them again.")
    try:
        await enrol(request.app[DESK].login, code, password, form["typed"], request.app[CLOCK]())
    except Unfit as reason:
        return await _choice(request, code, str(reason))
    except Wait as wait:
        return _later(request, "enrol.html", wait)
    return page(request, "login.html", done="Password and codes are set. Sign in with them.")


async def _choice(request: web.Request, code: str, alert: str = "") -> web.Response:
    desk, now = request.app[DESK], request.app[CLOCK]()

    def look_up(conn: Connection) -> tuple[Person, bytes]:
        return owner_of_code(conn, desk.login.box, code, now)

    is_asked = is_from_here(request) and code
    # Read first: a stranger's code costs no writer's turn.
    if not is_asked or await read(request, lambda conn: person_of_code(conn, code, now)) is None:
        alert = "This code does not count, or no longer. Nothing was set. Ask for a new one."
        return page(request, "enrol.html", 403, alert=alert)
    person, secret = await write(request, look_up)
    values = {
        "person": person,
        "code": code,
        "secret": totp_text(secret),
        "address": totp_address(secret, person.mail, request.app[SETTINGS].isp_name),
        "min_characters": MIN_CHARACTERS,
    }
    return page(request, "choice.html", 422 if alert else 200, alert=alert, **values)


# -- what the ceremonies of passkeys need, too -------------------------------------------------------------------------


async def session_of(request: web.Request) -> Session | None:
    """The session of the request's cookie; its last use is noted."""
    secret, now = request.cookies.get(cookie_name(request), ""), request.app[CLOCK]()
    session = await read(request, lambda conn: find_session(conn, secret, now)) if secret else None
    if session is not None and not carries_session(request, session.person.number):
        return None
    if session is not None and not session.is_seen:
        await write(request, lambda conn: note_use(conn, secret, now))
    return session


async def allowed(request: web.Request, csrf: str) -> Session | None:
    """The session of a request that was really sent from our page; None for anything else."""
    session = await session_of(request)
    if session is None or not is_from_here(request):
        return None
    return session if hmac.compare_digest(csrf.encode("utf-8", "replace"), session.csrf.encode()) else None


def signed_in(request: web.Request, response: web.Response, secret: str) -> web.Response:
    """The response with the session's cookie."""
    response.set_cookie(cookie_name(request), secret, max_age=int(LIFE.total_seconds()), **_cookie(request))
    return response


def cookie_name(request: web.Request) -> str:
    """The cookie's name: with https the prefix binds it to this very host."""
    return "__Host-desk" if request.app[SETTINGS].has_tls else "desk"


def may_approve(person: Person) -> bool:
    """Whether the person's role has a part in approvals."""
    return "orders.approve" in permissions_of((person.role,))


def page(request: web.Request, template: str, status: int = 200, **values: Any) -> web.Response:
    """A page of the desk.   alert  what went wrong;   done  what went well"""
    said = {"alert": "", "done": "", "mail": "", **values}
    has_passkeys = request.app[DESK].party is not None
    text = _templates.get_template(template).render(
        settings=request.app[SETTINGS], path=PATH, has_passkeys=has_passkeys, **said
    )
    return web.Response(status=status, text=text, content_type="text/html", charset="utf-8", headers=HEADERS)


def _later(request: web.Request, template: str, wait: Wait) -> web.Response:
    seconds = int(wait.s) + 1
    alert = f"Too many tries. Nothing was done. Try again in {seconds} s; a passkey does not have to wait."
    response = page(request, template, 429, alert=alert)
    response.headers["Retry-After"] = str(seconds)
    return response


async def fields_of(request: web.Request) -> defaultdict[str, str]:
    """The fields of a form; '' where one is absent."""
    fields = await form_of(request)
    return defaultdict(str, {key: value[:MAX_FIELD_CHARACTERS] for key, value in fields.items()})


def _cookie(request: web.Request) -> dict[str, Any]:
    return {"path": "/", "httponly": True, "samesite": "Strict", "secure": request.app[SETTINGS].has_tls}


def moved(where: str) -> web.Response:
    """To another page of the desk."""
    return web.Response(status=303, headers={**HEADERS, "Location": PATH + where})


def _file(path: Path, content_type: str) -> Any:
    """An endpoint with a file of this release."""
    text = path.read_text()

    async def endpoint(_: web.Request) -> web.Response:
        headers = {**HEADERS, "Cache-Control": "no-cache"}
        return web.Response(text=text, content_type=content_type, charset="utf-8", headers=headers)

    return endpoint
