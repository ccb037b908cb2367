"""POST /family/hours/PROFILE/quota: minutes of screen time a day, of a child.

Invariants: fewer minutes, or a first limit, take no PIN; more, or none any more, do, judged in the transaction of the
change; what of a child nothing can close gets no limit.
"""

from datetime import datetime
from typing import NamedTuple

from aiohttp import web
from sqlalchemy import Connection

from mgmt.registers.households import note_choice
from mgmt.web.family.acts.access import Page, permitted, profile_of
from mgmt.web.family.acts.at_once import NOW, closes_at_once
from mgmt.web.family.acts.deeds import ask_pin, ask_sure, go_live, once
from mgmt.web.family.acts.hour_edits import NeedsPin
from mgmt.web.family.frame import SubmittedForm, language_of, moved, number_of
from mgmt.web.family.pin import is_fresh
from mgmt.web.family.whose import about, named, require_own
from mgmt.web.kit.app_context import CLOCK
from parental.calendar import screen_time
from parental.people.levels import LOCKS, rules_of
from parental.store.errors import NoPerson, NotNow

MINUTES = (30, 60, 90, 120, 180, 240, 360)  # to choose from
NONE = 0


class Limit(NamedTuple):
    """What the page offers.   minutes  of a day now, NONE: no limit;   choices  what is chosen now among them"""

    minutes: int
    choices: tuple[int, ...]


def limit_of(conn: Connection, profile: int) -> Limit | None:
    """The limit of a child; None: of no child's, or nothing can be closed."""
    if named(conn, profile).child is None or not set(LOCKS) <= set(rules_of(conn, profile)):
        return None
    bucket = screen_time.quota_of(conn, profile)
    minutes = NONE if bucket is None else bucket.minutes
    return Limit(minutes, (NONE, *sorted({*MINUTES, minutes} - {NONE})))


def add_screen_time(app: web.Application, needed: str, hours: str, otherwise: Page) -> None:
    """Put the route into the web role's application.   hours  the path of the page;   otherwise  that page"""

    async def change(request: web.Request, form: SubmittedForm) -> web.Response:
        profile, where = profile_of(request), f"/hours/{profile_of(request)}"
        try:
            asked = await _asked(request, form, where)
            if asked is not None:
                return asked
            try:
                await _store(request, form, is_proven=is_fresh(form.session, request.app[CLOCK]()))
            except NeedsPin:
                why = language_of(request).say("family.hours.opens")
                asked = await ask_pin(request, form, f"{where[1:]}/quota", "family.hours.save", where, why)
                if asked is not None:
                    return asked
                await _store(request, form, is_proven=True)
        except NoPerson:
            return await otherwise(request, form.session, 404, alert="family.tap.gone")
        except NotNow:
            return await otherwise(request, form.session, 409, alert="family.tap.nothing")
        await go_live(request, form, "hours", [profile], [])
        return moved(request, where)

    app.router.add_post(hours + "/quota", permitted(change, needed, otherwise))


async def _asked(request: web.Request, form: SubmittedForm, where: str) -> web.Response | None:
    """The page that says that a limit closes at once, until the time is begun; None: it does not, or is meant."""
    profile, now = profile_of(request), request.app[CLOCK]()
    if form.fields["sure"] == NOW:
        return None
    at_once = await closes_at_once(
        request, form, profile, lambda conn: _limit(conn, form, profile, now, is_proven=True)
    )
    if at_once is None:
        return None
    return await ask_sure(request, form, f"{where[1:]}/quota", "family.hours.save", where, at_once)


async def _store(request: web.Request, form: SubmittedForm, *, is_proven: bool) -> None:
    """Raises NeedsPin, NoPerson, NotNow"""
    profile, now = profile_of(request), request.app[CLOCK]()
    await once(request, form, lambda conn: _limit(conn, form, profile, now, is_proven=is_proven))


def _limit(conn: Connection, form: SubmittedForm, profile: int, now: datetime, *, is_proven: bool) -> int:
    """Set the limit of a form; the number of its profile.   Raises as _store()"""
    session, minutes = form.session, number_of(form.fields["minutes"])
    require_own(conn, session.account, profile)
    limit = limit_of(conn, profile)
    if limit is None or minutes not in limit.choices or minutes == limit.minutes:
        raise NotNow("screen time: of no child, no choice of the page, or so already; nothing changed")
    if limit.minutes and (minutes == NONE or minutes > limit.minutes) and not is_proven:
        raise NeedsPin
    screen_time.put_quota(conn, profile, minutes or None, now)
    note_choice(conn, session.account, session.actor, "quota changed", about(conn, profile), now)
    return profile
