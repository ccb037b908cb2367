"""/family/rules/PROFILE: the rules of a child, or of the home, as pictures with words.

Invariants: what cannot be enforced is not offered; what closes more never takes the PIN, what opens anything does, and
the page that asks for it says what that is; what replaces all that a page shows is stored only while that is still so;
a name that a family adds is shown as it is compared.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from aiohttp import web
from markupsafe import Markup
from sqlalchemy import Connection

from mgmt.text.language import Language
from mgmt.web.family.acts.access import deed_of, permitted, profile_of, taken_back, viewed
from mgmt.web.family.acts.cards import drawing_of, lack_of, receipt_of
from mgmt.web.family.acts.deeds import ask_pin, go_live, once
from mgmt.web.family.acts.links import name_of, service_of
from mgmt.web.family.acts.rule_edits import Opening, OpeningRefusal, Wished, make
from mgmt.web.family.acts.taps import UndoStep, revision_of
from mgmt.web.family.filter_state import closable_of
from mgmt.web.family.frame import PATH, SubmittedForm, language_of, moved, page
from mgmt.web.family.in_force import IN_FORCE, catch_up
from mgmt.web.family.pin import is_fresh
from mgmt.web.family.rules.pictures import picture_of
from mgmt.web.family.rules.presets import PRESETS, ages_offered, preset_of
from mgmt.web.family.session import Session
from mgmt.web.family.whose import named, require_own
from mgmt.web.kit.app_context import CLOCK, read
from mgmt.web.kit.forms import Stale, mark_of
from parental.people.household_names import ALLOWED, DENIED
from parental.people.levels import PACKETS, rules_of
from parental.policy.profile import SAFE_SEARCH, Profile
from parental.policy.profiles import get_profile
from parental.store.errors import BadProfile, NoPerson, NoSubscriber, NotNow
from rules.base.category import CATEGORIES, SERVICES

RULES = PATH + "/rules/{profile:[0-9]{1,12}}"
NEEDED = "account.children"
NOT_KINDS = (*PACKETS, "bypass", "education")  # bypass stands with the other roads past the rules; learning stays open
ROADS = ("bypass", *PACKETS)


class Tile(NamedTuple):
    """A kind of site or a service.   field  of the form"""

    field: str
    picture: str
    words: Markup
    is_closed: bool


class Own(NamedTuple):
    """A name of the family's own.   service  that it belongs to"""

    name: str
    field: str
    service: Markup | None


class Rules(NamedTuple):
    """What the page shows.

    offered  of parental.people.levels: what can be enforced;   lack  the message that says why that is not all
    ages     that can be chosen"""

    name: str
    drawing: str
    rules: Profile
    offered: tuple[str, ...]
    lack: str
    ages: tuple[str, ...]
    preset: str | None
    kinds: list[Tile]
    services: list[Tile]
    roads: list[Tile]
    own: list[Own]
    receipt: Markup | None
    has_undo: bool
    revision: int


def add_rules(app: web.Application) -> None:
    """Put the routes into the web role's application."""
    app.router.add_get(RULES, viewed(_page))
    app.router.add_get(RULES + "/sees", viewed(partial(_page, template="sees.html")))  # what the child reads
    for did in _WISHES:
        app.router.add_post(f"{RULES}/{did}", permitted(change, NEEDED, _page))
    app.router.add_post(RULES + "/undo", taken_back(lambda request: f"/rules/{profile_of(request)}", _page))


async def change(request: web.Request, form: SubmittedForm) -> web.Response:
    """POST …/save, preset, name, drop"""
    did = deed_of(request)
    try:
        wished = _WISHES[did](form.fields, closable_of(request.app))
    except BadProfile:
        return await _page(request, form.session, 422, alert="family.rules.no.name", pasted=form.fields["link"])
    try:
        return await _make(request, form, wished, is_proven=is_fresh(form.session, request.app[CLOCK]()))
    except OpeningRefusal as reason:
        where, why = f"/rules/{profile_of(request)}", opening_words(reason.opening, language_of(request))
        asked = await ask_pin(request, form, f"{where[1:]}/{did}", "family.rules.save", where, why)
    return asked or await _make(request, form, wished, is_proven=True)


async def _make(request: web.Request, form: SubmittedForm, wished: Wished, *, is_proven: bool) -> web.Response:
    """Raises OpeningRefusal"""
    profile, now, session = profile_of(request), request.app[CLOCK](), form.session

    def store_it(conn: Connection) -> UndoStep:
        how = make(conn, session, profile, wished, now, is_proven=is_proven)
        return UndoStep(profile, how, revision_of(conn, profile))

    try:
        made = await once(request, form, store_it)
    except (NoPerson, NoSubscriber):
        return await _page(request, session, 404, alert="family.tap.gone")
    except NotNow:
        return await _page(request, session, 409, alert="family.tap.nothing")
    except Stale:
        return await _page(request, session, 409, alert="family.stale")
    except BadProfile:
        return await _page(request, session, 409, alert="family.rules.many")
    await go_live(request, form, "rules", [profile], [made])
    return moved(request, f"/rules/{profile}")


def _saved(fields: Mapping[str, str], closable: Collection[str]) -> Wished:
    """Of what the form offers, what is ticked is closed; the rest stays as it is."""
    shown = {name for name in (*CATEGORIES, *SERVICES) if name in closable and fields[f"shows-{_part(name)}"]}
    closed = {name for name in shown if fields[f"c-{name}"]}

    def wished(before: Profile) -> Profile:
        _refuse_stale(fields, before, closable)
        return replace(
            before,
            blocked_categories=frozenset((before.blocked_categories - shown) | closed),
            safe_search=_level(fields["safe_search"], before.safe_search),
            youtube=_level(fields["youtube"], before.youtube),
            canaries=bool(fields["canaries"]),
        )

    return wished


def _level(said: str, before: str) -> str:
    return said if said in SAFE_SEARCH else before


def _part(name: str) -> str:
    """The part of the form in which a name stands."""
    if name in SERVICES:
        return "services"
    if name in PACKETS:
        return "packets"
    return "rest" if name == "education" else "kinds"


def _preset(fields: Mapping[str, str], closable: Collection[str]) -> Wished:
    chosen = PRESETS[fields["ages"]] if fields["ages"] in ages_offered(closable) else None

    def wished(before: Profile) -> Profile:
        _refuse_stale(fields, before, closable)
        return before if chosen is None else chosen.applied(before)

    return wished


def _refuse_stale(fields: Mapping[str, str], before: Profile, closable: Collection[str]) -> None:
    """Raises Stale"""
    if fields["seen"] != _mark(before, closable):
        raise Stale


def _mark(rules: Profile, closable: Collection[str]) -> str:
    """What the page shows of the rules that one tap replaces."""
    closed = sorted(rules.blocked_categories)
    return mark_of(sorted(closable), closed, rules.safe_search, rules.youtube, rules.canaries)


def _named(fields: Mapping[str, str], _: Collection[str]) -> Wished:
    """Raises BadProfile for what is no name"""
    field = ALLOWED if fields["how"] == ALLOWED else DENIED
    name = name_of(field, fields["link"])

    def wished(before: Profile) -> Profile:
        apart = _without(before, name)
        if field == ALLOWED:
            return replace(apart, allowed=apart.allowed | {name})
        return replace(apart, denied=apart.denied | {name})

    return wished


def _dropped(fields: Mapping[str, str], _: Collection[str]) -> Wished:
    return lambda before: _without(before, fields["name"])


def _without(profile: Profile, name: str) -> Profile:
    return replace(profile, allowed=profile.allowed - {name}, denied=profile.denied - {name})


_WISHES: dict[str, Callable[[Mapping[str, str], Collection[str]], Wished]] = {
    "save": _saved,
    "preset": _preset,
    "name": _named,
    "drop": _dropped,
}


async def _page(
    request: web.Request,
    session: Session,
    status: int = 200,
    *,
    template: str = "rules.html",
    alert: str = "",
    pasted: str = "",
) -> web.Response:
    t, now, profile = language_of(request), request.app[CLOCK](), profile_of(request)
    closable = closable_of(request.app)

    def load(conn: Connection) -> Rules:
        require_own(conn, session.account, profile)
        receipt, has_undo = receipt_of(session, profile, t, now)
        return rules_shown(conn, profile, closable, t)._replace(receipt=receipt, has_undo=has_undo)

    try:
        shown = await read(request, load)
    except (NoPerson, NoSubscriber):
        return page(request, "gone.html", 404, session=session)
    await catch_up(request, shown.revision)
    return page(
        request,
        template,
        status,
        session=session,
        here=f"/rules/{profile}",
        shown=shown,
        seen=_mark(shown.rules, closable),
        profile=profile,
        in_force=request.app[IN_FORCE].revision,
        alert=alert,
        pasted=pasted,
        lacks=any(preset.closed - set(closable) for preset in PRESETS.values()),
        levels=SAFE_SEARCH,
        may=session.may(NEEDED) and bool(shown.offered),
    )


def rules_shown(conn: Connection, profile: int, closable: Collection[str], t: Language) -> Rules:
    """What the page of a profile shows, but for the receipt.

    closable  of filter_state: other kinds and services may be stored, and nothing closes them.   Raises NoPerson"""
    rules, offered, whose = get_profile(conn, profile), rules_of(conn, profile), named(conn, profile)
    roads = [name for name in ROADS if name in closable and (name not in PACKETS or name in offered)]
    own = [(name, field) for field in (DENIED, ALLOWED) for name in sorted(getattr(rules, field))]
    return Rules(
        name=whose.name,
        drawing=drawing_of(whose.child) if whose.child else "home",
        rules=rules,
        offered=offered,
        lack=lack_of(offered, whose.child),
        ages=ages_offered(closable),
        preset=preset_of(rules) if ages_offered(closable) else None,
        kinds=[_tile(name, rules, t) for name in CATEGORIES if name in closable and name not in NOT_KINDS],
        services=[_tile(name, rules, t) for name in SERVICES if name in closable],
        roads=[_tile(name, rules, t) for name in roads],
        own=[Own(name, field, _service(name, t)) for name, field in own],
        receipt=None,
        has_undo=False,
        revision=revision_of(conn, profile),
    )


def opening_words(opening: Opening, t: Language) -> Markup:
    """'This opens: gambling, example.com'"""
    said = [t.say(f"category.{each}") if t.has(f"category.{each}") else t.plain(each) for each in opening.names]
    said += [t.say(f"family.rules.{each.replace('_', '.')}") for each in opening.choices]
    return t.say("family.rules.opens", what=t.say("list.between").join(said))


def _tile(name: str, rules: Profile, t: Language) -> Tile:
    return Tile(f"c-{name}", picture_of(name), t.say(f"category.{name}"), name in rules.blocked_categories)


def _service(name: str, t: Language) -> Markup | None:
    found = service_of(name)
    return None if found is None else t.say(f"category.{found}")
