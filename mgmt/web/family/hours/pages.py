"""/family/hours/PROFILE: the closed hours of a child, or of the home, as cards like alarms.

    the list ─→ a card's form ─→ steps of minutes (nothing is stored) ─→ save ─→ the list, with receipt and undo

Invariants: a card is changed by the form's buttons alone, without a drag and without a script; what closes more never
takes the PIN, what opens anything does.
"""

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import date, datetime, time
from functools import partial
from typing import NamedTuple
from zoneinfo import ZoneInfo

from aiohttp import web
from markupsafe import Markup
from sqlalchemy import Connection

from mgmt.text.language import Language
from mgmt.web.family.acts import hour_edits as edits
from mgmt.web.family.acts.access import deed_of, done, permitted, profile_of, taken_back, viewed
from mgmt.web.family.acts.at_once import NEXT_TIME, NOW, closes_at_once, state_now, wait_for_the_next
from mgmt.web.family.acts.cards import drawing_of, lack_of, receipt_of
from mgmt.web.family.acts.deeds import ask_pin, ask_sure, go_live, once
from mgmt.web.family.acts.draft import LEARNING, STEPS, USUAL, Draft, Unfit, draft_of, draft_of_card
from mgmt.web.family.acts.hour_edits import Edit, NeedsPin
from mgmt.web.family.acts.taps import UndoStep, revision_of
from mgmt.web.family.filter_state import closable_of
from mgmt.web.family.frame import PATH, SubmittedForm, language_of, moved, number_of, page
from mgmt.web.family.hours.dates import city_names
from mgmt.web.family.hours.screen_time import Limit, add_screen_time, limit_of
from mgmt.web.family.hours.week import Row, week_of
from mgmt.web.family.in_force import IN_FORCE, catch_up
from mgmt.web.family.pin import is_fresh
from mgmt.web.family.session import Session
from mgmt.web.family.times import ProfileTimes, card_hours_words, card_words, conflict_words, hours_words
from mgmt.web.family.whose import named, require_own
from mgmt.web.kit.app_context import CLOCK, read
from mgmt.web.kit.forms import Stale
from parental.calendar import plans
from parental.calendar.card import EVERY_DAY, Card, Kind
from parental.calendar.conflicts import conflicts_of
from parental.calendar.day_sets import Calendar, DaySet
from parental.calendar.packs import provinces
from parental.calendar.resolution import closings_on
from parental.calendar.sun import Turn, minute_of
from parental.people.levels import rules_of
from parental.policy.profile import Profile
from parental.policy.profiles import get_profile
from parental.store.errors import BadSchedule, NoPerson, NoSubscriber, NotNow

HOURS = PATH + "/hours/{profile:[0-9]{1,12}}"
SIGNS = {Kind.SLEEP: "🌙", Kind.HOMEWORK: "📚", Kind.SCHOOL: "🏫", Kind.PRAYER: "🕌", Kind.OTHER: "⏰"}
NEEDED = "account.schedule"


class CardRow(NamedTuple):
    """A card of the list.   note  on its hours, '': none exists;   days  on which, and of which kinds"""

    number: int
    sign: str
    name: Markup
    hours: Markup
    note: Markup
    days: Markup
    is_on: bool


class Plan(NamedTuple):
    """What the list shows.

    lack  the message that says why nothing can be closed;   revision  of the profile's last change"""

    name: str
    drawing: str
    cards: list[CardRow]
    conflicts: list[Markup]
    week: list[Row]
    has_other_hours: bool
    lack: str
    limit: Limit | None
    receipt: Markup | None
    has_undo: bool
    revision: int


def add_hours(app: web.Application) -> None:
    """Put the routes into the web role's application."""
    app.router.add_get(HOURS, viewed(_list))
    app.router.add_get(HOURS + "/new/{kind:[a-z]{1,12}}", viewed(begin))
    app.router.add_get(HOURS + "/card/{card:[0-9]{1,12}}", viewed(open_card))
    app.router.add_post(HOURS + "/draft", done(step))
    for did in ("save", "on", "off", "remove"):
        app.router.add_post(f"{HOURS}/{did}", permitted(change, NEEDED, _list))
    add_screen_time(app, NEEDED, HOURS, _list)
    app.router.add_post(HOURS + "/undo", taken_back(lambda request: f"/hours/{profile_of(request)}", _list))


async def begin(request: web.Request, session: Session) -> web.Response:
    """GET …/new/KIND: the form of a new card, with usual hours."""
    kind = request.match_info["kind"]
    draft = USUAL.get(Kind(kind)) if kind in set(Kind) else None
    if draft is not None and not _learns(request):
        draft = replace(draft, is_soft=False)
    return await _form(request, session, lambda _: draft)


def _learns(request: web.Request) -> bool:
    """Whether a list in force holds learning sites: without one none of them stays open."""
    return not LEARNING.isdisjoint(closable_of(request.app))


async def open_card(request: web.Request, session: Session) -> web.Response:
    """GET …/card/NUMBER: the form of a card."""
    return await _form(request, session, partial(_stored, number_of(request.match_info["card"])))


def _stored(number: int, cards: tuple[Card, ...]) -> Draft | None:
    """The form of a card as it is now; None: none exists of this number."""
    return next((draft_of_card(each) for each in cards if each.id == number), None)


async def step(request: web.Request, form: SubmittedForm) -> web.Response:
    """POST …/draft: the form with its times changed; nothing is stored."""
    draft = draft_of(form.fields).stepped(form.fields["step"])
    return await _form(request, form.session, lambda _: draft)


async def change(request: web.Request, form: SubmittedForm) -> web.Response:
    """POST …/save, on, off, remove: change a card."""
    did, number = deed_of(request), number_of(form.fields["card"])
    try:
        edit = await _saved(request, form) if did == "save" else _EDITS[did](number)
    except Unfit as reason:
        draft = draft_of(form.fields)
        return await _form(request, form.session, lambda _: draft, 422, alert=reason.message)
    asked = await _asked(request, form, did, edit)
    if asked is not None:
        return asked
    is_proven = is_fresh(form.session, request.app[CLOCK]())
    try:
        return await _make(request, form, edit, is_proven=is_proven)
    except NeedsPin:
        where, why = f"/hours/{profile_of(request)}", language_of(request).say("family.hours.opens")
        asked = await ask_pin(request, form, f"{where[1:]}/{did}", f"family.hours.{did}", where, why)
    return asked or await _make(request, form, edit, is_proven=True)


async def _asked(request: web.Request, form: SubmittedForm, did: str, edit: Edit) -> web.Response | None:
    """The page that says what closes at once; None: nothing does, or it is meant."""
    profile, now, session = profile_of(request), request.app[CLOCK](), form.session
    if form.fields["sure"] in (NOW, NEXT_TIME):
        return None

    def change_it(conn: Connection) -> int:
        edits.make(conn, session, profile, edit, now, is_proven=True)
        return profile

    try:
        at_once = await closes_at_once(request, form, profile, change_it)
    except (NoPerson, NoSubscriber, Stale, NotNow, BadSchedule):
        return None  # it is not done, either, and the page says why
    if at_once is None:
        return None
    where = f"/hours/{profile}"
    return await ask_sure(request, form, f"{where[1:]}/{did}", f"family.hours.{did}", where, at_once)


_EDITS: dict[str, Callable[[int], Edit]] = {
    "on": lambda number: edits.switch(number, is_on=True),
    "off": lambda number: edits.switch(number, is_on=False),
    "remove": edits.remove,
}


async def _saved(request: web.Request, form: SubmittedForm) -> Edit:
    """The edit that a form asks for.   Raises Unfit"""
    draft, profile = draft_of(form.fields), profile_of(request)
    cards = await read(request, lambda conn: plans.cards_of(conn, [profile]).get(profile, ()))
    return edits.put(draft.card(_before(draft, cards)), draft.seen)


async def _make(request: web.Request, form: SubmittedForm, edit: Edit, *, is_proven: bool) -> web.Response:
    """Raises NeedsPin"""
    profile, now, session = profile_of(request), request.app[CLOCK](), form.session

    def store_it(conn: Connection) -> UndoStep:
        before = state_now(conn, session.account, profile, now)
        how = edits.make(conn, session, profile, edit, now, is_proven=is_proven)
        if form.fields["sure"] == NEXT_TIME:
            how = {**how, **wait_for_the_next(conn, session, profile, before, now)}
        return UndoStep(profile, how, revision_of(conn, profile))

    try:
        made = await once(request, form, store_it)
    except (NoPerson, NoSubscriber):
        return await _list(request, session, 404, alert="family.tap.gone")
    except Stale:
        return await _form(request, session, partial(_stored, edit.card), 409, alert="family.stale")
    except NotNow:
        return await _list(request, session, 409, alert="family.tap.nothing")
    except BadSchedule:
        return await _list(request, session, 409, alert="family.hours.many")
    await go_live(request, form, "hours", [profile], [made])
    return moved(request, f"/hours/{profile}")  # a page that says itself what is not in force yet


async def _list(request: web.Request, session: Session, status: int = 200, *, alert: str = "") -> web.Response:
    t, now, profile = language_of(request), request.app[CLOCK](), profile_of(request)
    closable = closable_of(request.app)
    try:
        plan = await read(request, lambda conn: plan_of(conn, session, profile, closable, t, now))
    except (NoPerson, NoSubscriber):
        return page(request, "gone.html", 404, session=session)
    await catch_up(request, plan.revision)
    return page(
        request,
        "hours.html",
        status,
        session=session,
        here=f"/hours/{profile}",
        plan=plan,
        profile=profile,
        in_force=request.app[IN_FORCE].revision,
        alert=alert,
        kinds=[(kind, sign) for kind, sign in SIGNS.items()],
        may=session.may(NEEDED) and not plan.lack,
    )


def plan_of(
    conn: Connection, session: Session, profile: int, closable: Collection[str], t: Language, now: datetime
) -> Plan:
    """What the list of a profile shows.   closable  of filter_state.   Raises NoPerson"""
    require_own(conn, session.account, profile)
    rules, calendar = get_profile(conn, profile), plans.calendar_of(conn, session.account)
    cards = plans.cards_of(conn, [profile]).get(profile, ())
    today = now.astimezone(ZoneInfo(rules.schedule.zone)).date()
    child = named(conn, profile)
    receipt, has_undo = receipt_of(session, profile, t, now)
    told = ProfileTimes(rules, cards, calendar, None).as_told(closable)
    return Plan(
        name=child.name,
        drawing=drawing_of(child.child) if child.child else "home",
        cards=[_shown(card, cards, calendar, today, t) for card in cards],
        conflicts=[conflict_words(each, t) for each in conflicts_of(told.cards, today, calendar.city)],
        week=week_of(told.rules, told.cards, calendar, today, t),
        has_other_hours=bool(rules.schedule.intervals) and not cards,
        lack=lack_of(rules_of(conn, profile), child.child),
        limit=limit_of(conn, profile),
        receipt=receipt,
        has_undo=has_undo,
        revision=revision_of(conn, profile),
    )


def days_words(days: frozenset[int], t: Language) -> Markup:
    """'every day', or the weekdays."""
    if days == EVERY_DAY:
        return t.say("family.hours.every.day")
    return t.say("list.between").join(t.weekday(day) for day in sorted(days))


def _shown(card: Card, cards: tuple[Card, ...], calendar: Calendar, today: date, t: Language) -> CardRow:
    kinds = [t.say(f"time.days.{each}") for each in DaySet if each in card.day_sets]
    days = days_words(card.days, t)
    if len(kinds) < len(DaySet):
        days = Markup("{} · {}").format(days, t.say("list.between").join(kinds))
    hours = _hours_words(card, cards, calendar, today, t)
    is_of_nowhere = bool(card.begins or card.ends) and calendar.city is None
    note = t.say("family.hours.sun.nowhere") if is_of_nowhere else Markup()
    return CardRow(card.id, SIGNS[card.kind], card_words(card, t), hours, note, days, card.is_on)


def _hours_words(card: Card, cards: tuple[Card, ...], calendar: Calendar, today: date, t: Language) -> Markup:
    """The hours that are in force: of a pack today's, with its name; the card's own while the sun has no city.

    cards  all of the profile, this one among them"""
    if card.pack is not None:
        words = dict(_packs(t)).get(card.pack, t.plain(card.pack))
        held = [each for each in closings_on(cards, calendar, today) if each.card == card]
        hours = [hours_words(each.start, each.end, t) for each in held]
        return t.say("family.hours.pack.today", pack=words, hours=hours[0]) if hours else words
    if calendar.city is None:
        return hours_words(card.start_minute, card.start_minute + card.minutes, t)
    return card_hours_words(card, t)


async def _form(
    request: web.Request,
    session: Session,
    find: Callable[[tuple[Card, ...]], Draft | None],
    status: int = 200,
    *,
    alert: str = "",
) -> web.Response:
    """The form of a card.   find  it among the profile's cards; None: there is no such card"""
    if not session.may(NEEDED):
        return await _list(request, session, 403, alert="family.tap.forbidden")
    t, profile, now = language_of(request), profile_of(request), request.app[CLOCK]()

    def load(conn: Connection) -> tuple[tuple[Card, ...], Profile, Calendar]:
        require_own(conn, session.account, profile)
        cards = plans.cards_of(conn, [profile]).get(profile, ())
        return cards, get_profile(conn, profile), plans.calendar_of(conn, session.account)

    try:
        cards, rules, calendar = await read(request, load)
    except (NoPerson, NoSubscriber):
        return page(request, "gone.html", 404, session=session)
    draft = find(cards)
    if draft is None:
        return await _list(request, session, 404, alert="family.tap.gone")
    today = now.astimezone(ZoneInfo(rules.schedule.zone)).date()
    return page(
        request,
        "card.html",
        status,
        session=session,
        here=f"/hours/{profile}",
        draft=draft,
        profile=profile,
        sign=SIGNS[draft.kind],
        steps=STEPS,
        hours=_hours_of(draft, cards, calendar, today, t),
        days=sorted(EVERY_DAY),
        day_sets=list(DaySet),
        turns=list(Turn),
        sun=_sun_words(calendar, today, t),
        packs=_packs(t) if draft.kind is Kind.SCHOOL else [],
        learns=_learns(request),
        conflicts=_odd(draft, cards, calendar, today, t),
        alert=alert,
    )


def _hours_of(draft: Draft, cards: tuple[Card, ...], calendar: Calendar, today: date, t: Language) -> Markup:
    """The hours that would be in force with the form as it is."""
    before = _before(draft, cards)
    try:
        card = draft.card(before)
    except Unfit:
        return hours_words(draft.start, draft.start + draft.minutes, t)
    return _hours_words(card, (*(each for each in cards if each is not before), card), calendar, today, t)


def _sun_words(calendar: Calendar, today: date, t: Language) -> Markup:
    """Suhoor and iftar of today in the household's city, or what holds while it has said none."""
    turns = {} if calendar.city is None else {turn: minute_of(turn, calendar.city, today) for turn in Turn}
    if calendar.city is None or None in turns.values():
        return t.say("family.hours.sun.nowhere")
    times = {str(turn): t.clock(time(*divmod(minute, 60))) for turn, minute in turns.items() if minute is not None}
    return t.say("family.hours.sun.today", city=city_names(t)[calendar.city], **times)


def _odd(draft: Draft, cards: tuple[Card, ...], calendar: Calendar, today: date, t: Language) -> list[Markup]:
    """What would be odd with the card as it is now."""
    before = _before(draft, cards)
    try:
        card = draft.card(before)
    except Unfit:
        return []
    others = tuple(each for each in cards if each is not before)
    known = {conflict_words(each, t) for each in conflicts_of(others, today, calendar.city)}
    found = [conflict_words(each, t) for each in conflicts_of((*others, card), today, calendar.city)]
    return [words for words in found if words not in known]


def _before(draft: Draft, cards: tuple[Card, ...]) -> Card | None:
    return next((each for each in cards if each.id == draft.id), None)


def _packs(t: Language) -> list[tuple[str, Markup]]:
    """The school hours that are known: a pack's name, and the province's with the school's."""
    return [
        (f"{each.province}/{name}", Markup("{} · {}").format(
            t.say(f"family.province.{each.province}"), t.pick(school.name["en"], school.name.get("ur"))
        ))
        for each in provinces().values()
        for name, school in each.schools.items()
    ]  # fmt: skip
