"""/family: a card for each child and for the home, and the taps on them.

Invariants: a tap that loosens takes the household's PIN, unless it was right on this phone a moment ago; what a tap has
done is shown as control and the workers said it, never as it was wished; what is stored and not in force is called so.
Source: semantics §9.
"""

import sys
from collections.abc import Iterable

from aiohttp import web
from sqlalchemy import Connection

from mgmt.web.family.acts import taps
from mgmt.web.family.acts.access import deed_of, done, viewed
from mgmt.web.family.acts.answers import NotOneSite
from mgmt.web.family.acts.cards import home_of
from mgmt.web.family.acts.deeds import ask_pin, go_live, once, undone
from mgmt.web.family.acts.taps import TAPS, TooSoon
from mgmt.web.family.filter_state import closable_of, filter_words
from mgmt.web.family.frame import FRAME, PATH, SubmittedForm, language_of, moved, nth_of, number_of, page
from mgmt.web.family.in_force import IN_FORCE, InForce, catch_up
from mgmt.web.family.pin import is_fresh
from mgmt.web.family.rules.presets import ages_offered
from mgmt.web.family.session import Session
from mgmt.web.family.sign_in import sign_in_page
from mgmt.web.kit.app_context import CLOCK, read
from parental.store.errors import BadProfile, NoPerson, NoSubscriber, NotNow

EVERYONE = "everyone"


def add_home(app: web.Application) -> None:
    """Put the routes into the web role's application."""
    app[IN_FORCE] = InForce()
    app.router.add_get(PATH, viewed(_home))
    for did in TAPS:
        app.router.add_post(f"{PATH}/{did}", done(tap))
    app.router.add_post(f"{PATH}/{EVERYONE}", done(pause_everyone))
    app.router.add_post(f"{PATH}/undo", done(undo))


async def tap(request: web.Request, form: SubmittedForm) -> web.Response:
    """POST /family/…: one of TAPS, on the profile that the form names."""
    did = deed_of(request)
    if not form.session.may(TAPS[did].permission):
        return await _home(request, form.session, 403, alert="family.tap.forbidden")
    now, profile = request.app[CLOCK](), number_of(form.fields["profile"])
    if taps.would_open_at_once(form.session.receipt or {}, did, profile, now):
        return await _home(request, form.session, 409, alert="family.tap.soon")
    if TAPS[did].loosens and not is_fresh(form.session, now):
        asked = await ask_pin(request, form, did, f"family.tap.{did}")
        if asked is not None:
            return asked
    return await _do(request, form, did, [profile])


async def pause_everyone(request: web.Request, form: SubmittedForm) -> web.Response:
    """POST /family/everyone: close all that is open."""
    t, now, closable = language_of(request), request.app[CLOCK](), closable_of(request.app)
    home = await read(request, lambda conn: home_of(conn, form.session, closable, t, now, most=sys.maxsize))
    open_now = [card.profile for card in home.cards if card.can_be_paused]
    if not open_now:  # the receipt and Undo of the last tap stay
        return await _home(request, form.session, 409, alert="family.tap.nothing")
    return await _do(request, form, "pause", open_now)


async def undo(request: web.Request, form: SubmittedForm) -> web.Response:
    """POST /family/undo: take the last tap back."""
    try:
        is_live = await undone(request, form)
    except TooSoon:
        return await _home(request, form.session, 409, alert="family.tap.soon")
    except (NotNow, NoPerson):
        return await _home(request, form.session, 409, alert="family.undo.late")
    return await _shown(request, is_live)


async def _do(request: web.Request, form: SubmittedForm, did: str, profiles: Iterable[int]) -> web.Response:
    now, session = request.app[CLOCK](), form.session

    def store_it(conn: Connection) -> list[taps.UndoStep]:
        made = []
        for profile in profiles:
            how = taps.make(conn, session, did, profile, form.fields, now)
            made.append(taps.UndoStep(profile, dict(how), taps.revision_of(conn, profile) if how else 0))
        return made

    try:
        done = await once(request, form, store_it)
    except (NoPerson, NoSubscriber):
        return await _home(request, session, 404, alert="family.tap.gone")
    except NotNow:
        return await _home(request, session, 409, alert="family.tap.nothing")
    except NotOneSite:
        return await _home(request, session, 409, alert="family.tap.not.site")
    except BadProfile:  # more names of its own, or more exceptions, than fit
        many = "family.rules.many" if did == "answer-page" else "family.tap.many"
        return await _home(request, session, 409, alert=many)
    back = [step for step in done if step.how]
    return await _shown(request, await go_live(request, form, did, [step.profile for step in done], back))


async def _shown(request: web.Request, is_live: bool) -> web.Response:
    """Back to the page, which shows the receipt; at once where the change is not in force yet."""
    if is_live:
        return moved(request)
    session = await FRAME.session_of(request)
    return sign_in_page(request, 403) if session is None else await _home(request, session, 503)


async def _home(request: web.Request, session: Session, status: int = 200, *, alert: str = "") -> web.Response:
    t, now, closable = language_of(request), request.app[CLOCK](), closable_of(request.app)

    home = await read(request, lambda conn: home_of(conn, session, closable, t, now, nth_of(request)))
    newest = max((card.revision for card in home.cards), default=0)
    if status != 503:  # control was asked a moment ago
        await catch_up(request, newest)
    in_force = request.app[IN_FORCE].revision
    return page(
        request,
        "home.html",
        status,
        session=session,
        home=home,
        ages=ages_offered(closable),
        in_force=in_force,
        filter=filter_words(request, t),
        alert=alert,
    )
