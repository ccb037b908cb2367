"""/v1/subscribers: the operator's lines, and what a parent may do with the own one.

A parent's token reaches one subscriber; any other gives the same 403, whether there is such a subscriber or not.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from itertools import islice
from typing import Any, Concatenate, ParamSpec, TypeVar, cast
from zoneinfo import ZoneInfo

import msgspec
from aiohttp import web
from sqlalchemy import Connection

from mgmt.contract.control import receipt_json, receive
from mgmt.contract.errors import BadRequest
from mgmt.contract.fields import unfit
from mgmt.contract.shapes import After, Receipt
from mgmt.ledger.event import PEOPLE, Event
from mgmt.ledger.store import append
from mgmt.registers.households import note_choice_of_line
from mgmt.web.api.line_shapes import (
    ChangedLine,
    Day,
    DeletedLine,
    Hours,
    LinePage,
    NewLine,
    Pause,
    Schedule,
    SubscriberLine,
    Wishes,
)
from mgmt.web.kit.app_context import CLOCK, CONTROL, SETTINGS, json_response, read, write
from mgmt.web.kit.auth import Principal, Route
from mgmt.web.kit.conditions import require_unchanged, tagged_response
from mgmt.web.kit.contract import Contract
from mgmt.web.kit.problems import Problem, forbidden
from mgmt.web.kit.requests import body_of, query_of, shown
from parental.people.household_names import ALLOWED, DENIED, household_names
from parental.policy import schedule
from parental.policy import subscribers as store
from parental.policy.profile import NOT_PAUSED, UNTIL_RESUMED, Profile, lock_reason, next_lock_change
from parental.policy.schedule import DAYS, Interval, end_text, minute_text, parse_interval, sentence
from parental.policy.subscriber import MAX_ID, Subscriber, parse_prefix
from parental.store.errors import BadProfile, BadSchedule, BadSubscriber, NoSubscriber
from rules.base.category import CATEGORIES, SERVICES

DAY_MINUTES = 1440
PAGE = 200

P = ParamSpec("P")
T = TypeVar("T")


async def list_subscribers(request: web.Request, _: Principal) -> web.Response:
    """List lines by rising number."""
    after, now = query_of(request, After).after, request.app[CLOCK]()
    found = await read(request, lambda conn: list(islice(store.iter_subscribers(conn, after, PAGE), PAGE)))
    return json_response(LinePage(lines_shown(found, now), found[-1].id if len(found) == PAGE else None))


async def put_subscriber(request: web.Request, principal: Principal) -> web.Response:
    """Put a line; its pause, and what is not said, stays as it is."""
    number = line_number(request)
    said = await body_of(request, NewLine)
    prefixes = tuple(fit("/prefixes", parse_prefix, text) for text in said.prefixes)
    change = wishes_in(said)

    def store_it(conn: Connection) -> bool:
        try:
            before: Subscriber | None = store.get_subscriber(conn, number)
        except NoSubscriber:
            before = None
        kept = before.profile if before else Profile(schedule=schedule.Schedule((), request.app[SETTINGS].zone))
        require_unchanged(request, None if before is None else line_shown(before, request.app[CLOCK]()))
        after = fit("/", Subscriber, number, said.label, prefixes, change(kept))
        fit("/prefixes", store.put_subscriber, conn, after)
        append(conn, put_event(before, after, principal), request.app[CLOCK]())
        return before is None

    is_new = await write(request, store_it)
    return await _live(request, number, 201 if is_new else 200)


async def get_subscriber(request: web.Request, principal: Principal) -> web.Response:
    """Show a line."""
    number = own_number(request, principal)
    found = await read(request, lambda conn: read_there(conn, number))
    return tagged_response(request, line_shown(found, request.app[CLOCK]()))


async def delete_subscriber(request: web.Request, principal: Principal) -> web.Response:
    """Delete a line."""
    number = line_number(request)

    def delete(conn: Connection) -> None:
        _require_unchanged(request, conn, number)
        there(store.delete_subscriber, conn, number)
        append(conn, Event(PEOPLE, "line removed", principal.actor, {"line": number}), request.app[CLOCK]())

    await write(request, delete)
    return json_response(DeletedLine(number, True, await live_receipt(request)))


async def pause(request: web.Request, principal: Principal) -> web.Response:
    """Close a line now."""
    number = own_number(request, principal)
    minutes = (await body_of(request, Pause)).minutes
    until = None if minutes is None else request.app[CLOCK]() + timedelta(minutes=minutes)
    await _choose(request, principal, number, "paused", lambda conn: there(store.pause, conn, number, until))
    return await _live(request, number)


async def resume(request: web.Request, principal: Principal) -> web.Response:
    """End a pause; the schedule still holds."""
    number = own_number(request, principal)
    await _choose(request, principal, number, "resumed", lambda conn: there(store.resume, conn, number))
    return await _live(request, number)


async def put_schedule(request: web.Request, principal: Principal) -> web.Response:
    """Say when a line is closed; what is not said stays as it is."""
    number = own_number(request, principal)
    change = wishes_in(await body_of(request, Schedule))

    def store_it(conn: Connection) -> None:
        before = _require_unchanged(request, conn, number)
        there(store.set_schedule, conn, number, change(before.profile).schedule)

    await _choose(request, principal, number, "schedule changed", store_it)
    return await _live(request, number)


def line_shown(subscriber: Subscriber, now: datetime) -> SubscriberLine:
    """A line as the API gives it, with its state at `now`."""
    return lines_shown([subscriber], now)[0]


def lines_shown(page: Iterable[Subscriber], now: datetime) -> list[SubscriberLine]:
    """Lines with their state at `now`.   Cost: what profiles make of it is worked out once for all that are alike"""
    of_profile = cache(lambda profile: {**wishes_shown(profile), **_state_shown(profile, now)})
    return [
        SubscriberLine(
            id=each.id, label=each.label, prefixes=[str(prefix) for prefix in each.prefixes], **of_profile(each.profile)
        )
        for each in page
    ]


def _state_shown(profile: Profile, now: datetime) -> dict[str, Any]:
    """Whether a profile closes all at `now`, why, and until when."""
    change = next_lock_change(profile, now)
    zone = ZoneInfo(profile.schedule.zone)
    reason = lock_reason(profile, now).name.lower()
    return {
        "paused_until": _pause_shown(profile.paused_until_s, now),
        "state": "open" if reason == "default" else "closed",
        "reason": None if reason == "default" else reason,
        "changes_at": None if change is None else change.astimezone(zone).isoformat(timespec="seconds"),
    }


def wishes_shown(profile: Profile) -> dict[str, Any]:
    """What a profile has, by the names of the API, and its schedule as a sentence."""
    return {
        "categories": sorted(profile.blocked_categories & CATEGORIES.keys()),
        "services": sorted(profile.blocked_categories & SERVICES.keys()),
        "safe_search": profile.safe_search,
        "youtube": profile.youtube,
        "allowed": sorted(profile.allowed),
        "denied": sorted(profile.denied),
        "canaries": profile.canaries,
        "zone": profile.schedule.zone,
        "closed": [_hours_shown(interval) for interval in profile.schedule.intervals],
        "sentence": sentence(profile.schedule.intervals),
    }


def put_event(before: Subscriber | None, after: Subscriber, principal: Principal) -> Event:
    """What the ledger holds of a line: that it was put, and which of its parts are others; never what they say."""
    if before is None:
        return Event(PEOPLE, "line put", principal.actor, {"line": after.id})
    parts = ("label", "prefixes", "profile")
    changed = [part for part in parts if getattr(before, part) != getattr(after, part)]
    return Event(PEOPLE, "line changed", principal.actor, {"line": after.id}, {"changed": changed})


async def _choose(
    request: web.Request, principal: Principal, number: int, action: str, change: Callable[[Connection], None]
) -> None:
    """Make a change that is the household's, and write it into the household's own record."""

    def store_it(conn: Connection) -> None:
        change(conn)
        note_choice_of_line(conn, number, principal.actor, action, request.app[CLOCK]())

    await write(request, store_it)


def _require_unchanged(request: web.Request, conn: Connection, number: int) -> Subscriber:
    """The line, where the conditions of the request hold.   Raises Problem 404, 412."""
    found = read_there(conn, number)
    require_unchanged(request, line_shown(found, request.app[CLOCK]()))
    return found


async def _live(request: web.Request, number: int, status: int = 200) -> web.Response:
    """Have the change published and answer with the subscriber and the receipt."""
    receipt = await live_receipt(request)
    found = await read(request, lambda conn: read_there(conn, number))
    line = line_shown(found, request.app[CLOCK]())
    return json_response(ChangedLine(**msgspec.structs.asdict(line), receipt=receipt), status)


async def live_receipt(request: web.Request) -> Receipt:
    """Have a change published; its receipt."""
    published = await receive(request.app[CONTROL].policy_changed())
    return shown(receipt_json(published, request.app[SETTINGS].zone), Receipt)


def wishes_in(said: Schedule | Wishes) -> Callable[[Profile], Profile]:
    """What a request makes of a profile; what it does not say stays.   Raises BadRequest"""
    hours: dict[str, Any] = {}
    if said.closed is not None:
        hours["intervals"] = tuple(sorted({_interval(f"/closed/{at}", each) for at, each in enumerate(said.closed)}))
    if said.zone is not None:
        hours["zone"] = said.zone
    others = _wishes_beside(said) if isinstance(said, Wishes) else {}
    closes = _closes_in(said) if isinstance(said, Wishes) else lambda before: before

    def change(before: Profile) -> Profile:
        schedule = fit("/zone", partial(replace, **hours), before.schedule)
        blocked = closes(before.blocked_categories)
        changed: Profile = fit("/", partial(replace, schedule=schedule, blocked_categories=blocked, **others), before)
        return changed

    return change


def _wishes_beside(said: Wishes) -> dict[str, Any]:
    """Those that are neither hours nor categories."""
    wished: dict[str, Any] = {
        "safe_search": said.safe_search,
        "youtube": said.youtube,
        "canaries": said.canaries,
    }
    for field, names in ((ALLOWED, said.allowed), (DENIED, said.denied)):
        wished[field] = None if names is None else fit(f"/{field}", household_names, field, names)
    return {key: value for key, value in wished.items() if value is not None}


def _closes_in(said: Wishes) -> Callable[[frozenset[str]], frozenset[str]]:
    """What a request makes of closed categories and services.   Raises BadRequest"""
    parts = ("categories", said.categories, CATEGORIES), ("services", said.services, SERVICES)
    for field, names, known in parts:
        for name in sorted(set(names or ()) - known.keys()):
            raise unfit(f"/{field}", f"{name[:40]!r} is not known", f"write one of {', '.join(known)}")

    def change(before: frozenset[str]) -> frozenset[str]:
        kept = [before & known.keys() if names is None else frozenset(names) for _, names, known in parts]
        return frozenset[str]().union(*kept)

    return change


def _interval(where: str, said: Hours) -> Interval:
    allowed = None if said.open is None else frozenset(said.open)
    to = said.to if said.minutes is None else "24:00"
    if to is None:
        raise unfit(f"{where}/to", "missing", "write when the hours end, or minutes")
    found = fit(where, parse_interval, said.day, said.from_, to)
    return fit(where, Interval, found.weekday, found.start_minute, said.minutes or found.minutes, allowed)


def _hours_shown(interval: Interval) -> Hours:
    day, start = cast(Day, DAYS[interval.weekday]), minute_text(interval.start_minute)
    allowed = None if interval.allowed is None else sorted(interval.allowed)
    if interval.minutes > DAY_MINUTES or (interval.minutes == DAY_MINUTES and interval.start_minute):
        return Hours(day, start, minutes=interval.minutes, open=allowed)
    return Hours(day, start, end_text(interval), open=allowed)


def _pause_shown(paused_until_s: int, now: datetime) -> str | None:
    if paused_until_s == UNTIL_RESUMED:
        return "resumed"
    if paused_until_s == NOT_PAUSED or paused_until_s <= now.timestamp():
        return None
    return datetime.fromtimestamp(paused_until_s, UTC).isoformat()


def fit(where: str, make: Callable[P, T], *values: P.args, **named: P.kwargs) -> T:
    """make(*values, **named), with a refusal turned into BadRequest at `where`."""
    try:
        return make(*values, **named)
    except (BadSubscriber, BadSchedule, BadProfile) as exc:
        raise BadRequest(where, str(exc)) from exc


def there(
    change: Callable[Concatenate[Connection, int, P], T],
    conn: Connection,
    number: int,
    *values: P.args,
    **named: P.kwargs,
) -> T:
    """change(conn, number, *values, **named), with an unknown subscriber turned into 404."""
    try:
        return fit("/", change, conn, number, *values, **named)
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
    if not principal.may_touch_line(request.match_info["id"]):
        raise forbidden()
    return line_number(request)


_CHANGED = {200: ChangedLine}
ROUTES = (
    Route("GET", "/v1/subscribers", list_subscribers, "lines.list", Contract({200: LinePage}, query=After)),
    Route(
        "PUT",
        "/v1/subscribers/{id}",
        put_subscriber,
        "lines.provision",
        Contract({**_CHANGED, 201: ChangedLine}, body=NewLine, is_tagged=True),
    ),
    Route(
        "GET",
        "/v1/subscribers/{id}",
        get_subscriber,
        "line.read",
        Contract({200: SubscriberLine}, is_tagged=True, is_family=True),
    ),
    Route(
        "DELETE",
        "/v1/subscribers/{id}",
        delete_subscriber,
        "lines.provision",
        Contract({200: DeletedLine}, is_tagged=True),
    ),
    Route("POST", "/v1/subscribers/{id}/pause", pause, "line.pause", Contract(_CHANGED, body=Pause, is_family=True)),
    Route("POST", "/v1/subscribers/{id}/resume", resume, "line.pause", Contract(_CHANGED, is_family=True)),
    Route(
        "PUT",
        "/v1/subscribers/{id}/schedule",
        put_schedule,
        "line.schedule",
        Contract(_CHANGED, body=Schedule, is_tagged=True, is_family=True),
    ),
)
