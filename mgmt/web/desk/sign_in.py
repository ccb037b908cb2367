"""/desk: signing in and out, enrolling, and what a person signs in with.

Invariants: nothing changes without a request from our own page; nor, once someone is signed in, without the session's
form token; a stranger's name and a colleague's wrong password have one answer.
Source: OWASP ASVS 5.0 §6 and §7.
"""

from aiohttp import web
from sqlalchemy import Connection, select

from mgmt.staff.login import LoginAttempt, Wait, enrol, owner_of_code
from mgmt.staff.passkeys import Passkey, fingerprint_of, keys_of
from mgmt.staff.passwords import MIN_CHARACTERS, totp_address, totp_text
from mgmt.staff.people import Person, Unfit, person_of_code
from mgmt.staff.session import end_session
from mgmt.web.desk.frame import DESK, FRAME, PATH, moved, page
from mgmt.web.kit.app_context import CLOCK, SETTINGS, read, write
from mgmt.web.kit.forms import is_from_here
from parental.store.schema.staff import staff_passwords
from rules.base.clients import client_address, client_of


def add_sign_in(app: web.Application) -> None:
    """Put the routes into an application that has a desk."""
    app.router.add_get(PATH, home)
    app.router.add_get(PATH + "/login", show_login)
    app.router.add_post(PATH + "/login", log_in)
    app.router.add_post(PATH + "/logout", log_out)
    app.router.add_get(PATH + "/enrol", show_enrol)
    app.router.add_post(PATH + "/enrol", choose)
    app.router.add_post(PATH + "/enrol/password", enrol_password)


async def home(request: web.Request) -> web.Response:
    """GET /desk: who is signed in, and with what."""
    session = await FRAME.session_of(request)
    if session is None:
        return moved("/login")
    person = session.person

    def load(conn: Connection) -> tuple[list[Passkey], bool]:
        password = select(staff_passwords.c.staff).where(staff_passwords.c.staff == person.number)
        return keys_of(conn, person), conn.execute(password).first() is not None

    keys, has_password = await read(request, load)
    fresh, shown = session.is_fresh(request.app[CLOCK]()), list(map(_shown, keys))
    return page(request, "home.html", session=session, is_fresh=fresh, passkeys=shown, has_password=has_password)


def _shown(key: Passkey) -> dict[str, str | bool]:
    return {"label": key.label, "fingerprint": fingerprint_of(key), "is_vouched": key.vouched_s is not None}


async def show_login(request: web.Request) -> web.Response:
    """GET /desk/login"""
    return page(request, "login.html") if await FRAME.session_of(request) is None else moved("")


async def log_in(request: web.Request) -> web.Response:
    """POST /desk/login"""
    if not is_from_here(request):
        return page(request, "login.html", 403, alert="The form came from another page. Nothing was done. Try here.")
    desk, address, form = request.app[DESK], client_address(request.remote), await FRAME.fields_of(request)
    tried = LoginAttempt(
        form["mail"],
        form["password"],
        form["code"],
        client_of(address) if address else "",
        FRAME.secret_of(request),
    )
    try:
        secret = await desk.login.sign_in(tried, request.app[CLOCK]())
    except Wait as wait:
        return _later(request, "login.html", wait)
    if secret is None:
        alert = "E-mail address, password and code do not belong together, or the code was used. You are not signed in."
        return page(request, "login.html", 403, alert=alert, mail=tried.mail)
    return FRAME.give_session(request, moved(""), secret)


async def log_out(request: web.Request) -> web.Response:
    """POST /desk/logout"""
    if await FRAME.allowed(request, (await FRAME.fields_of(request))["csrf"]) is None:
        return page(request, "login.html", 403)
    secret = FRAME.secret_of(request)
    await write(request, lambda conn: end_session(conn, secret))
    return FRAME.take_session(request, moved("/login"))


async def show_enrol(request: web.Request) -> web.Response:
    """GET /desk/enrol"""
    return page(request, "enrol.html")


async def choose(request: web.Request) -> web.Response:
    """POST /desk/enrol: what the owner of a code can set."""
    return await _choice(request, (await FRAME.fields_of(request))["code"])


async def enrol_password(request: web.Request) -> web.Response:
    """POST /desk/enrol/password"""
    form = await FRAME.fields_of(request)
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
    return page(
        request,
        "choice.html",
        422 if alert else 200,
        alert=alert,
        enrolled=person,
        code=code,
        secret=totp_text(secret),
        address=totp_address(secret, person.mail, request.app[SETTINGS].isp_name),
        min_characters=MIN_CHARACTERS,
    )


def _later(request: web.Request, template: str, wait: Wait) -> web.Response:
    seconds = int(wait.s) + 1
    alert = f"Too many tries. Nothing was done. Try again in {seconds} s; a passkey does not have to wait."
    response = page(request, template, 429, alert=alert)
    response.headers["Retry-After"] = str(seconds)
    return response
