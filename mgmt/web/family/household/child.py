"""/family/children/CHILD: what is known of one child, what follows its rules, what holds for a while, and what is kept.

Invariants: each change takes the PIN: of a name and a picture, as children could swap their cards by it; of an age, as
it says how much the report shows; of what is given or taken, as other rules hold for it then; a part is given that no
child has, judged in the transaction of the change; all caregivers see who did it, when.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from aiohttp import web
from markupsafe import Markup
from sqlalchemy import Connection

from mgmt.registers.households import note_choice
from mgmt.text.language import Language
from mgmt.web.family.acts.access import deed_of, permitted, taken_back, viewed
from mgmt.web.family.acts.cards import DRAWINGS, drawing_of, receipt_of
from mgmt.web.family.acts.deeds import ask_pin, go_live, once
from mgmt.web.family.acts.taps import revision_of
from mgmt.web.family.filter_state import closable_of
from mgmt.web.family.frame import SubmittedForm, language_of, moved, number_of, page
from mgmt.web.family.household.children import CHILDREN, NEEDED, born_of, name_in
from mgmt.web.family.in_force import IN_FORCE, catch_up
from mgmt.web.family.pin import is_fresh
from mgmt.web.family.rules.pages import Rules, rules_shown
from mgmt.web.family.rules.presets import PRESETS, ages_of
from mgmt.web.family.session import Session
from mgmt.web.kit.app_context import CLOCK, read
from parental.calendar import exceptions
from parental.people.children import Child, change_child, get_child
from parental.people.parts import Part, assign, free_parts, parts_of
from parental.people.reports import days_of
from parental.policy.profiles import get_profile, touch
from parental.store.errors import BadPerson, NoPerson

CHILD = CHILDREN + "/{child:[0-9]{1,12}}"
MOST_FREE = 50  # that the page offers: a school has hundreds of lines, and gives them on the API
GIVING = {"give": "family.child.give.why", "take": "family.child.take.why"}
KINDS = {  # of an exception → the message that says what it is
    "plus": "family.did.minutes.given",
    "tonight_off": "family.did.tonight.off",
    "ticket": "family.did.ticket.used",
    "open_until": "family.did.opened.until.a.time",
    "closed_until": "family.did.closed.until.a.time",
}

WHY = {"name": "family.child.known.by", "drawing": "family.child.known.by", "age": "family.child.age.text"}

Said = Callable[[Mapping[str, str], datetime], Mapping[str, object]]


class ChildView(NamedTuple):
    """What the page shows.

    ages  of PRESETS, None: not said;   parts  that follow the child's rules;   free  that can be given
    spans  what holds for a while;   kept  days of counts"""

    child: Child
    drawing: str
    ages: str | None
    parts: list[Part]
    free: list[Part]
    rules: Rules
    spans: list[Markup]
    kept: int
    receipt: Markup | None
    has_undo: bool
    revision: int


def add_child_page(app: web.Application) -> None:
    """Put the routes into the web role's application."""
    app.router.add_get(CHILD, viewed(_page))
    for did in _SAID:
        app.router.add_post(f"{CHILD}/{did}", permitted(change, NEEDED, _page))
    for did in GIVING:
        app.router.add_post(f"{CHILD}/{did}", permitted(give, NEEDED, _page))
    app.router.add_post(f"{CHILD}/undo", taken_back(lambda request: _back(_number(request)), _page))


async def change(request: web.Request, form: SubmittedForm) -> web.Response:
    """POST …/name, drawing, age"""
    did, session, now, number = deed_of(request), form.session, request.app[CLOCK](), _number(request)
    try:
        _SAID[did](form.fields, now)
    except BadPerson:
        return await _page(request, session, 422, alert="family.child.not")
    if not is_fresh(session, now):
        why = language_of(request).say(WHY[did])
        asked = await ask_pin(request, form, _at(number, did), "family.child.save", _back(number), why)
        if asked is not None:
            return asked

    def store_it(conn: Connection) -> None:
        said = _SAID[did](form.fields, _here(conn, session, number, now))
        note_choice(conn, session.account, session.actor, "child changed", {"child": number}, now)  # by its name before
        change_child(conn, session.account, number, said)

    return await _done(request, form, store_it) or moved(request, _back(number))


async def give(request: web.Request, form: SubmittedForm) -> web.Response:
    """POST …/give, take: have a part follow the child's rules, or its line's again."""
    did, session, now, number = deed_of(request), form.session, request.app[CLOCK](), _number(request)
    language = language_of(request)
    if not is_fresh(session, now):
        why = await read(request, lambda conn: _why(conn, session, number, did, form.fields["part"], language))
        asked = await ask_pin(request, form, _at(number, did), f"family.child.{did}", _back(number), why)
        if asked is not None:
            return asked
    profiles: list[int] = []

    def store_it(conn: Connection) -> None:
        child = get_child(conn, session.account, number)
        touch(conn, child.profile)  # first: who raises the revision is alone
        part = _part(conn, child, did, form.fields["part"])
        if part is None:
            raise BadPerson("part: given or taken a moment ago; nothing changed; look at the page again")
        assign(conn, session.account, part, child if did == "give" else None)
        action = f"{part.kind} {'given to' if did == 'give' else 'taken from'} child"
        note_choice(conn, session.account, session.actor, action, {"child": number, "line": part.line}, now)
        profiles[:] = [child.profile]

    refused = await _done(request, form, store_it)
    if refused is None:
        await go_live(request, form, "child", profiles, [])
    return refused or moved(request, _back(number))


async def _done(
    request: web.Request, form: SubmittedForm, store_it: Callable[[Connection], None]
) -> web.Response | None:
    """Store it; the page that says why not, or None."""
    try:
        await once(request, form, store_it)
    except NoPerson:
        return page(request, "gone.html", 404, session=form.session)
    except BadPerson:
        return await _page(request, form.session, 422, alert="family.child.not")
    return None


def _part(conn: Connection, child: Child, did: str, key: str) -> Part | None:
    """What a form names of what can be given, or taken."""
    found = free_parts(conn, child.account) if did == "give" else parts_of(conn, child)
    return next((each for each in found if each.key == key), None)


def _why(conn: Connection, session: Session, number: int, did: str, key: str, t: Language) -> Markup | None:
    """What the PIN is asked for; None: that is refused anyway."""
    try:
        part = _part(conn, get_child(conn, session.account, number), did, key)
    except NoPerson:
        return None
    if part is None:
        return None
    message = "family.child.give.line" if part.kind == "line" and did == "give" else GIVING[did]
    return t.say(message, part=t.plain(part.words))


def _named(fields: Mapping[str, str], _: datetime) -> Mapping[str, object]:
    if not (name := name_in(fields)):
        raise BadPerson("name: none, or not printable; nothing changed; write a name in one line")
    return {"nickname": name}


def _drawn(fields: Mapping[str, str], _: datetime) -> Mapping[str, object]:
    if fields["drawing"] not in DRAWINGS:
        raise BadPerson("drawing: not one of the pictures here; nothing changed; choose one")
    return {"drawing": fields["drawing"]}


def _aged(fields: Mapping[str, str], here: datetime) -> Mapping[str, object]:
    if fields["ages"] not in PRESETS:
        raise BadPerson("ages: not one of the ages here; nothing changed; choose one")
    return {"birth_year": born_of(fields["ages"], here)}


_SAID: Mapping[str, Said] = {"name": _named, "drawing": _drawn, "age": _aged}


def _number(request: web.Request) -> int:
    return number_of(request.match_info["child"])


def _at(number: int, did: str) -> str:
    return f"children/{number}/{did}"


def _back(number: int) -> str:
    return f"/children/{number}"


def _here(conn: Connection, session: Session, number: int, now: datetime) -> datetime:
    """The time where the child is."""
    profile = get_profile(conn, get_child(conn, session.account, number).profile)
    return now.astimezone(ZoneInfo(profile.schedule.zone))


async def _page(request: web.Request, session: Session, status: int = 200, *, alert: str = "") -> web.Response:
    number, t, now = _number(request), language_of(request), request.app[CLOCK]()
    closable = closable_of(request.app)
    try:
        shown = await read(request, lambda conn: _shown(conn, session, number, closable, t, now))
    except NoPerson:
        return page(request, "gone.html", 404, session=session)
    await catch_up(request, shown.revision)
    return page(
        request,
        "child.html",
        status,
        session=session,
        here=_back(number),
        shown=shown,
        in_force=request.app[IN_FORCE].revision,
        ages=list(PRESETS),
        drawings_of=DRAWINGS,
        may=session.may(NEEDED),
        alert=alert,
    )


def _shown(
    conn: Connection, session: Session, number: int, closable: Collection[str], t: Language, now: datetime
) -> ChildView:
    """Raises NoPerson"""
    child, here = get_child(conn, session.account, number), _here(conn, session, number, now)
    receipt, has_undo = receipt_of(session, child.profile, t, now)
    return ChildView(
        child=child,
        drawing=drawing_of(child),
        ages=None if child.birth_year is None else ages_of(here.year - child.birth_year),
        parts=parts_of(conn, child),
        free=free_parts(conn, session.account)[:MOST_FREE] if session.may(NEEDED) else [],
        rules=rules_shown(conn, child.profile, closable, t),
        spans=[_span_words(span, t, here) for span in exceptions.held(conn, child.profile, now)],
        kept=days_of(conn, session.account),
        receipt=receipt,
        has_undo=has_undo,
        revision=revision_of(conn, child.profile),
    )


def _span_words(span: exceptions.HeldSpan, t: Language, here: datetime) -> Markup:
    """What was done, and from when to when it holds."""
    begins, ends = (datetime.fromtimestamp(s, UTC).astimezone(here.tzinfo) for s in (span.from_s, span.until_s))
    hours = t.say("time.hours", start=t.moment(here, begins), end=t.moment(here, ends))
    return t.say("family.child.span", what=t.say(KINDS[span.kind]), hours=hours)
