"""/v1/subscribers: the operator's lines, and what a parent may do with the own one.

A parent's token reaches one subscriber; any other gives the same 403, whether there is such a subscriber or not.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from aiohttp import web
from sqlalchemy import Connection

from mgmt.app_context import CLOCK, CONTROL, SETTINGS, json_response, read, write
from mgmt.auth import OPERATOR, PARENT, Principal, Route
from mgmt.body import read_fields
from mgmt.control_protocol import receipt_json, receive
from mgmt.errors import BadRequest
from mgmt.fields import Fields, unfit
from mgmt.problems import Problem, forbidden
from parental import store
from parental.errors import BadProfile, BadSchedule, BadSubscriber, NoSubscriber
from parental.profile import NOT_PAUSED, SAFE_SEARCH, UNTIL_RESUMED, Profile, lock_reason, next_lock_change
from parental.schedule import DAYS, MAX_INTERVALS, Interval, Schedule, end_text, minute_text, parse_interval, sentence
from parental.subscriber import MAX_ID, MAX_PREFIXES, Subscriber, parse_prefix

MAX_PAUSE_MINUTES = 366 * 1440  # a year; longer is "until resumed"
MAX_CATEGORIES = 127  # as many as there can be
PAGE = 200

T = TypeVar("T")


async def list_subscribers(request: web.Request, _: Principal) -> web.Response:
    """GET /v1/subscribers?after="""
    said = request.query.get("after", "0")
    if not (said.isascii() and said.isdigit() and len(said) < 12):
        raise unfit("?after", f"{said[:20]!r} is not a number", "write the `next` of the page before")
    now = request.app[CLOCK]()

    def load(conn: Connection) -> dict[str, Any]:
        page = [found for found, _ in zip(store.iter_subscribers(conn, after=int(said)), range(PAGE), strict=False)]
        return {
            "subscribers": [subscriber_json(found, now) for found in page],
            "next": page[-1].id if len(page) == PAGE else None,
        }

    return json_response(await read(request, load))


async def put_subscriber(request: web.Request, _: Principal) -> web.Response:
    """PUT /v1/subscribers/{id}: all but the pause, which is the parent's.

    Without `closed` the schedule stays, and so do `safe_search` and `canaries`."""
    number = _number(request)
    fields = await read_fields(request, "label", "prefixes", "categories", "closed", "zone", "safe_search", "canaries")
    label = fields.text("label")
    prefixes = tuple(_fit("/prefixes", parse_prefix, text) for text in fields.texts("prefixes", MAX_PREFIXES))
    categories = frozenset(fields.texts("categories", MAX_CATEGORIES))
    schedule = _schedule(request, fields) if fields.has("closed") else None
    search = fields.one_of("safe_search", SAFE_SEARCH, "") if fields.has("safe_search") else None
    canaries = fields.truth("canaries") if fields.has("canaries") else None

    def store_it(conn: Connection) -> bool:
        try:
            before: Profile | None = store.get_subscriber(conn, number).profile
        except NoSubscriber:
            before = None
        kept = before or Profile(schedule=Schedule((), request.app[SETTINGS].zone))
        wished = (search or kept.safe_search, kept.canaries if canaries is None else canaries)
        profile = _fit("/categories", Profile, categories, schedule or kept.schedule, kept.paused_until_s, *wished)
        _fit("/prefixes", store.put_subscriber, conn, _fit("/", Subscriber, number, label, prefixes, profile))
        return before is None

    is_new = await write(request, store_it)
    return await _live(request, number, 201 if is_new else 200)


async def get_subscriber(request: web.Request, principal: Principal) -> web.Response:
    """GET /v1/subscribers/{id}"""
    number = own_number(request, principal)
    found = await read(request, lambda conn: read_there(conn, number))
    return json_response(subscriber_json(found, request.app[CLOCK]()))


async def delete_subscriber(request: web.Request, _: Principal) -> web.Response:
    """DELETE /v1/subscribers/{id}"""
    number = _number(request)
    await write(request, lambda conn: there(store.delete_subscriber, conn, number))
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
    """PUT /v1/subscribers/{id}/schedule {"closed": [{"day": "fri", "from": "21:30", "to": "06:30"}], "zone": …}"""
    number = own_number(request, principal)
    schedule = _schedule(request, await read_fields(request, "closed", "zone"))
    await write(request, lambda conn: there(store.set_schedule, conn, number, schedule))
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
        "categories": sorted(profile.blocked_categories),
        "safe_search": profile.safe_search,
        "canaries": profile.canaries,
        "zone": profile.schedule.zone,
        "closed": [_interval_json(interval) for interval in profile.schedule.intervals],
        "sentence": sentence(profile.schedule.intervals),
        "paused_until": _pause_json(profile.paused_until_s, now),
        "state": "open" if reason == "default" else "closed",
        "reason": None if reason == "default" else reason,
        "changes_at": None if change is None else change.astimezone(zone).isoformat(timespec="seconds"),
    }


async def _live(request: web.Request, number: int, status: int = 200) -> web.Response:
    """Have the change published and answer with the subscriber and the receipt."""
    receipt = await live_receipt(request)
    found = await read(request, lambda conn: read_there(conn, number))
    return json_response({**subscriber_json(found, request.app[CLOCK]()), "receipt": receipt}, status)


async def live_receipt(request: web.Request) -> dict[str, Any]:
    """Have a change published; its receipt."""
    return receipt_json(await receive(request.app[CONTROL].policy_changed()), request.app[SETTINGS].zone)


def _schedule(request: web.Request, fields: Fields) -> Schedule:
    zone = fields.text("zone") if fields.has("zone") else request.app[SETTINGS].zone
    intervals = [_interval(f"/closed/{at}", said) for at, said in enumerate(fields.sequence("closed", MAX_INTERVALS))]
    return _fit("/zone", Schedule, tuple(sorted(set(intervals))), zone)


def _interval(where: str, said: object) -> Interval:
    """{"day", "from", "to"}, or "minutes" instead of "to" where an interval is longer than a day."""
    fields = Fields(where, said, ("day", "from", "to", "minutes"))
    day = fields.one_of("day", DAYS, "")
    if not fields.has("minutes"):
        return _fit(where, parse_interval, day, fields.text("from"), fields.text("to"))
    start = _fit(where, parse_interval, day, fields.text("from"), "24:00")
    return _fit(where, Interval, start.weekday, start.start_minute, fields.whole_number("minutes", 1, 10080))


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


def _fit(where: str, make: Callable[..., T], *values: Any) -> T:
    """make(*values), with a refusal turned into BadRequest at `where`."""
    try:
        return make(*values)
    except (BadSubscriber, BadSchedule, BadProfile) as exc:
        raise BadRequest(where, str(exc)) from exc


def there(change: Callable[..., T], conn: Connection, number: int, *values: Any) -> T:
    """change(conn, number, *values), with an unknown subscriber turned into 404."""
    try:
        return _fit("/", change, conn, number, *values)
    except NoSubscriber as exc:
        raise Problem(404, str(exc), "subscriber") from exc


def read_there(conn: Connection, number: int) -> Subscriber:
    try:
        return store.get_subscriber(conn, number)
    except NoSubscriber as exc:
        raise Problem(404, str(exc), "subscriber") from exc


def _number(request: web.Request) -> int:
    said = request.match_info["id"]
    if not (said.isascii() and said.isdigit() and len(said) < 11 and 1 <= int(said) <= MAX_ID):
        raise Problem(404, f"subscriber {said[:20]}: not a number; nothing done; write 1 to {MAX_ID}", "subscriber")
    return int(said)


def own_number(request: web.Request, principal: Principal) -> int:
    """The subscriber of the path, where the token may touch it."""
    if principal.role == PARENT and request.match_info["id"] != str(principal.subscriber):
        raise forbidden()
    return _number(request)


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
