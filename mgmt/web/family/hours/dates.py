"""/family/days: the kinds of days of a household: school days, holidays, Ramadan and exams.

Invariants: Ramadan follows the moon: dates that the operator announces or a person gives, moved by a day where the
family says so; nothing is computed.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import NamedTuple
from zoneinfo import ZoneInfo

from aiohttp import web
from markupsafe import Markup
from sqlalchemy import Connection

from mgmt.text.language import Language
from mgmt.web.family.acts import calendars
from mgmt.web.family.acts.access import deed_of, permitted, taken_back, viewed
from mgmt.web.family.acts.cards import receipt_of
from mgmt.web.family.acts.deeds import ask_pin, go_live, once
from mgmt.web.family.acts.hour_edits import NeedsPin
from mgmt.web.family.acts.taps import UndoStep, revision_of
from mgmt.web.family.frame import PATH, SubmittedForm, language_of, moved, page
from mgmt.web.family.in_force import IN_FORCE, catch_up
from mgmt.web.family.pin import is_fresh
from mgmt.web.family.session import Session
from mgmt.web.kit.app_context import CLOCK, SETTINGS, read
from mgmt.web.kit.forms import Stale, mark_of
from parental.calendar import plans
from parental.calendar.day_sets import MAX_RANGES, MOST_SHIFT, Calendar, DaySet, Range
from parental.calendar.sun import cities
from parental.people.accounts import lines_of
from parental.people.children import children_of
from parental.store.errors import BadSchedule

DAYS = PATH + "/days"
KINDS = (DaySet.HOLIDAYS, DaySet.RAMADAN, DaySet.EXAMS)
SHIFTS = range(-MOST_SHIFT, MOST_SHIFT + 1)
NEEDED = "account.schedule"
Change = Callable[[Calendar], Calendar]


class _Full(Exception):
    """A household has as many dates as it can."""


class ShownRange(NamedTuple):
    """Dates of one kind.   key  by which they are removed"""

    words: Markup
    key: str


class ShownDates(NamedTuple):
    """What the page shows.   today  the kind of today;   seen  the mark of what its first form replaces"""

    today: Markup
    school_days: frozenset[int]
    city: str | None
    follows: bool
    shift: int
    seen: str
    announced: list[Markup]
    own: list[ShownRange]
    receipt: Markup | None
    has_undo: bool
    revision: int


def add_dates(app: web.Application) -> None:
    """Put the routes into the web role's application."""
    app.router.add_get(DAYS, viewed(_page))
    for did in ("save", "add", "remove"):
        app.router.add_post(f"{DAYS}/{did}", permitted(change, NEEDED, _page))
    app.router.add_post(DAYS + "/undo", taken_back(lambda _: "/days", _page))


async def change(request: web.Request, form: SubmittedForm) -> web.Response:
    """POST /family/days/save, add, remove"""
    did = deed_of(request)
    try:
        return await _make(request, form, did, is_proven=is_fresh(form.session, request.app[CLOCK]()))
    except NeedsPin:
        why = language_of(request).say("family.hours.opens")
        asked = await ask_pin(request, form, f"days/{did}", f"family.days.{did}", "/days", why)
        return asked or await _make(request, form, did, is_proven=True)


async def _make(request: web.Request, form: SubmittedForm, did: str, *, is_proven: bool) -> web.Response:
    """Raises NeedsPin"""
    now, zone, session = request.app[CLOCK](), request.app[SETTINGS].zone, form.session

    def store_it(conn: Connection) -> list[UndoStep]:
        calendar = plans.calendar_of(conn, session.account)
        follows = plans.follows_announced(conn, session.account)
        if did == "save":
            if form.fields["seen"] != _mark(calendar, follows):
                raise Stale
            follows = bool(form.fields["follows"])
        after = _CHANGES[did](form, calendar)
        made = calendars.put_dates(conn, session, after, follows, now, zone, is_proven=is_proven)
        return [UndoStep(profile, how, revision_of(conn, profile)) for profile, how in made]

    try:
        made = await once(request, form, store_it)
    except _Full:
        return await _page(request, session, 409, alert="family.days.many")
    except (BadSchedule, ValueError):
        return await _page(request, session, 422, alert="family.days.wrong")
    except Stale:
        return await _page(request, session, 409, alert="family.stale")
    await go_live(request, form, "hours", [step.profile for step in made], made)
    return moved(request, "/days")


def _saved(form: SubmittedForm, calendar: Calendar) -> Calendar:
    school = frozenset(day for day in range(7) if form.fields[f"school{day}"])
    shift = {str(n): n for n in SHIFTS}.get(form.fields["shift"], 0)
    city = form.fields["city"] or None  # one that is not known is refused where it is stored
    return replace(calendar, school_days=school, shift_days=shift, city=city)


def _mark(calendar: Calendar, follows: bool) -> str:
    """What the page shows of the dates that one tap replaces."""
    return mark_of(sorted(calendar.school_days), calendar.shift_days, calendar.city, follows)


def _more(form: SubmittedForm, calendar: Calendar) -> Calendar:
    """Raises _Full; ValueError where a form of ours would have said dates"""
    if len(calendar.ranges) >= MAX_RANGES:
        raise _Full
    first, last = date.fromisoformat(form.fields["first"]), form.fields["last"] or form.fields["first"]
    return calendars.with_range(calendar, Range(DaySet(form.fields["kind"]), first, date.fromisoformat(last)))


def _less(form: SubmittedForm, calendar: Calendar) -> Calendar:
    kept = [each for each in calendar.ranges if _key(each) == form.fields["range"]]
    return calendars.without_range(calendar, kept[0]) if kept else calendar


_CHANGES: dict[str, Callable[[SubmittedForm, Calendar], Calendar]] = {"save": _saved, "add": _more, "remove": _less}


async def _page(request: web.Request, session: Session, status: int = 200, *, alert: str = "") -> web.Response:
    t = language_of(request)
    now = request.app[CLOCK]()
    today = now.astimezone(ZoneInfo(request.app[SETTINGS].zone)).date()

    def load(conn: Connection) -> ShownDates:
        calendar, follows = plans.calendar_of(conn, session.account), plans.follows_announced(conn, session.account)
        mine = [each.profile for each in children_of(conn, session.account)]
        mine += [each.id for each in lines_of(conn, session.account)]
        receipts = [receipt_of(session, profile, t, now) for profile in mine] or [(None, False)]
        receipt, has_undo = next((each for each in receipts if each[0] or each[1]), (None, False))
        return ShownDates(
            today=t.say(f"time.days.{calendar.sets_of(today)[0]}"),
            school_days=calendar.school_days,
            city=calendar.city,
            follows=follows,
            shift=calendar.shift_days,
            seen=_mark(calendar, follows),
            announced=[_words(each, t) for each in plans.announced_of(conn)],
            own=[ShownRange(_words(each, t), _key(each)) for each in calendar.ranges],
            receipt=receipt,
            has_undo=has_undo,
            revision=max((revision_of(conn, profile) for profile in mine), default=0),
        )

    dates = await read(request, load)
    await catch_up(request, dates.revision)
    return page(
        request,
        "days.html",
        status,
        session=session,
        here="/days",
        dates=dates,
        may=session.may(NEEDED),
        kinds=KINDS,
        shifts=SHIFTS,
        cities=city_names(t),
        alert=alert,
        in_force=request.app[IN_FORCE].revision,
        today=today.isoformat(),
    )


def city_names(t: Language) -> dict[str, Markup]:
    """The cities whose suhoor and iftar are known, as a language has them, in its order."""
    found = {city: t.pick(each.name["en"], each.name.get("ur")) for city, each in cities().items()}
    return dict(sorted(found.items(), key=lambda each: each[1]))


def _words(each: Range, t: Language) -> Markup:
    kind, first = t.say(f"time.days.{each.day_set}"), t.date(each.first)
    if each.last is None:
        return t.say("family.days.from", kind=kind, first=first)
    if each.last == each.first:
        return t.say("family.days.one", kind=kind, first=first)
    return t.say("family.days.range", kind=kind, first=first, last=t.date(each.last))


def _key(each: Range) -> str:
    return f"{each.day_set} {each.first} {each.last}"
