"""/family/children: a child is added with an age, hours of sleep and a Wi-Fi, and taken out again.

    a name and an age ─→ what that will close, and the PIN ─→ stored, all at once

The year of birth that is stored is that of the youngest of the chosen ages: reports say less to parents from 13 and 16
on, and never too early (mgmt.web.family.pages.reports).
Invariants: a child begins with what held for its Wi-Fi, so that nothing opens by it; a Wi-Fi that is a child's is never
given to another; what nothing can enforce is not offered; both take the PIN, and all caregivers see who did it, when.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from aiohttp import web
from markupsafe import Markup
from sqlalchemy import Connection

from mgmt.registers.households import note_choice
from mgmt.text.direction import ltr
from mgmt.web.family.acts.access import permitted, viewed
from mgmt.web.family.acts.at_once import NEXT_TIME, closes_at_once, state_now, wait_for_the_next
from mgmt.web.family.acts.cards import DRAWINGS
from mgmt.web.family.acts.deeds import ask_pin, ask_sure, go_live, once
from mgmt.web.family.acts.draft import USUAL
from mgmt.web.family.filter_state import closable_of, filter_words
from mgmt.web.family.frame import PATH, SubmittedForm, language_of, moved, number_of, page
from mgmt.web.family.pin import is_fresh
from mgmt.web.family.rules.presets import PRESETS, ages_offered, kinds_closed
from mgmt.web.family.session import Session
from mgmt.web.family.times import hours_words
from mgmt.web.kit.app_context import CLOCK, SETTINGS, read
from parental.calendar import exceptions, plans, screen_time, weeks
from parental.calendar.card import Kind
from parental.people.children import Child, add_child, assign_line, children_of, get_child, remove_child
from parental.people.levels import FreeLine, free_lines
from parental.policy.profile import CLOSURES
from parental.policy.profiles import get_profile
from parental.policy.subscriber import is_one_line
from parental.store.errors import BadPerson, NoPerson

CHILDREN = PATH + "/children"
NEEDED = "account.children"
SLEEP = USUAL[Kind.SLEEP]


class ChildForm(NamedTuple):
    """What the form asks for.   ages  a key of PRESETS, None: no age can be chosen"""

    name: str
    ages: str | None
    line: FreeLine


def add_children(app: web.Application) -> None:
    """Put the routes into the web role's application."""
    app.router.add_get(CHILDREN, viewed(_page))
    app.router.add_post(CHILDREN + "/add", permitted(add, NEEDED, _page))
    app.router.add_post(CHILDREN + "/remove", permitted(remove, NEEDED, _page))


async def add(request: web.Request, form: SubmittedForm) -> web.Response:
    """POST /family/children/add"""
    free = await read(request, lambda conn: free_lines(conn, form.session.account))
    wished = _wished(form.fields, free, ages_offered(closable_of(request.app)))
    if isinstance(wished, str):
        return await _page(request, form.session, 422, alert=wished)
    now, session = request.app[CLOCK](), form.session
    try:
        asked = await _asked(request, form, wished, now)
        if asked is not None:
            return asked
        child = await once(request, form, lambda conn: _add_now_or_next(conn, form, wished, now))
    except NoPerson:  # another caregiver was quicker
        return await _page(request, session, 409, alert="family.child.taken")
    except BadPerson:
        return await _page(request, session, 422, alert="family.child.wrong")
    await go_live(request, form, "child", [child.profile], [])
    return moved(request)


async def _asked(request: web.Request, form: SubmittedForm, wished: ChildForm, now: datetime) -> web.Response | None:
    """The page that says what will hold, and what closes at once, with the PIN; None: it has been answered."""
    line, session = wished.line.id, form.session
    has_hours = await read(request, lambda conn: _has_hours(conn, line))
    at_once = await closes_at_once(request, form, line, lambda conn: _add(conn, session, wished, now).profile)
    why = _will(wished, request, has_hours=has_hours)
    return await ask_sure(request, form, "children/add", "family.child.save", "", at_once, why)


def _add_now_or_next(conn: Connection, form: SubmittedForm, wished: ChildForm, now: datetime) -> Child:
    session, before = form.session, state_now(conn, form.session.account, wished.line.id, now)
    child = _add(conn, session, wished, now)
    if form.fields["sure"] == NEXT_TIME:
        wait_for_the_next(conn, session, child.profile, before, now)
    return child


async def remove(request: web.Request, form: SubmittedForm) -> web.Response:
    """POST /family/children/remove"""
    if not is_fresh(form.session, request.app[CLOCK]()):
        why = language_of(request).say("family.child.remove.why")
        asked = await ask_pin(request, form, "children/remove", "family.child.remove", "/children", why)
        if asked is not None:
            return asked
    now, session, number = request.app[CLOCK](), form.session, number_of(form.fields["child"])

    def store_it(conn: Connection) -> None:
        get_child(conn, session.account, number)
        note_choice(conn, session.account, session.actor, "child removed", {"child": number}, now)
        remove_child(conn, session.account, number)

    try:
        await once(request, form, store_it)
    except NoPerson:
        return await _page(request, session, 404, alert="family.tap.gone")
    await go_live(request, form, "child", [], [])
    return moved(request, "/children")


def name_in(fields: Mapping[str, str]) -> str:
    """The name that a form gives a child, in one line; '' for what is no name."""
    name = " ".join(fields["name"].split())
    return name if is_one_line(name) else ""


def born_of(ages: str, here: datetime) -> int:
    """The year in which who is the youngest of these ages was born, as the child's calendar has it."""
    return here.year - int(ages.partition("-")[0])


def _wished(fields: Mapping[str, str], free: list[FreeLine], ages: Collection[str]) -> ChildForm | str:
    """What a form asks for, or the message that says what it lacks.   ages  that can be chosen"""
    name, number = name_in(fields), number_of(fields["line"])
    line = next((each for each in free if number in (0, each.id)), None)
    if line is None:
        return "family.child.taken"
    if not name or (ages and fields["ages"] not in ages):
        return "family.child.wrong"
    return ChildForm(name, fields["ages"] if ages else None, line)


def _has_hours(conn: Connection, line: int) -> bool:
    return plans.has_cards(conn, line) or bool(get_profile(conn, line).schedule.intervals)


def _will(wished: ChildForm, request: web.Request, *, has_hours: bool) -> Markup:
    """What will hold, in words: of the kinds of sites those that are really closed."""
    t, settings, closable = language_of(request), request.app[SETTINGS], closable_of(request.app)
    isp = t.pick(settings.isp_name, settings.isp_name_ur)
    said = [
        t.say(
            "family.child.keeps" if has_hours else "family.child.will",
            name=t.plain(wished.name),
            hours=hours_words(SLEEP.start, SLEEP.end, t),
            line=t.plain(wished.line.label),
        )
    ]
    if wished.ages is None:
        said.append(t.say("family.ages.none", isp=isp))
    else:
        closed = kinds_closed(wished.ages, closable)
        kinds = t.say("list.between").join(t.say(f"category.{kind}") for kind in closed)
        ages = ltr(wished.ages.replace("-", "–"))
        said.append(t.say("family.child.closes", ages=ages, kinds=kinds))
        if len(closed) < len(PRESETS[wished.ages].closed):
            said.append(t.say("family.child.lacks", isp=isp))
    return Markup(" ").join(said)


def _add(conn: Connection, session: Session, wished: ChildForm, now: datetime) -> Child:
    """Raises NoPerson where the Wi-Fi is a child's by now, BadPerson"""
    account, line = session.account, wished.line.id
    rules = get_profile(conn, line)
    cards = plans.cards_of(conn, [line]).get(line, ())
    drawing = DRAWINGS[len(children_of(conn, account)) % len(DRAWINGS)]
    here = now.astimezone(ZoneInfo(rules.schedule.zone))
    said: dict[str, object] = {"nickname": wished.name, "drawing": drawing}
    if wished.ages is not None:
        said["birth_year"], rules = born_of(wished.ages, here), PRESETS[wished.ages].added(rules)
    child = add_child(conn, account, said, rules)
    if wished.line not in free_lines(conn, account):  # only now, as who raises the revision is alone
        raise NoPerson(f"line {line}: not free any more; no child added; see its children")
    assign_line(conn, account, line, child)
    for card in cards if _has_hours(conn, line) else (SLEEP.card(),):
        plans.put_card(conn, child.profile, replace(card, id=0))
    weeks.renew(conn, [child.profile], now)
    _keep_closed(conn, line, child.profile, now)
    note_choice(conn, account, session.actor, "child added", {"child": child.id}, now)
    note_choice(conn, account, session.actor, "line given to child", {"child": child.id, "line": line}, now)
    return child


def _keep_closed(conn: Connection, line: int, profile: int, now: datetime) -> None:
    """Close to a child until when its line is closed, and give it the line's screen time, with what is used of it."""
    closures = [span[1:] for span in exceptions.held(conn, line, now) if span.kind in CLOSURES]
    exceptions.put_back(conn, profile, closures, now)
    bucket = screen_time.quota_of(conn, line)
    if bucket is not None:
        screen_time.put_quota(conn, profile, bucket.minutes, now)
        screen_time.put_back(conn, profile, bucket, now)


async def _page(request: web.Request, session: Session, status: int = 200, *, alert: str = "") -> web.Response:
    def load(conn: Connection) -> tuple[list[Child], list[FreeLine]]:
        return children_of(conn, session.account), free_lines(conn, session.account)

    found, free = await read(request, load)
    return page(
        request,
        "children.html",
        status,
        session=session,
        here="/children",
        children=found,
        wifi=free,
        ages=ages_offered(closable_of(request.app)),
        may=session.may(NEEDED),
        filter=filter_words(request, language_of(request)),
        alert=alert,
    )
