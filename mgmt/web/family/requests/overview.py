"""/family/requests: what children ask for, and what became of it in the last two days.

Invariants: every caregiver reads the same; an answered request is shown as long as the child can read its answer.
"""

from datetime import UTC, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from aiohttp import web
from markupsafe import Markup
from sqlalchemy import Connection

from mgmt.text.language import Language
from mgmt.web.family.acts.access import viewed
from mgmt.web.family.acts.cards import drawing_of
from mgmt.web.family.acts.request_cards import RequestCard, askings_of, wanted_words
from mgmt.web.family.frame import PATH, language_of, page
from mgmt.web.family.session import Session
from mgmt.web.kit.app_context import CLOCK, SETTINGS, read
from parental.people.accounts import lines_of
from parental.people.children import children_of
from parental.people.requests import LAPSED, NO, OPEN, YES, Request, requests_of

REQUESTS = PATH + "/requests"
ENDS = {  # what became of it → its sign and words
    YES: ("✔", "family.asks.is.yes"),
    NO: ("✖", "family.asks.is.no"),
    LAPSED: ("⌛", "family.asks.is.lapsed"),
}


class EndedRequest(NamedTuple):
    """A request that waits no more.   state  what became of it, and when"""

    sign: str
    name: str
    words: Markup
    why: Markup
    state: Markup


class Overview(NamedTuple):
    """What the page shows."""

    asked: list[RequestCard]
    ended: list[EndedRequest]


def add_requests(app: web.Application) -> None:
    """Put the route into the web role's application."""
    app.router.add_get(REQUESTS, viewed(show))


async def show(request: web.Request, session: Session) -> web.Response:
    """GET /family/requests"""
    t, now = language_of(request), request.app[CLOCK]()
    here = now.astimezone(ZoneInfo(request.app[SETTINGS].zone))
    found = await read(request, lambda conn: overview_of(conn, session, t, here))
    return page(request, "requests.html", session=session, shown=found)


def overview_of(conn: Connection, session: Session, t: Language, here: datetime) -> Overview:
    """What waits, the oldest first, and what does not any more, the newest first.   here  the local time"""
    whose = {child.profile: (child.nickname, drawing_of(child)) for child in children_of(conn, session.account)}
    whose |= {line.id: (line.label, "home") for line in lines_of(conn, session.account) if line.profile == line.id}
    found = [each for each in requests_of(conn, session.account) if each.profile in whose]
    ended = [_ended(each, whose[each.profile][0], t, here) for each in found if each.state_at(here) != OPEN]
    return Overview(askings_of(conn, session, whose, t, here), ended)


def _ended(request: Request, name: str, t: Language, here: datetime) -> EndedRequest:
    sign, state = ENDS[request.state_at(here)]
    at = datetime.fromtimestamp(request.answered_s or request.ends_s, UTC).astimezone(here.tzinfo)
    when = t.clock(at) if at.date() == here.date() else Markup("{} {}").format(t.date(at.date()), t.clock(at))
    words = t.say("family.asks.ended", state=t.say(state), time=when)
    return EndedRequest(sign, name, wanted_words(request, t), t.say(f"splash.ask.why.{request.why}"), words)
