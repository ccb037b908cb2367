"""/family/reports/PROFILE: what a child has met that is closed to it, as counts by day and kind, and its screen time.

The page says the less, the older the child is: from 13 on a total of the week, from 16 on no counts.  The child's own
page (mgmt.web.family.pages.mine) shows the same; this one asks to be looked at together.  Days on which nothing was
kept are not called quiet.
Invariants: a child's alone; no name, no address, no time of a day; a household that keeps nothing reads so; for how
long counts are kept takes the PIN, as a child who has the phone could delete its own.
Source: semantics §9; General Comment 25 of the Committee on the Rights of the Child, VI B.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from aiohttp import web
from markupsafe import Markup
from sqlalchemy import Connection

from mgmt.registers.households import note_choice
from mgmt.text.language import Language
from mgmt.web.family.acts.access import permitted, profile_of, viewed
from mgmt.web.family.acts.answers import SAID_YES, UNSAID_YES
from mgmt.web.family.acts.cards import drawing_of
from mgmt.web.family.acts.deeds import ask_pin, once
from mgmt.web.family.frame import PATH, SubmittedForm, language_of, moved, page
from mgmt.web.family.pin import is_fresh
from mgmt.web.family.session import Session
from mgmt.web.family.whose import about, named, require_own
from mgmt.web.kit.app_context import CLOCK, SETTINGS, read
from parental.calendar import screen_time
from parental.people.children import Child
from parental.people.household import count_of, told_since
from parental.people.reports import DAYS, days_of, keep_for, totals_of
from parental.store.errors import NoPerson

REPORT = PATH + "/reports/{profile:[0-9]{1,12}}"
NEEDED = "account.children"
SHOWN_DAYS = 7
WEEK_FROM, LIMITS_FROM = 13, 16  # ages
WIDTH = 100  # of the longest bar
BYPASS = "bypass"
KEPT, WAS = "reports kept", "was"  # of the household's record: the choice, and of it the days before
ASKED, GRANTED, UNGRANTED = "asked", (SAID_YES, "request answered yes by message"), UNSAID_YES  # of its record


class Bar(NamedTuple):
    """A line of a chart.   width  of WIDTH"""

    words: Markup
    n: int
    width: int


class Report(NamedTuple):
    """What the page shows.   days, kinds  None: not of a child of this age;   kept  days

    tries  to go around the rules;   asked, granted  requests of these days
    used, daily  minutes of screen time of today, None: there is no such limit
    since  the day from which on is counted, None: all of these days are"""

    name: str
    drawing: str
    kept: int
    total: int
    tries: int
    asked: int
    granted: int
    days: list[Bar] | None
    kinds: list[Bar] | None
    has_counts: bool
    used: int | None
    daily: int | None
    since: Markup | None


def add_reports(app: web.Application) -> None:
    """Put the routes into the web role's application."""
    app.router.add_get(REPORT, viewed(_page))
    app.router.add_post(REPORT + "/keep", permitted(keep, NEEDED, _page))


async def keep(request: web.Request, form: SubmittedForm) -> web.Response:
    """POST …/keep: for how many days the household keeps counts; 0 deletes them."""
    session, now, profile = form.session, request.app[CLOCK](), profile_of(request)
    try:
        await read(request, lambda conn: _child(conn, session, profile))
    except NoPerson:
        return page(request, "gone.html", 404, session=session)
    today = now.astimezone(ZoneInfo(request.app[SETTINGS].zone)).date()
    days = {str(each): each for each in DAYS}.get(form.fields["days"])
    if days is None:
        return await _page(request, session, 422, alert="family.tap.nothing")
    if not is_fresh(session, now):
        why, back = language_of(request).say("family.report.keep.text"), f"/reports/{profile}"
        asked = await ask_pin(request, form, f"reports/{profile}/keep", "family.report.keep.save", back, why)
        if asked is not None:
            return asked

    def store_it(conn: Connection) -> None:
        about = {"days": days, WAS: days_of(conn, session.account)}
        keep_for(conn, session.account, days, today)
        note_choice(conn, session.account, session.actor, KEPT, about, now)

    await once(request, form, store_it)
    return moved(request, f"/reports/{profile}")


async def _page(request: web.Request, session: Session, status: int = 200, *, alert: str = "") -> web.Response:
    profile, t, now = profile_of(request), language_of(request), request.app[CLOCK]()
    local = now.astimezone(ZoneInfo(request.app[SETTINGS].zone))
    try:
        report = await read(request, lambda conn: _own(conn, session, profile, t, local))
    except NoPerson:
        return page(request, "gone.html", 404, session=session)
    return page(
        request,
        "report.html",
        status,
        session=session,
        here=f"/reports/{profile}",
        report=report,
        profile=profile,
        choices=DAYS,
        may=session.may(NEEDED),
        alert=alert,
    )


def _own(conn: Connection, session: Session, profile: int, t: Language, now: datetime) -> Report:
    """Raises NoPerson for a profile that is no child's of this household"""
    return report_of(conn, _child(conn, session, profile), t, now)


def report_of(conn: Connection, child: Child, t: Language, now: datetime) -> Report:
    """What is shown of a child, to its parents and to itself.   now  local"""
    account, profile = child.account, child.profile
    since = now.replace(hour=0, minute=0, second=0) - timedelta(days=SHOWN_DAYS - 1)
    began = _began(conn, account, since)
    first = (began or since).date()
    found, n_days = totals_of(conn, profile, first), (now.date() - first).days + 1
    kinds = sum((Counter(each) for each in found.values()), Counter[str]())
    by_day = {first + timedelta(days=n): sum(found.get(first + timedelta(days=n), {}).values()) for n in range(n_days)}
    used, daily = _screen_time(conn, profile, now)
    is_young = _age(child, now.date()) < WEEK_FROM
    done = count_of(conn, account, about(conn, profile), int(since.timestamp()))
    return Report(
        child.nickname,
        drawing_of(child),
        days_of(conn, account),
        kinds.total(),
        kinds[BYPASS],
        done.get(ASKED, 0),
        max(0, sum(done.get(each, 0) for each in GRANTED) - done.get(UNGRANTED, 0)),
        _bars({t.weekday(day.weekday()): n for day, n in by_day.items()}) if is_young else None,
        _bars({_kind_words(what, t): n for what, n in kinds.most_common()}) if is_young else None,
        shows_counts(child, now.date()),
        used,
        daily,
        None if began is None else t.date(began.date()),
    )


def _child(conn: Connection, session: Session, profile: int) -> Child:
    """Raises NoPerson for a profile that is no child's of this household"""
    require_own(conn, session.account, profile)
    child = named(conn, profile).child
    if child is None:
        raise NoPerson(f"profile {profile}: no child's; there is no report of adults")
    return child


def _began(conn: Connection, account: int, since: datetime) -> datetime | None:
    """When a household that had kept nothing began to keep counts, where that was since a time; it is local."""
    chosen = told_since(conn, account, KEPT, int(since.timestamp()))
    found = [time_s for time_s, told in chosen if told["days"] and told.get(WAS) == 0]
    return datetime.fromtimestamp(max(found), since.tzinfo) if found else None


def shows_counts(child: Child, today: date) -> bool:
    """Whether a child is of an age at which its counts are shown."""
    return _age(child, today) < LIMITS_FROM


def _age(child: Child, today: date) -> int:
    """At the end of this year; of a child whose year of birth is not known, 0."""
    return 0 if child.birth_year is None else today.year - child.birth_year


def _screen_time(conn: Connection, profile: int, now: datetime) -> tuple[int | None, int | None]:
    bucket = screen_time.quota_of(conn, profile)
    if bucket is None:
        return None, None
    return bucket.minutes - screen_time.left_s(conn, profile, bucket, now) // 60, bucket.minutes


def _bars(counts: Mapping[Markup, int]) -> list[Bar]:
    """In their order, the longest as wide as the chart."""
    most = max([1, *counts.values()])
    return [Bar(words, n, WIDTH * n // most) for words, n in counts.items()]


def _kind_words(what: str, t: Language) -> Markup:
    """A kind of site in words, or why it was closed."""
    for known in (f"category.{what}", f"family.report.by.{what}"):
        if t.has(known):
            return t.say(known)
    return t.plain(what)
