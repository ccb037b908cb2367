"""/v1/accounts/{id}/children: children of an account, what answers to them, and their rules.

Invariants: what nothing of the child's can enforce is refused with the reason: it is never only stored.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, NamedTuple

from aiohttp import web
from sqlalchemy import Connection

from mgmt.api.accounts import live_account, number_in, own_account, tried
from mgmt.api.subscribers import MAX_PAUSE_MINUTES, WISHES, fit, wishes_in, wishes_json
from mgmt.app_context import CLOCK, SETTINGS, json_response, read, write
from mgmt.auth import Principal, Route
from mgmt.body import read_fields
from mgmt.fields import Fields
from mgmt.households import note_choice
from mgmt.problems import Problem
from parental import profiles
from parental.people import children
from parental.people.children import YEARS, Child
from parental.people.levels import LOCKS, rules_of
from parental.profile import Profile
from parental.schedule import Schedule
from parental.subscriber import parse_prefix

DETAILS = ("nickname", "birth_year", "drawing")


async def add_child(request: web.Request, principal: Principal) -> web.Response:
    """POST /v1/accounts/{id}/children {"nickname": …, "birth_year": …, "drawing": …}"""
    said = _details(await read_fields(request, *DETAILS))
    first = Profile(schedule=Schedule((), request.app[SETTINGS].zone))

    def store_it(conn: Connection) -> Child:
        account = own_account(conn, request, principal)
        child: Child = tried(children.add_child, conn, account, said, first)
        _note(conn, request, principal, child, "child added")
        return child

    child = await write(request, store_it)
    return await live_account(request, child.account, 201, child=child.id)


async def change_child(request: web.Request, principal: Principal) -> web.Response:
    """PATCH /v1/accounts/{id}/children/{child}"""
    said = _details(await read_fields(request, *DETAILS))

    def change(conn: Connection, child: Child) -> None:
        tried(children.change_child, conn, child.account, child.id, said)
        _note(conn, request, principal, child, "child changed")

    return await _changed(request, principal, change)


async def remove_child(request: web.Request, principal: Principal) -> web.Response:
    """DELETE /v1/accounts/{id}/children/{child}: what answered to it has the rules of its line again."""

    def change(conn: Connection, child: Child) -> None:
        tried(children.remove_child, conn, child.account, child.id)
        _note(conn, request, principal, child, "child removed")

    return await _changed(request, principal, change)


async def take(request: web.Request, principal: Principal) -> web.Response:
    """POST /v1/accounts/{id}/children/{child}/take {"line": 7}, with "device" or "prefix" for a part of the line"""
    what = _belonging(await read_fields(request, "line", "device", "prefix"))

    def change(conn: Connection, child: Child) -> None:
        what.assign(conn, child.account, child)
        _note(conn, request, principal, child, f"{what.kind} given to child", line=what.line)

    return await _changed(request, principal, change)


async def give_back(request: web.Request, principal: Principal) -> web.Response:
    """POST /v1/accounts/{id}/children/{child}/give-back {"line": 7}, as take()"""
    what = _belonging(await read_fields(request, "line", "device", "prefix"))

    def change(conn: Connection, child: Child) -> None:
        what.assign(conn, child.account, None)
        _note(conn, request, principal, child, f"{what.kind} taken from child", line=what.line)

    return await _changed(request, principal, change)


async def get_rules(request: web.Request, principal: Principal) -> web.Response:
    """GET /v1/accounts/{id}/children/{child}/profile"""

    def load(conn: Connection) -> dict[str, Any]:
        child = _child(conn, request, principal)
        return {"child": child.id, **wishes_json(profiles.get_profile(conn, child.profile))}

    return json_response(await read(request, load))


async def change_rules(request: web.Request, principal: Principal) -> web.Response:
    """PATCH /v1/accounts/{id}/children/{child}/profile {"categories": […], "closed": […], …}"""
    wished = wishes_in(await read_fields(request, *WISHES))

    def change(conn: Connection, child: Child) -> None:
        before = profiles.get_profile(conn, child.profile)
        after = wished(before)
        if set(after.schedule.intervals) - set(before.schedule.intervals):
            _refuse_unlockable(conn, child, "its schedule is not changed")
        fit("/", profiles.put_profile, conn, child.profile, after)
        _note(conn, request, principal, child, "rules changed")

    return await _changed(request, principal, change)


async def pause(request: web.Request, principal: Principal) -> web.Response:
    """POST /v1/accounts/{id}/children/{child}/pause {"minutes": 30 | null}"""
    fields = await read_fields(request, "minutes")
    minutes = fields.whole_number("minutes", 1, MAX_PAUSE_MINUTES) if fields.has("minutes") else None
    until = None if minutes is None else request.app[CLOCK]() + timedelta(minutes=minutes)

    def change(conn: Connection, child: Child) -> None:
        _refuse_unlockable(conn, child, "not paused")
        profiles.pause(conn, child.profile, until)
        _note(conn, request, principal, child, "paused")

    return await _changed(request, principal, change)


async def resume(request: web.Request, principal: Principal) -> web.Response:
    """POST /v1/accounts/{id}/children/{child}/resume"""

    def change(conn: Connection, child: Child) -> None:
        profiles.resume(conn, child.profile)
        _note(conn, request, principal, child, "resumed")

    return await _changed(request, principal, change)


class _Belonging(NamedTuple):
    """What can answer to a child.   kind  line, device or prefix;   assign(conn, account, child | None)"""

    kind: str
    line: int
    assign: Callable[[Connection, int, Child | None], None]


def _belonging(fields: Fields) -> _Belonging:
    line = fields.whole_number("line", 1, 2**32)
    if fields.has("device"):
        name = fields.text("device")
        return _Belonging(
            "device", line, lambda conn, account, to: tried(children.assign_device, conn, account, line, name, to)
        )
    if fields.has("prefix"):
        prefix = fit("/prefix", parse_prefix, fields.text("prefix"))
        return _Belonging(
            "prefix", line, lambda conn, account, to: tried(children.assign_prefix, conn, account, line, prefix, to)
        )
    return _Belonging("line", line, lambda conn, account, to: tried(children.assign_line, conn, account, line, to))


def _details(fields: Fields) -> Mapping[str, Any]:
    said: dict[str, Any] = {key: fields.text(key) for key in ("nickname", "drawing") if fields.has(key)}
    if fields.has("birth_year"):
        said["birth_year"] = fields.whole_number("birth_year", YEARS.start, YEARS.stop - 1)
    return said


async def _changed(
    request: web.Request, principal: Principal, change: Callable[[Connection, Child], None]
) -> web.Response:
    """Make a change of the child of the path, and have it published."""

    def store_it(conn: Connection) -> int:
        child = _child(conn, request, principal)
        change(conn, child)
        return child.account

    return await live_account(request, await write(request, store_it))


def _child(conn: Connection, request: web.Request, principal: Principal) -> Child:
    account = own_account(conn, request, principal)
    child: Child = tried(children.get_child, conn, account, number_in(request, "child"))
    return child


def _refuse_unlockable(conn: Connection, child: Child, what: str) -> None:
    if not set(LOCKS) <= set(rules_of(conn, child.profile)):
        raise Problem(
            409,
            f"child {child.id}: no address that packets come from is the child's; {what}; "
            "give it a line or a prefix of its own",
            "child",
        )


def _note(conn: Connection, request: web.Request, principal: Principal, child: Child, action: str, **more: int) -> None:
    about = {"child": child.id, **more}
    note_choice(conn, child.account, principal.actor, action, about, request.app[CLOCK]())


_ONE = "/v1/accounts/{id}/children/{child}"
ROUTES = (
    Route("POST", "/v1/accounts/{id}/children", add_child, "account.children"),
    Route("PATCH", _ONE, change_child, "account.children"),
    Route("DELETE", _ONE, remove_child, "account.children"),
    Route("POST", f"{_ONE}/take", take, "account.children"),
    Route("POST", f"{_ONE}/give-back", give_back, "account.children"),
    Route("GET", f"{_ONE}/profile", get_rules, "account.children"),
    Route("PATCH", f"{_ONE}/profile", change_rules, "account.children"),
    Route("POST", f"{_ONE}/pause", pause, "account.pause"),
    Route("POST", f"{_ONE}/resume", resume, "account.pause"),
)
