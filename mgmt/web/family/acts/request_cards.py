"""What children have asked for, as the home page shows it: who, what, why, since when, and what can be answered.

Invariants: an answer that its reader's role may not give, or that the request does not ask for, is not offered; nor are
minutes while a person keeps it closed: there the end of the pause is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from markupsafe import Markup
from sqlalchemy import Connection

from mgmt.text.direction import ltr
from mgmt.text.language import Language
from mgmt.web.family.acts.answers import ended_by
from mgmt.web.family.acts.links import service_of
from mgmt.web.family.session import Session
from parental.people.requests import Request, open_requests
from parental.policy.profiles import get_profile

OF_TIME = {"answer-15": "account.pause", "answer-30": "account.pause", "answer-bedtime": "account.open"}
OF_PAGE = {"answer-page": "account.children"}
NO = "answer-no"


@dataclass(frozen=True, slots=True)
class RequestCard:
    """A request.   answers  of mgmt.web.family.acts.taps.TAPS;   is_paused  minutes open nothing now"""

    number: int
    profile: int
    name: str
    drawing: str
    words: Markup
    why: Markup
    when: Markup
    answers: tuple[str, ...]
    is_paused: bool


def askings_of(
    conn: Connection, session: Session, whose: Mapping[int, tuple[str, str]], t: Language, now: datetime
) -> list[RequestCard]:
    """What waits for an answer.   whose  profile → name and drawing"""
    waiting = open_requests(conn, session.account, now)
    return [_asking(conn, session, each, whose[each.profile], t, now) for each in waiting if each.profile in whose]


def wanted_words(request: Request, t: Language) -> Markup:
    """'30 minutes', or the name of a page and the service that it belongs to."""
    if request.name is not None:
        service = service_of(request.name)
        asked = t.say("family.asks.page", name=ltr(request.name))
        return asked if service is None else Markup("{} ({})").format(asked, t.say(f"category.{service}"))
    return t.say("family.asks.minutes", minutes=request.minutes)


def _asking(
    conn: Connection, session: Session, request: Request, whose: tuple[str, str], t: Language, now: datetime
) -> RequestCard:
    rules = get_profile(conn, request.profile)
    zone, ending = ZoneInfo(rules.schedule.zone), None if request.minutes is None else ended_by(rules, now)
    here = now.astimezone(zone)
    asked, ends = (datetime.fromtimestamp(at_s, UTC).astimezone(zone) for at_s in (request.asked_s, request.ends_s))
    when = t.say("family.asks.when", asked=t.moment(here, asked), ends=t.moment(here, ends))
    offered = OF_PAGE if request.name is not None else OF_TIME if ending is None else {ending: "account.pause"}
    answers = (*(did for did, needed in offered.items() if session.may(needed)), NO)
    name, drawing = whose
    why = t.say(f"splash.ask.why.{request.why}")
    words = wanted_words(request, t)
    return RequestCard(request.id, request.profile, name, drawing, words, why, when, answers, ending is not None)
