"""/family/mine: what holds for the device that asks, why, who decided it, and who helps: the child's own page.

No one signs in here: being on the line is enough to read its rules, and never enough to change one.  Whose an address
is, the database says of those that lines hold, and control of those that a NAS has given (RADIUS): no table has them.
Invariants: of the asker's own address alone; no name of a person and no site that was opened; of a child the counts
that its parents see, and no others; nothing about who opens it is written down.
"""

import asyncio
from collections.abc import Collection
from datetime import datetime
from ipaddress import ip_address, ip_network
from typing import NamedTuple
from zoneinfo import ZoneInfo

from aiohttp import web
from markupsafe import Markup
from sqlalchemy import Connection, select

from mgmt.contract.control import ControlFailure
from mgmt.text.language import Language
from mgmt.web.family.acts.cards import icon_of
from mgmt.web.family.filter_state import closable_of
from mgmt.web.family.frame import FRAME, PATH, language_of, page
from mgmt.web.family.hours.week import Row, week_of
from mgmt.web.family.in_force import PATIENCE_S
from mgmt.web.family.pages.reports import Report, report_of, shows_counts
from mgmt.web.family.rules.pages import Rules, Tile, rules_shown
from mgmt.web.family.times import ProfileTimes, held_words
from mgmt.web.family.whose import named
from mgmt.web.kit.app_context import CLOCK, CONTROL, read
from parental.calendar import plans, screen_time
from parental.people.levels import PACKETS
from parental.people.reports import days_of
from parental.people.school import Contact, contact_of, is_school
from parental.policy.addresses import holder_of
from parental.policy.profiles import get_profile
from parental.store.schema.lines import lines, profiles
from rules.base.clients import client_address

MINE = PATH + "/mine"


class Mine(NamedTuple):
    """What the page shows.   icon, words  what holds now;   closed  kinds and services

    has_own    names of the family's are closed;   searches  safe search or YouTube is filtered
    report     that the family has of the child, None: of an adult;   has_counts  it has counts
    is_school  the line is a school's;   contact  whom the school has named"""

    icon: str
    words: Markup
    week: list[Row]
    closed: list[Tile]
    has_own: bool
    searches: bool
    report: Report | None
    has_counts: bool
    is_school: bool
    contact: Contact | None


def add_mine(app: web.Application) -> None:
    """Put the route into the web role's application."""
    app.router.add_get(MINE, show)


async def show(request: web.Request) -> web.Response:
    """GET /family/mine"""
    t, now, address = language_of(request), request.app[CLOCK](), client_address(request.remote)
    profile = None if address is None else await _profile_at(request, address)
    closable = closable_of(request.app)
    found = None if profile is None else await read(request, lambda conn: mine_of(conn, profile, closable, t, now))
    return page(request, "mine.html", session=await FRAME.session_of(request), mine=found)


async def _profile_at(request: web.Request, address: str) -> int | None:
    """Whose rules hold for an address; None: of no line, or a session's while control does not answer."""
    held = await read(request, lambda conn: _holding(conn, address))
    if held is not None:
        return held
    try:
        async with asyncio.timeout(PATIENCE_S):
            found = (await request.app[CONTROL].explain(None, address, "dns")).get("subscriber")
    except (ControlFailure, OSError, TimeoutError):
        return None
    return found if isinstance(found, int) else None


def _holding(conn: Connection, address: str) -> int | None:
    held = holder_of(conn, ip_network(ip_address(address)))
    if held is None:
        return None
    if held.profile is not None:
        return held.profile
    return int(conn.execute(select(lines.c.profile).where(lines.c.id == held.line)).scalar_one())


def mine_of(conn: Connection, profile: int, closable: Collection[str], t: Language, now: datetime) -> Mine | None:
    """What holds by a profile; None: none exists of this number any more.   closable  of filter_state

    Cost: some ms"""
    account = conn.execute(select(profiles.c.account).where(profiles.c.id == profile)).scalar_one_or_none()
    if account is None:
        return None
    rules, cards = get_profile(conn, profile), plans.cards_of(conn, [profile]).get(profile, ())
    calendar, of_school = plans.calendar_of(conn, account), is_school(conn, account)
    here = now.astimezone(ZoneInfo(rules.schedule.zone))
    held = ProfileTimes(rules, cards, calendar, screen_time.quota_of(conn, profile)).as_told(closable)
    state = held.state_at(now)
    child = named(conn, profile).child
    shown = rules_shown(conn, profile, closable, t)
    return Mine(
        icon=icon_of(state),
        words=held_words(held, state, here, t),
        week=week_of(held.rules, held.cards, calendar, here.date(), t) if rules.schedule.intervals else [],
        closed=_closed(shown),
        has_own=bool(rules.denied),
        searches=bool({rules.safe_search, rules.youtube} - {"off"}),
        report=None if child is None else report_of(conn, child, t, here),
        has_counts=child is not None and shows_counts(child, here.date()) and days_of(conn, account) > 0,
        is_school=of_school,
        contact=contact_of(conn, account) if of_school else None,
    )


def _closed(shown: Rules) -> list[Tile]:
    """Kinds and services that are closed, as the splash names them to the child."""
    found = (*shown.kinds, *shown.services, *shown.roads)
    return [each for each in found if each.is_closed and each.field.removeprefix("c-") not in PACKETS]
