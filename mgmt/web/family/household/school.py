"""/family/school: a school's lines and classes, what holds on each, how many are open, and its safeguarding contact.

A class is what a child is in a household: a profile with a name, to which lines are given.
Invariants: only an account with an active caregiver of the role `school` has the page; the contact is changed with the
PIN, as children of the school are sent to it.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from aiohttp import web
from markupsafe import Markup
from sqlalchemy import Connection

from mgmt.registers.households import note_choice
from mgmt.text.language import Language
from mgmt.web.family.acts.access import permitted, viewed
from mgmt.web.family.acts.cards import icon_of
from mgmt.web.family.acts.deeds import ask_pin, once
from mgmt.web.family.filter_state import closable_of
from mgmt.web.family.frame import PATH, SubmittedForm, language_of, moved, number_of, page
from mgmt.web.family.pin import is_fresh
from mgmt.web.family.session import Session
from mgmt.web.family.times import ProfileTimes, held_words
from mgmt.web.kit.app_context import CLOCK, SETTINGS, read
from parental.calendar import plans, screen_time
from parental.calendar.state import Openness, State
from parental.people.accounts import Line, lines_of
from parental.people.children import children_of
from parental.people.school import Contact, contact_of, is_school, put_contact
from parental.policy.held import BATCH
from parental.policy.profiles import load_profiles
from parental.store.errors import BadPerson

SCHOOL = PATH + "/school"
NEEDED = "account.caregivers"
SHOWN = 25  # lines of a page, in 20 kB; the next ones are a tap away


class LineState(NamedTuple):
    """A line of the list.   whose  class that it is given to, '' for none;   profile  whose rules hold"""

    label: str
    whose: str
    profile: int
    icon: str
    words: Markup


class School(NamedTuple):
    """What the page shows.   totals  lines by state, of the whole school;   more  the number of the last line shown"""

    lines: list[LineState]
    totals: list[tuple[Openness, int]]
    n_lines: int
    n_classes: int
    contact: Contact | None
    more: int | None


def add_school(app: web.Application) -> None:
    """Put the routes into the web role's application."""
    app.router.add_get(SCHOOL, viewed(_page))
    app.router.add_post(SCHOOL + "/contact", permitted(change, NEEDED, _page))


async def change(request: web.Request, form: SubmittedForm) -> web.Response:
    """POST /family/school/contact: name the safeguarding contact."""
    session, now = form.session, request.app[CLOCK]()
    if not await read(request, lambda conn: is_school(conn, session.account)):
        return page(request, "gone.html", 404, session=session)
    try:
        contact = Contact(" ".join(form.fields["name"].split()), form.fields["number"].replace(" ", ""))
    except BadPerson:
        return await _page(request, session, 422, alert="family.school.wrong")
    if not is_fresh(session, now):
        asked = await ask_pin(request, form, "school/contact", "family.school.save", "/school")
        if asked is not None:
            return asked

    def store_it(conn: Connection) -> None:
        put_contact(conn, session.account, contact)
        note_choice(conn, session.account, session.actor, "contact named", {}, now)

    await once(request, form, store_it)
    return moved(request, "/school")


def school_of(
    conn: Connection, account: int, after: int, closable: Collection[str], t: Language, now: datetime
) -> School:
    """What the page of a school shows.   after  number of a line.   Cost: some ms for a hundred lines

    closable  of filter_state"""
    lines = lines_of(conn, account)
    held = _held(conn, account, sorted({line.profile for line in lines}), closable)
    states = {profile: each.state_at(now) for profile, each in held.items()}
    classes = {each.profile: each.nickname for each in children_of(conn, account)}
    counted = Counter(states[line.profile].state for line in lines)
    left = [line for line in lines if line.id > after]
    return School(
        lines=[
            _shown(line, classes, _with_screen_time(conn, line.profile, held), states[line.profile], t, now)
            for line in left[:SHOWN]
        ],
        totals=[(each, counted[each]) for each in Openness if counted[each]],
        n_lines=len(lines),
        n_classes=len(classes),
        contact=contact_of(conn, account),
        more=left[SHOWN - 1].id if len(left) > SHOWN else None,
    )


def _held(conn: Connection, account: int, numbers: list[int], closable: Collection[str]) -> dict[int, ProfileTimes]:
    """What states follow from, by the profile, but for screen time."""
    calendar, found = plans.calendar_of(conn, account), dict[int, ProfileTimes]()
    for at in range(0, len(numbers), BATCH):
        some = numbers[at : at + BATCH]
        rules, cards = load_profiles(conn, some), plans.cards_of(conn, some)
        found |= {
            each: ProfileTimes(rules[each], cards.get(each, ()), calendar, None).as_told(closable) for each in some
        }
    return found


def _with_screen_time(conn: Connection, profile: int, held: Mapping[int, ProfileTimes]) -> ProfileTimes:
    return held[profile]._replace(bucket=screen_time.quota_of(conn, profile))


def _shown(
    line: Line, classes: Mapping[int, str], held: ProfileTimes, state: State, t: Language, now: datetime
) -> LineState:
    whose = classes.get(line.profile, "")
    return LineState(line.label, whose, line.profile, icon_of(state), held_words(held, state, now, t))


async def _page(request: web.Request, session: Session, status: int = 200, *, alert: str = "") -> web.Response:
    t, after, closable = language_of(request), number_of(request.query.get("after", "")), closable_of(request.app)
    now = request.app[CLOCK]().astimezone(ZoneInfo(request.app[SETTINGS].zone))

    def load(conn: Connection) -> School | None:
        is_one = is_school(conn, session.account)
        return school_of(conn, session.account, after, closable, t, now) if is_one else None

    found = await read(request, load)
    if found is None:
        return page(request, "gone.html", 404, session=session)
    may = session.may(NEEDED)
    return page(request, "school.html", status, session=session, here="/school", school=found, may=may, alert=alert)
