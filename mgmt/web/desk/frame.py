"""What every page of the desk has, above mgmt.web.kit.page_frame: its tabs, its texts, and who is signed in.

All of it but passkeys works without JavaScript; their one script is a file of our own, and no page has one of its own.
Invariants: nothing changes without a request from our own page; nor, once someone is signed in, without the session's
form token.
Source: OWASP ASVS 5.0 §3, §6 and §7; W3C Web Authentication; WCAG 2.2.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from aiohttp import web

from mgmt.staff.challenges import Challenges
from mgmt.staff.login import Login
from mgmt.staff.passkeys import Party
from mgmt.staff.session import LIFE, Session, find_session, note_use
from mgmt.web.kit import page_frame
from mgmt.web.kit.app_context import CLOCK, SETTINGS, read, write
from mgmt.web.kit.client_certificates import carries_session

PATH = "/desk"
MAX_FIELD_CHARACTERS = 300
MAX_DIGITS = 10  # of a number
FOLDER = Path(__file__).parent / "templates"
# Where a tab leads, what it is called, and the permission without which it is missing; None: for everyone.
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


class Desk(NamedTuple):
    """What the desk's pages need.   party  None: no origin is configured, so there are no passkeys"""

    login: Login
    challenges: Challenges
    party: Party | None


DESK: web.AppKey[Desk] = web.AppKey("desk", Desk)
SubmittedForm = page_frame.SubmittedForm[Session]


async def _find(request: web.Request, secret: str) -> Session | None:
    """The session of the cookie's value; its last use is noted."""
    now = request.app[CLOCK]()
    session = await read(request, lambda conn: find_session(conn, secret, now))
    if session is None or not carries_session(request, session.person.number):
        return None
    if not session.is_seen:
        await write(request, lambda conn: note_use(conn, secret, now))
    return session


FRAME = page_frame.PageFrame(
    PATH,
    FOLDER,
    "desk.css",
    cookie="desk",
    life=LIFE,
    find=_find,
    loads="script-src 'self'; style-src 'self'; connect-src 'self'",
    headers={"Permissions-Policy": "publickey-credentials-create=(self), publickey-credentials-get=(self)"},
    longest=MAX_FIELD_CHARACTERS,
)
moved = FRAME.moved


def add_files(app: web.Application) -> None:
    """Put the style sheet and the one script into an application."""
    app.router.add_get(PATH + "/style.css", _file(FRAME.style, "text/css"))
    app.router.add_get(PATH + "/passkey.js", _file((FOLDER / "passkey.js").read_text(), "text/javascript"))


def number_of(said: str) -> int:
    """A number that an address or a form says; 0, which nothing has, for anything else."""
    return page_frame.number_of(said, MAX_DIGITS)


def page(
    request: web.Request, template: str, status: int = 200, *, session: Session | None = None, **values: object
) -> web.Response:
    """A page of the desk.   session  of the one who reads it;   alert  what went wrong;   done  what went well"""
    said = {"alert": "", "done": "", "mail": "", **values}
    return FRAME.page(
        request,
        template,
        status,
        session,
        here=request.path,
        has_passkeys=request.app[DESK].party is not None,
        person=None if session is None else session.person,
        csrf="" if session is None else session.csrf,
        tabs=() if session is None else tabs_of(session),
        local=lambda written: local(request, written),
        **said,
    )


def tabs_of(session: Session) -> list[tuple[str, str]]:
    """(where, what it is called) of the pages that someone may see."""
    return [(where, name) for where, name, needed in TABS if needed is None or session.person.may(needed)]


def local(request: web.Request, written: str) -> str:
    """A time, written as ISO 8601, as people of the desk read it: '2026-08-03 21:00'."""
    return datetime.fromisoformat(written).astimezone(ZoneInfo(request.app[SETTINGS].zone)).strftime("%Y-%m-%d %H:%M")


def _file(text: str, content_type: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    """An endpoint with a file of this release."""

    async def endpoint(_: web.Request) -> web.Response:
        return FRAME.file(text, content_type, {"Cache-Control": "no-cache"})

    return endpoint
