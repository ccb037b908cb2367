"""/family/changes: what was done in the household, by whom and when; all of its caregivers see the same.

Invariants: nothing here can be changed or taken out; someone who was removed keeps the name, and a child is called here
what it was called then.
"""

import json
from datetime import UTC, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from aiohttp import web
from markupsafe import Markup
from sqlalchemy import Connection, select

from mgmt.staff.permissions import HOUSEHOLD_ROLES
from mgmt.text.language import Language
from mgmt.web.family.acts.access import viewed
from mgmt.web.family.frame import PATH, language_of, page
from mgmt.web.family.session import Session
from mgmt.web.kit.app_context import CLOCK, SETTINGS, read
from parental.people.household import Event, history
from parental.store.schema.lines import lines
from parental.store.schema.people import caregivers, children

SHOWN = 40  # of a page; older ones are a tap away


class Change(NamedTuple):
    """One line: who, what, to whom, when."""

    who: Markup
    what: Markup
    whose: Markup
    when: Markup


def add_changes(app: web.Application) -> None:
    """Put the route into the web role's application."""
    app.router.add_get(PATH + "/changes", viewed(show))


async def show(request: web.Request, session: Session) -> web.Response:
    """GET /family/changes"""
    t, now = language_of(request), request.app[CLOCK]()
    said = request.query.get("before", "")
    before = int(said) if said.isascii() and said.isdigit() and len(said) < 16 else None
    zone = ZoneInfo(request.app[SETTINGS].zone)

    def load(conn: Connection) -> tuple[list[Change], int | None]:
        events = history(conn, session.account, before)
        names = _Names(conn, session, t)
        more = events[SHOWN - 1].id if len(events) > SHOWN else None
        return [_change(names, event, t, now.astimezone(zone)) for event in events[:SHOWN]], more

    changes, more = await read(request, load)
    return page(request, "changes.html", session=session, changes=changes, more=more)


class _Names:
    """What people, children and lines of a household are called."""

    def __init__(self, conn: Connection, session: Session, t: Language) -> None:
        self._t = t
        of_account = session.account
        of = {"caregiver": caregivers.c, "child": children.c}
        self._names = {
            (kind, row.id): str(row.nickname)
            for kind, each in of.items()
            for row in conn.execute(select(each.id, each.nickname).where(each.account == of_account))
        }
        for row in conn.execute(select(lines.c.id, lines.c.label).where(lines.c.account == of_account)):
            self._names["line", row.id] = str(row.label)

    def of(self, kind: str, number: int | str) -> Markup | None:
        """A name; None: not known any more, or never."""
        found = self._names.get((kind, int(number))) if str(number).isdigit() else None
        return None if found is None else self._t.plain(found)


def _change(names: _Names, event: Event, t: Language, now: datetime) -> Change:
    about = json.loads(event.about)
    found = [names.of(kind, about[kind]) for kind in ("child", "line", "caregiver") if kind in about]
    if event.child_name is not None:
        found.insert(0, t.plain(event.child_name))
    whose = next((each for each in found if each is not None), Markup(""))
    known = f"family.did.{event.action.replace(' ', '.')}"
    what = t.say(known) if t.has(known) else t.plain(event.action)
    at = datetime.fromtimestamp(event.time_s, UTC).astimezone(now.tzinfo)
    return Change(_who(names, event, t), what, whose, _when(t, now, at))


def _who(names: _Names, event: Event, t: Language) -> Markup:
    if event.by_kind == "caregiver":
        return names.of("caregiver", event.by_name) or t.say("family.who.removed")
    if event.by_kind == "token" and event.by_role not in HOUSEHOLD_ROLES:
        return t.say("family.who.operator")
    known = f"family.who.{event.by_kind}"
    return t.say(known) if t.has(known) else t.say("family.who.operator")


def _when(t: Language, now: datetime, at: datetime) -> Markup:
    """A time of today, or a date and a time."""
    if at.date() == now.date():
        return t.clock(at)
    return Markup("{} {}").format(t.date(at.date()), t.clock(at))
