"""/v1/subscribers: the operator's lines, and what a parent may do with the own one.

A parent's token reaches one subscriber; any other gives the same 403, whether there is such a subscriber or not.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from aiohttp import web
from sqlalchemy import Connection

from mgmt.app_context import CLOCK, CONTROL, SETTINGS, json_response, read, write
from mgmt.auth import OPERATOR, PARENT, Principal, Route
from mgmt.body import read_fields
from mgmt.control_protocol import receipt_json, receive
from mgmt.errors import BadRequest
from mgmt.fields import Fields, page_after
from mgmt.ledger.event import PEOPLE, Event
from mgmt.ledger.store import append
from mgmt.problems import Problem, forbidden
from parental import store
from parental.errors import BadProfile, BadSchedule, BadSubscriber, NoSubscriber
from parental.profile import NOT_PAUSED, SAFE_SEARCH, UNTIL_RESUMED, Profile, lock_reason, next_lock_change
from parental.schedule import DAYS, MAX_INTERVALS, Interval, Schedule, end_text, minute_text, parse_interval, sentence
from parental.subscriber import MAX_ID, MAX_PREFIXES, Subscriber, parse_prefix

MAX_PAUSE_MINUTES = 366 * 1440  # a year; longer is "until resumed"
MAX_CATEGORIES = 127  # as many as there can be
PAGE = 200
WISHES = ("categories", "closed", "zone", "safe_search", "canaries")  # what a profile has, by the names of the API

T = TypeVar("T")


async def list_subscribers(request: web.Request, _: Principal) -> web.Response:
    """GET /v1/subscribers?after="""
    now = request.app[CLOCK]()
    return json_response(
        await read(request, page_of(request, "subscribers", lambda found: subscriber_json(found, now)))
    )


async def put_subscriber(request: web.Request, principal: Principal) -> web.Response:
    """PUT /v1/subscribers/{id}: all but the pause, which is the parent's.   Wishes that are not said stay."""
    number = line_number(request)
    fields = await read_fields(request, "label", "prefixes", *WISHES)
    label = fields.text("label")
    prefixes = tuple(fit("/prefixes", parse_prefix, text) for text in fields.texts("prefixes", MAX_PREFIXES))
    change = wishes_in(fields)

    def store_it(conn: Connection) -> bool:
        try:
            before: Subscriber | None = store.get_subscriber(conn, number)
        except NoSubscriber:
            before = None
        kept = before.profile if before else Profile(schedule=Schedule((), request.app[SETTINGS].zone))
        after = fit("/", Subscriber, number, label, prefixes, change(kept))
        fit("/prefixes", store.put_subscriber, conn, after)
        append(conn, put_event(before, after, principal), request.app[CLOCK]())
        return before is None

    is_new = await write(request, store_it)
    return await _live(request, number, 201 if is_new else 200)


async def get_subscriber(request: web.Request, principal: Principal) -> web.Response:
    """GET /v1/subscribers/{id}"""
    number = own_number(request, principal)
    found = await read(request, lambda conn: read_there(conn, number))
    return json_response(subscriber_json(found, request.app[CLOCK]()))


async def delete_subscriber(request: web.Request, principal: Principal) -> web.Response:
    """DELETE /v1/subscribers/{id}"""
    number = line_number(request)

    def delete(conn: Connection) -> None:
        there(store.delete_subscriber, conn, number)
        append(conn, Event(PEOPLE, "line removed", principal.actor, {"line": number}), request.app[CLOCK]())

    await write(request, delete)
    return json_response({"id": number, "deleted": True, "receipt": await live_receipt(request)})


async def pause(request: web.Request, principal: Principal) -> web.Response:
    """POST /v1/subscribers/{id}/pause {"minutes": 30 | null}"""
    number = own_number(request, principal)
    fields = await read_fields(request, "minutes")
    minutes = fields.whole_number("minutes", 1, MAX_PAUSE_MINUTES) if fields.has("minutes") else None
    until = None if minutes is None else request.app[CLOCK]() + timedelta(minutes=minutes)
    await write(request, lambda conn: there(store.pause, conn, number, until))
    return await _live(request, number)


async def resume(request: web.Request, principal: Principal) -> web.Response:
    """POST /v1/subscribers/{id}/resume"""
    number = own_number(request, principal)
    await write(request, lambda conn: there(store.resume, conn, number))
    return await _live(request, number)


async def put_schedule(request: web.Request, principal: Principal) -> web.Response:
    """PUT /v1/subscribers/{id}/schedule {"closed": [{"day": "fri", "from": "21:30", "to": "06:30"}], "zone": …}

    What is not said stays as it is."""
    number = own_number(request, principal)
    change = wishes_in(await read_fields(request, "closed", "zone"))

    def store_it(conn: Connection) -> None:
        there(store.set_schedule, conn, number, change(read_there(conn, number).profile).schedule)

    await write(request, store_it)
    return await _live(request, number)


def subscriber_json(subscriber: Subscriber, now: datetime) -> dict[str, Any]:
    """A subscriber as the API gives it, with its state at `now`."""
    profile = subscriber.profile
    change = next_lock_change(profile, now)
    zone = ZoneInfo(profile.schedule.zone)
    reason = lock_reason(profile, now).name.lower()
    return {
        "id": subscriber.id,
        "label": subscriber.label,
        "prefixes": [str(prefix) for prefix in subscriber.prefixes],
        **wishes_json(profile),
        "paused_until": _pause_json(profile.paused_until_s, now),
        "state": "open" if reason == "default" else "closed",
        "reason": None if reason == "default" else reason,
        "changes_at": None if change is None else change.astimezone(zone).isoformat(timespec="seconds"),
    }


def wishes_json(profile: Profile) -> dict[str, Any]:
    """What a profile has, as the API gives and takes it, and its schedule as a sentence."""
    return {
        "categories": sorted(profile.blocked_categories),
        "safe_search": profile.safe_search,
        "canaries": profile.canaries,
        "zone": profile.schedule.zone,
        "closed": [_interval_json(interval) for interval in profile.schedule.intervals],
        "sentence": sentence(profile.schedule.intervals),
    }


def page_of(
    request: web.Request, key: str, shown: Callable[[Subscriber], dict[str, Any]]
) -> Callable[[Connection], dict[str, Any]]:
    """Reads the lines after `?after=` under `key`, and in `next` what to ask for then.   Raises BadRequest"""
    after = page_after(request.query.get("after", "0"))

    def load(conn: Connection) -> dict[str, Any]:
        page = list(islice(store.iter_subscribers(conn, after=after), PAGE))
        return {key: [shown(found) for found in page], "next": page[-1].id if len(page) == PAGE else None}

    return load


def put_event(before: Subscriber | None, after: Subscriber, principal: Principal) -> Event:
    """What the ledger holds of a line: that it was put, and which of its parts are others; never what they say."""
    if before is None:
        return Event(PEOPLE, "line put", principal.actor, {"line": after.id})
    parts = ("label", "prefixes", "profile")
    changed = [part for part in parts if getattr(before, part) != getattr(after, part)]
    return Event(PEOPLE, "line changed", principal.actor, {"line": after.id}, {"changed": changed})


async def _live(request: web.Request, number: int, status: int = 200) -> web.Response:
    """Have the change published and answer with the subscriber and the receipt."""
    receipt = await live_receipt(request)
    found = await read(request, lambda conn: read_there(conn, number))
    return json_response({**subscriber_json(found, request.app[CLOCK]()), "receipt": receipt}, status)


async def live_receipt(request: web.Request) -> dict[str, Any]:
    """Have a change published; its receipt."""
    return receipt_json(await receive(request.app[CONTROL].policy_changed()), request.app[SETTINGS].zone)


def wishes_in(fields: Fields) -> Callable[[Profile], Profile]:
    """What a request with fields of WISHES makes of a profile; what it does not say stays.   Raises BadRequest"""
    said: dict[str, Any] = {}
    if fields.has("categories"):
        said["blocked_categories"] = frozenset(fields.texts("categories", MAX_CATEGORIES))
    if fields.has("safe_search"):
        said["safe_search"] = fields.one_of("safe_search", SAFE_SEARCH, "")
    if fields.has("canaries"):
        said["canaries"] = fields.truth("canaries")
    hours: dict[str, Any] = {}
    if fields.has("closed"):
        closed = enumerate(fields.sequence("closed", MAX_INTERVALS))
        hours["intervals"] = tuple(sorted({_interval(f"/closed/{at}", each) for at, each in closed}))
    if fields.has("zone"):
        hours["zone"] = fields.text("zone")

    def change(before: Profile) -> Profile:
        schedule = fit("/zone", partial(replace, **hours), before.schedule)
        changed: Profile = fit("/categories", partial(replace, schedule=schedule, **said), before)
        return changed

    return change


def _interval(where: str, said: object) -> Interval:
    """{"day", "from", "to"}, or "minutes" instead of "to" where an interval is longer than a day."""
    fields = Fields(where, said, ("day", "from", "to", "minutes"))
    day = fields.one_of("day", DAYS, "")
    if not fields.has("minutes"):
        return fit(where, parse_interval, day, fields.text("from"), fields.text("to"))
    start = fit(where, parse_interval, day, fields.text("from"), "24:00")
    return fit(where, Interval, start.weekday, start.start_minute, fields.whole_number("minutes", 1, 10080))


def _interval_json(interval: Interval) -> dict[str, Any]:
    found: dict[str, Any] = {"day": DAYS[interval.weekday], "from": minute_text(interval.start_minute)}
    if interval.minutes > 1440 or (interval.minutes == 1440 and interval.start_minute):
        return {**found, "minutes": interval.minutes}
    return {**found, "to": end_text(interval)}


def _pause_json(paused_until_s: int, now: datetime) -> str | None:
    if paused_until_s == UNTIL_RESUMED:
        return "resumed"
    if paused_until_s == NOT_PAUSED or paused_until_s <= now.timestamp():
        return None
    return datetime.fromtimestamp(paused_until_s, UTC).isoformat()


def fit(where: str, make: Callable[..., T], *values: Any) -> T:
    """make(*values), with a refusal turned into BadRequest at `where`."""
    try:
        return make(*values)
    except (BadSubscriber, BadSchedule, BadProfile) as exc:
        raise BadRequest(where, str(exc)) from exc


def there(change: Callable[..., T], conn: Connection, number: int, *values: Any) -> T:
    """change(conn, number, *values), with an unknown subscriber turned into 404."""
    try:
        return fit("/", change, conn, number, *values)
    except NoSubscriber as exc:
        raise Problem(404, str(exc), "subscriber") from exc


def read_there(conn: Connection, number: int) -> Subscriber:
    try:
        return store.get_subscriber(conn, number)
    except NoSubscriber as exc:
        raise Problem(404, str(exc), "subscriber") from exc


def line_number(request: web.Request) -> int:
    said = request.match_info["id"]
    if not (said.isascii() and said.isdigit() and len(said) < 11 and 1 <= int(said) <= MAX_ID):
        raise Problem(404, f"subscriber {said[:20]}: not a number; nothing done; write 1 to {MAX_ID}", "subscriber")
    return int(said)


def own_number(request: web.Request, principal: Principal) -> int:
    """The subscriber of the path, where the token may touch it."""
    if principal.role == PARENT and request.match_info["id"] != str(principal.subscriber):
        raise forbidden()
    return line_number(request)


_OPERATOR = frozenset({OPERATOR})
HOME = frozenset({OPERATOR, PARENT})
ROUTES = (
    Route("GET", "/v1/subscribers", list_subscribers, _OPERATOR),
    Route("PUT", "/v1/subscribers/{id}", put_subscriber, _OPERATOR),
    Route("GET", "/v1/subscribers/{id}", get_subscriber, HOME),
    Route("DELETE", "/v1/subscribers/{id}", delete_subscriber, _OPERATOR),
    Route("POST", "/v1/subscribers/{id}/pause", pause, HOME),
    Route("POST", "/v1/subscribers/{id}/resume", resume, HOME),
    Route("PUT", "/v1/subscribers/{id}/schedule", put_schedule, HOME),
)
