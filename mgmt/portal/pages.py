"""/family: one plain page for a parent.  No JavaScript; forms and redirects only.

Invariants: nothing changes without the session's cookie, its form token and a request from our own page; the page shows
limits and states, never a name that was visited.
Source: semantics §9; OWASP ASVS 4.2.2 (CSRF).
"""

import hmac
from pathlib import Path
from typing import Any

from aiohttp import web
from sqlalchemy import Connection

from mgmt.app_context import CLOCK, CONTROL, SETTINGS, read, write
from mgmt.control_protocol import receipt_json, receive
from mgmt.errors import NotInForce
from mgmt.forms import form_of, is_from_here
from mgmt.households import note_choice_of_line
from mgmt.ledger.event import Actor
from mgmt.portal.session import Session, begin_session, end_session, find_session, keep_receipt
from mgmt.portal.state import receipt_words, state_of
from mgmt.settings import LANGUAGES
from mgmt.staff.permissions import PARENT
from mgmt.text.accept import preferred_language
from mgmt.text.environment import environment
from mgmt.text.language import Language, language, languages
from parental import store

HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not no-referrer: with it a browser sends `Origin: null` from our own forms (Fetch §3.2).
    "Referrer-Policy": "same-origin",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
}
MAX_TOKEN_CHARACTERS = 200
PATH = "/family"

_templates = environment(Path(__file__).parent / "templates")


def add_portal(app: web.Application) -> None:
    """Put the page's routes into the web role's application."""
    app.router.add_get(PATH, show)
    app.router.add_post(PATH + "/login", login)
    app.router.add_post(PATH + "/logout", logout)
    app.router.add_post(PATH + "/pause", pause)
    app.router.add_post(PATH + "/resume", resume)


async def show(request: web.Request) -> web.Response:
    """GET /family: the child's card, or the form to sign in."""
    session = await _session(request)
    return _login_page(request) if session is None else await _card_page(request, session)


async def login(request: web.Request) -> web.Response:
    """POST /family/login"""
    if not is_from_here(request):
        return _login_page(request, 403)
    token = (await form_of(request)).get("token", "")
    now = request.app[CLOCK]()
    secret = await write(request, lambda conn: begin_session(conn, token[:MAX_TOKEN_CHARACTERS].strip(), now))
    if secret is None:
        return _login_page(request, 403, is_wrong=True)
    response = _back(request)
    response.set_cookie(
        _cookie(request),
        secret,
        max_age=30 * 86400,
        path="/",
        httponly=True,
        samesite="Strict",
        secure=request.app[SETTINGS].has_tls,
    )
    return response


async def logout(request: web.Request) -> web.Response:
    """POST /family/logout"""
    if await _allowed(request) is None:
        return _login_page(request, 403)
    secret = request.cookies[_cookie(request)]
    await write(request, lambda conn: end_session(conn, secret))
    response = _back(request)
    response.del_cookie(
        _cookie(request), path="/", secure=request.app[SETTINGS].has_tls, httponly=True, samesite="Strict"
    )
    return response


async def pause(request: web.Request) -> web.Response:
    """POST /family/pause: close now, until resumed."""
    return await _tap(request, "pause", lambda conn, subscriber: store.pause(conn, subscriber, None))


async def resume(request: web.Request) -> web.Response:
    """POST /family/resume: end the pause; the schedule still holds."""
    return await _tap(request, "resume", store.resume)


async def _tap(request: web.Request, did: str, change: Any) -> web.Response:
    session = await _allowed(request)
    if session is None:
        return _login_page(request, 403)

    def store_it(conn: Connection) -> None:
        change(conn, session.subscriber)
        actor = Actor("token", str(session.token), PARENT)
        note_choice_of_line(conn, session.subscriber, actor, f"{did}d", request.app[CLOCK]())

    await write(request, store_it)
    try:
        receipt = await receive(request.app[CONTROL].policy_changed())
    except NotInForce:
        return await _card_page(request, session, is_late=True, status=503)
    kept = {"did": did, **receipt_json(receipt, request.app[SETTINGS].zone)}
    secret = request.cookies[_cookie(request)]
    await write(request, lambda conn: keep_receipt(conn, secret, kept))
    return _back(request)


async def _allowed(request: web.Request) -> Session | None:
    """The session of a form that was really sent from our page; None for anything else."""
    session = await _session(request)
    if session is None or not is_from_here(request):
        return None
    said = (await form_of(request)).get("csrf", "")
    return session if hmac.compare_digest(said.encode(), session.csrf.encode()) else None


async def _session(request: web.Request) -> Session | None:
    secret = request.cookies.get(_cookie(request), "")
    now = request.app[CLOCK]()
    return await read(request, lambda conn: find_session(conn, secret, now)) if secret else None


def _cookie(request: web.Request) -> str:
    """The cookie's name: with https the prefix binds it to this very host."""
    return "__Host-family" if request.app[SETTINGS].has_tls else "family"


def _language(request: web.Request) -> Language:
    asked = request.query.get("lang", "")
    if asked in LANGUAGES:
        return language(asked)
    return language(
        preferred_language(request.headers.get("Accept-Language", ""), request.app[SETTINGS].first_language)
    )


def _back(request: web.Request) -> web.Response:
    """To the page, so that a reload sends nothing again."""
    asked = request.query.get("lang", "")
    where = f"{PATH}?lang={asked}" if asked in LANGUAGES else PATH
    return web.Response(status=303, headers={**HEADERS, "Location": where})


def _login_page(request: web.Request, status: int = 200, *, is_wrong: bool = False) -> web.Response:
    return _page(request, "login.html", status, is_wrong=is_wrong)


async def _card_page(
    request: web.Request, session: Session, *, is_late: bool = False, status: int = 200
) -> web.Response:
    t, now = _language(request), request.app[CLOCK]()

    def load(conn: Connection) -> Any:
        return store.get_subscriber(conn, session.subscriber)

    subscriber = await read(request, load)
    receipt = None if session.receipt is None or is_late else receipt_words(session.receipt, t)
    return _page(
        request,
        "family.html",
        status,
        subscriber=subscriber,
        state=state_of(subscriber, now, t),
        csrf=session.csrf,
        receipt=receipt,
        is_late=is_late,
    )


def _page(request: web.Request, template: str, status: int, **values: Any) -> web.Response:
    t = _language(request)
    text = _templates.get_template(template).render(
        t=t, others=languages(t.code)[1:], settings=request.app[SETTINGS], path=PATH, **values
    )
    return web.Response(status=status, text=text, content_type="text/html", charset="utf-8", headers=HEADERS)
