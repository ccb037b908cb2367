"""/family: a card for each child and for the home, and the taps on them.

Invariants: a tap that loosens takes the household's PIN, unless it was right on this phone a moment ago; what a tap has
done is shown as control and the workers said it, never as it was wished; what is stored and not in force is called so.
Source: semantics §9.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from aiohttp import web
from sqlalchemy import Connection

from mgmt.app_context import CLOCK, SETTINGS, read, write
from mgmt.control_protocol import receipt_json
from mgmt.errors import NotInForce
from mgmt.portal import taps
from mgmt.portal.cards import home_of
from mgmt.portal.frame import PATH, Sent, language_of, moved, page, sent, session_of
from mgmt.portal.in_force import IN_FORCE, InForce, catch_up, publish
from mgmt.portal.pin import Refused, has_pin, is_fresh, prove
from mgmt.portal.session import Session, keep_receipt
from mgmt.portal.sign_in import sign_in_page
from mgmt.portal.taps import TAPS
from parental.errors import BadProfile, NoPerson, NoSubscriber, NotNow

EVERYONE = "everyone"


def add_home(app: web.Application) -> None:
    """Put the routes into the web role's application."""
    app[IN_FORCE] = InForce()
    app.router.add_get(PATH, show)
    for did in TAPS:
        app.router.add_post(f"{PATH}/{did}", tap)
    app.router.add_post(f"{PATH}/{EVERYONE}", pause_everyone)
    app.router.add_post(f"{PATH}/undo", undo)


async def show(request: web.Request) -> web.Response:
    """GET /family: the cards, or the page to sign in."""
    session = await session_of(request)
    return sign_in_page(request) if session is None else await _home(request, session)


async def tap(request: web.Request) -> web.Response:
    """POST /family/…: one of TAPS, on the profile that the form names."""
    form, did = await sent(request), request.path.rpartition("/")[2]
    if form is None:
        return sign_in_page(request, 403)
    if not form.session.may(TAPS[did].permission):
        return await _home(request, form.session, 403, alert="family.tap.forbidden")
    if TAPS[did].loosens and not is_fresh(form.session, request.app[CLOCK]()):
        asked = await ask_pin(request, form, did)
        if asked is not None:
            return asked
    return await _do(request, form, did, [_number(form.fields["profile"])])


async def pause_everyone(request: web.Request) -> web.Response:
    """POST /family/everyone: close all that is open."""
    form = await sent(request)
    if form is None:
        return sign_in_page(request, 403)
    t, now = language_of(request), request.app[CLOCK]()
    home = await read(request, lambda conn: home_of(conn, form.session, t, now))
    return await _do(request, form, "pause", [card.profile for card in home.cards if card.can_be_paused])


async def undo(request: web.Request) -> web.Response:
    """POST /family/undo: take the last tap back."""
    form = await sent(request)
    if form is None:
        return sign_in_page(request, 403)
    now, receipt = request.app[CLOCK](), form.session.receipt or {}
    try:
        await write(request, lambda conn: taps.take_back(conn, form.session, receipt, now))
    except (NotNow, NoPerson):
        return await _home(request, form.session, 409, alert="family.undo.late")
    return await _live(request, form, "undo", receipt.get("profiles", []), [])


async def ask_pin(request: web.Request, form: Sent, did: str) -> web.Response | None:
    """The page that asks for the PIN and does the same then; None: the PIN is right."""
    refused = None
    if "pin" in form.fields:
        try:
            await prove(request, form)
            return None
        except Refused as reason:
            refused = reason
    kept = {key: value for key, value in form.fields.items() if key not in ("csrf", "pin", "again", "alone")}
    is_new = not await has_pin(request, form.session.account)
    status = 200 if refused is None else 403
    return page(request, "pin.html", status, session=form.session, did=did, kept=kept, refused=refused, is_new=is_new)


async def _do(request: web.Request, form: Sent, did: str, profiles: Iterable[int]) -> web.Response:
    now, session = request.app[CLOCK](), form.session

    def store_it(conn: Connection) -> list[Any]:
        made = []
        for profile in profiles:
            how = taps.make(conn, session, did, profile, form.fields, now)
            made.append([profile, dict(how), taps.revision_of(conn, profile)] if how else [profile, {}, 0])
        return made

    try:
        done = await write(request, store_it)
    except (NoPerson, NoSubscriber):
        return await _home(request, session, 404, alert="family.tap.gone")
    except (NotNow, BadProfile):
        return await _home(request, session, 409, alert="family.tap.nothing")
    return await _live(request, form, did, [each[0] for each in done], [each for each in done if each[1]])


async def _live(request: web.Request, form: Sent, did: str, profiles: list[int], undo: list[list[Any]]) -> web.Response:
    """Have a tap published; back to the page, which shows the receipt."""
    kept: dict[str, Any] = {"did": did, "profiles": profiles, "undo": undo, "tapped_s": _now_s(request)}
    is_late = False
    try:
        kept |= receipt_json(await publish(request), request.app[SETTINGS].zone)
    except NotInForce:
        is_late = True
    await write(request, lambda conn: keep_receipt(conn, form.secret, kept))
    if not is_late:
        return moved(request)
    session = await session_of(request)
    return sign_in_page(request, 403) if session is None else await _home(request, session, 503)


async def _home(request: web.Request, session: Session, status: int = 200, *, alert: str = "") -> web.Response:
    t, now = language_of(request), request.app[CLOCK]()

    home = await read(request, lambda conn: home_of(conn, session, t, now))
    newest = max((card.revision for card in home.cards), default=0)
    if status == 200:
        await catch_up(request, newest)
    in_force = request.app[IN_FORCE].revision
    return page(request, "home.html", status, session=session, home=home, in_force=in_force, alert=alert)


def _number(said: str) -> int:
    """A profile's number; 0, which is no one's, for anything else."""
    return int(said) if said.isascii() and said.isdigit() and len(said) < 11 else 0


def _now_s(request: web.Request) -> int:
    now: datetime = request.app[CLOCK]()
    return int(now.timestamp())
