"""/v1/accounts/{id}/profiles/{profile}/…: what holds now, what a family decides for now, and screen time.

Invariants: what would change nothing is refused with the reason and not kept; everything is in the household's record
with who did it.
"""

from aiohttp import web
from sqlalchemy import Connection

from mgmt.web.api.accounts import number_in
from mgmt.web.api.hours.time_shapes import ChangedTime, More, Quota, TimeView, Until
from mgmt.web.api.hours.times import changed, profile_in, require_lockable, time_shown
from mgmt.web.kit.app_context import CLOCK, json_response, read
from mgmt.web.kit.auth import Principal, Route
from mgmt.web.kit.contract import Contract
from mgmt.web.kit.requests import body_of
from parental.calendar import exceptions, plans, screen_time
from parental.people.household import By
from parental.policy.profiles import get_profile


async def get_time(request: web.Request, principal: Principal) -> web.Response:
    """Show what holds for a profile now, until when, and the coming week."""
    now = request.app[CLOCK]()
    return json_response(
        await read(request, lambda conn: time_shown(conn, profile_in(conn, request, principal)[1], now))
    )


async def plus(request: web.Request, principal: Principal) -> web.Response:
    """Give minutes more: from now where it is closed, else from when it closes next."""
    minutes, now = (await body_of(request, More)).minutes, request.app[CLOCK]()

    def change(conn: Connection, _: int, profile: int) -> int:
        span = exceptions.more(get_profile(conn, profile), "plus", minutes, now)
        return exceptions.add(conn, profile, span, _by(principal), now)

    return await changed(request, principal, "minutes given", change)


async def tonight_off(request: web.Request, principal: Principal) -> web.Response:
    """Leave tonight's bedtime out."""
    now = request.app[CLOCK]()

    def change(conn: Connection, account: int, profile: int) -> int:
        cards = plans.cards_of(conn, [profile]).get(profile, ())
        span = exceptions.tonight_off(get_profile(conn, profile), cards, plans.calendar_of(conn, account), now)
        return exceptions.add(conn, profile, span, _by(principal), now)

    return await changed(request, principal, "tonight off", change)


async def open_until(request: web.Request, principal: Principal) -> web.Response:
    """Open until an instant, against the schedule."""
    return await _until(request, principal, "open_until", "opened until a time")


async def closed_until(request: web.Request, principal: Principal) -> web.Response:
    """Close until an instant."""
    return await _until(request, principal, "closed_until", "closed until a time")


async def undo(request: web.Request, principal: Principal) -> web.Response:
    """Take back what was opened or closed for a while."""
    number = number_in(request, "exception")

    def change(conn: Connection, _: int, profile: int) -> None:
        exceptions.undo(conn, profile, number)

    return await changed(request, principal, "exception undone", change)


async def put_quota(request: web.Request, principal: Principal) -> web.Response:
    """Give a profile minutes a day, or as many as it likes."""
    minutes, now = (await body_of(request, Quota)).minutes, request.app[CLOCK]()

    def change(conn: Connection, _: int, profile: int) -> None:
        if minutes is not None:
            require_lockable(conn, profile, "no quota is set")
        screen_time.put_quota(conn, profile, minutes, now)

    return await changed(request, principal, "quota changed", change)


async def start(request: web.Request, principal: Principal) -> web.Response:
    """Start screen time."""
    now = request.app[CLOCK]()

    def change(conn: Connection, _: int, profile: int) -> None:
        screen_time.start(conn, profile, now)

    return await changed(request, principal, "screen time started", change)


async def stop(request: web.Request, principal: Principal) -> web.Response:
    """Stop screen time; what is left stays for later today."""
    now = request.app[CLOCK]()

    def change(conn: Connection, _: int, profile: int) -> None:
        screen_time.stop(conn, profile, now)

    return await changed(request, principal, "screen time stopped", change)


async def _until(request: web.Request, principal: Principal, kind: str, action: str) -> web.Response:
    end, now = (await body_of(request, Until)).until, request.app[CLOCK]()

    def change(conn: Connection, _: int, profile: int) -> int:
        if kind == "closed_until":
            require_lockable(conn, profile, "not closed")
        span = exceptions.until(get_profile(conn, profile), kind, end, now)
        return exceptions.add(conn, profile, span, _by(principal), now)

    return await changed(request, principal, action, change)


def _by(principal: Principal) -> By:
    actor = principal.actor
    return By(actor.kind, actor.name, actor.role)


_ONE = "/v1/accounts/{id}/profiles/{profile}"
_REFUSABLE = Contract({200: ChangedTime}, refusals=(409,), is_family=True)
_UNTIL = Contract({200: ChangedTime}, body=Until, refusals=(409,), is_family=True)
_PLUS = Contract({200: ChangedTime}, body=More, refusals=(409,), is_family=True, adds=True)
_QUOTA = Contract({200: ChangedTime}, body=Quota, refusals=(409,), is_family=True)
_UNDO = Contract({200: ChangedTime}, is_family=True)
ROUTES = (
    Route("GET", _ONE + "/time", get_time, "account.read", Contract({200: TimeView}, is_family=True)),
    Route("POST", _ONE + "/plus", plus, "account.pause", _PLUS),
    Route("POST", _ONE + "/tonight-off", tonight_off, "account.open", _REFUSABLE),
    Route("POST", _ONE + "/open-until", open_until, "account.open", _UNTIL),
    Route("POST", _ONE + "/closed-until", closed_until, "account.pause", _UNTIL),
    Route("DELETE", _ONE + "/exceptions/{exception}", undo, "account.pause", _UNDO),
    Route("PUT", _ONE + "/quota", put_quota, "account.schedule", _QUOTA),
    Route("POST", _ONE + "/screen-time/start", start, "account.pause", _REFUSABLE),
    Route("POST", _ONE + "/screen-time/stop", stop, "account.pause", _REFUSABLE),
)
