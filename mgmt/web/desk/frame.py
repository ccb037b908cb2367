"""What every page of the desk has: its head fields, its tabs, its cookie, and who sends its forms.

All of it but passkeys works without JavaScript; their one script is a file of our own, and no page has one of its own.
Invariants: nothing changes without a request from our own page; nor, once somebody is signed in, without the session's
form token.
Source: OWASP ASVS 5.0 §3, §6 and §7; W3C Web Authentication; WCAG 2.2.
"""

import hmac
from collections import defaultdict
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from aiohttp import web

from mgmt.staff.challenges import Challenges
from mgmt.staff.login import Login
from mgmt.staff.passkeys import Party
from mgmt.staff.session import LIFE, Session, find_session, note_use
from mgmt.web.kit.app_context import CLOCK, SETTINGS, read, write
from mgmt.web.kit.body import MAX_FORM_OCTETS
from mgmt.web.kit.client_certificates import carries_session
from mgmt.web.kit.environment import SHARED, environment
from mgmt.web.kit.forms import form_of, is_from_here

PATH = "/desk"
HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # not no-referrer: see mgmt.web.family.frame
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "publickey-credentials-create=(self), publickey-credentials-get=(self)",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
}
MAX_FIELD_CHARACTERS = 300
FOLDER = Path(__file__).parent / "templates"
STYLE = (SHARED / "style.css").read_text() + (FOLDER / "desk.css").read_text()
# Where a tab leads, what it is called, and the permission without which it is not there; None: for everybody.
TABS = (
    ("", "Start", None),
    ("/orders", "Orders", "orders.read"),
    ("/approvals", "Approvals", "orders.approve"),
    ("/audit", "Records", "audit.blocks"),
    ("/holds", "Legal holds", "holds.read"),
    ("/reports", "Wrong blocks", "reports.read"),
    ("/lawful", "Lawful requests", "lawful.read"),
    ("/lists", "Lists", "status.read"),
    ("/people", "People", "staff.read"),
)

_templates = environment(FOLDER)


class Desk(NamedTuple):
    """What the desk's pages need.   party  None: no origin is configured, so there are no passkeys"""

    login: Login
    challenges: Challenges
    party: Party | None


class SubmittedForm(NamedTuple):
    """A form that was really sent from our page, by somebody who is signed in."""

    session: Session
    fields: defaultdict[str, str]


DESK: web.AppKey[Desk] = web.AppKey("desk", Desk)


def add_files(app: web.Application) -> None:
    """Put the style sheet and the one script into an application."""
    app.router.add_get(PATH + "/style.css", _file(STYLE, "text/css"))
    app.router.add_get(PATH + "/passkey.js", _file((FOLDER / "passkey.js").read_text(), "text/javascript"))


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
    return session if session is not None and is_from_here(request) and _is_token_of(session, csrf) else None


async def sent(
    request: web.Request, at_most: int = MAX_FORM_OCTETS, longest: int = MAX_FIELD_CHARACTERS
) -> SubmittedForm | None:
    """What a form of ours says; None for anything else, of which no octet is read.

    at_most  octets of the form;   longest  characters of a field"""
    session = await session_of(request)
    if session is None or not is_from_here(request):
        return None
    fields = await fields_of(request, at_most, longest)
    return SubmittedForm(session, fields) if _is_token_of(session, fields["csrf"]) else None


async def fields_of(
    request: web.Request, at_most: int = MAX_FORM_OCTETS, longest: int = MAX_FIELD_CHARACTERS
) -> defaultdict[str, str]:
    """The fields of a form; '' where one is absent.   at_most, longest  as sent()"""
    fields = await form_of(request, at_most)
    return defaultdict(str, {key: value[:longest] for key, value in fields.items()})


def number_of(said: str) -> int:
    """A number that an address or a form says; 0, which nothing has, for anything else."""
    return int(said) if said.isascii() and said.isdigit() and len(said) < 11 else 0


def page(
    request: web.Request, template: str, status: int = 200, *, session: Session | None = None, **values: Any
) -> web.Response:
    """A page of the desk.   session  of whoever reads it;   alert  what went wrong;   done  what went well"""
    said = {"alert": "", "done": "", "mail": "", **values}
    text = _templates.get_template(template).render(
        settings=request.app[SETTINGS],
        path=PATH,
        here=request.path,
        has_passkeys=request.app[DESK].party is not None,
        session=session,
        person=None if session is None else session.person,
        csrf="" if session is None else session.csrf,
        tabs=() if session is None else tabs_of(session),
        local=lambda written: local(request, written),
        **said,
    )
    return web.Response(status=status, text=text, content_type="text/html", charset="utf-8", headers=HEADERS)


def tabs_of(session: Session) -> list[tuple[str, str]]:
    """(where, what it is called) of the pages that somebody may see."""
    return [(where, name) for where, name, needed in TABS if needed is None or session.person.may(needed)]


def local(request: web.Request, written: str) -> str:
    """A time, written as ISO 8601, as people of the desk read it: '2026-08-03 21:00'."""
    return datetime.fromisoformat(written).astimezone(ZoneInfo(request.app[SETTINGS].zone)).strftime("%Y-%m-%d %H:%M")


def moved(where: str) -> web.Response:
    """To another page of the desk, so that a reload sends nothing again."""
    return web.Response(status=303, headers={**HEADERS, "Location": PATH + where})


def signed_in(request: web.Request, response: web.Response, secret: str) -> web.Response:
    """The response with the session's cookie."""
    response.set_cookie(cookie_name(request), secret, max_age=int(LIFE.total_seconds()), **_cookie(request))
    return response


def signed_out(request: web.Request, response: web.Response) -> web.Response:
    """The response that takes the session's cookie away."""
    response.del_cookie(cookie_name(request), **_cookie(request))
    return response


def cookie_name(request: web.Request) -> str:
    """The cookie's name: with https the prefix binds it to this very host."""
    return "__Host-desk" if request.app[SETTINGS].has_tls else "desk"


# ----------------------------------------------------------------------------------------------------------------------


def _is_token_of(session: Session, csrf: str) -> bool:
    return hmac.compare_digest(csrf.encode("utf-8", "replace"), session.csrf.encode())


def _cookie(request: web.Request) -> dict[str, Any]:
    return {"path": "/", "httponly": True, "samesite": "Strict", "secure": request.app[SETTINGS].has_tls}


def _file(text: str, content_type: str) -> Any:
    """An endpoint with a file of this release."""

    async def endpoint(_: web.Request) -> web.Response:
        headers = {**HEADERS, "Cache-Control": "no-cache"}
        return web.Response(text=text, content_type=content_type, charset="utf-8", headers=headers)

    return endpoint
