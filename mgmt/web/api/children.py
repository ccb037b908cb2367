"""/v1/accounts/{id}/children: children of an account, what answers to them, and their rules.

Invariants: what nothing of the child's can enforce is refused with the reason: it is never only stored.
"""

from collections.abc import Callable
from datetime import timedelta

import msgspec
from aiohttp import web
from msgspec import UNSET
from sqlalchemy import Connection

from mgmt.registers.households import note_choice
from mgmt.web.api.account_shapes import AccountPart, ChangedAccount, ChildDetails, ChildRules, NewChild
from mgmt.web.api.accounts import live_account, number_in, own_account, tried
from mgmt.web.api.line_shapes import Pause, Wishes
from mgmt.web.api.subscribers import fit, wishes_in, wishes_shown
from mgmt.web.kit.app_context import CLOCK, SETTINGS, json_response, read, write
from mgmt.web.kit.auth import Principal, Route
from mgmt.web.kit.contract import Contract
from mgmt.web.kit.problems import Problem
from mgmt.web.kit.requests import body_of
from parental.people import children
from parental.people.children import Child
from parental.people.levels import LOCKS, PACKETS, rules_of
from parental.policy import profiles
from parental.policy.profile import Profile
from parental.policy.schedule import Interval, Schedule
from parental.policy.subscriber import parse_prefix


async def add_child(request: web.Request, principal: Principal) -> web.Response:
    """Add a child, with rules of its own."""
    said = msgspec.structs.asdict(await body_of(request, NewChild))
    first = Profile(schedule=Schedule((), request.app[SETTINGS].zone))

    def store_it(conn: Connection) -> Child:
        account = own_account(conn, request, principal)
        child = tried(children.add_child, conn, account, said, first)
        _note(conn, request, principal, child, "child added")
        return child

    child = await write(request, store_it)
    return await live_account(request, child.account, 201, child.id)


async def change_child(request: web.Request, principal: Principal) -> web.Response:
    """Change what is known of a child; what is not said stays."""
    told = msgspec.structs.asdict(await body_of(request, ChildDetails))
    said = {key: value for key, value in told.items() if value is not UNSET}

    def change(conn: Connection, child: Child) -> None:
        tried(children.change_child, conn, child.account, child.id, said)
        _note(conn, request, principal, child, "child changed")

    return await _changed(request, principal, change)


async def remove_child(request: web.Request, principal: Principal) -> web.Response:
    """Remove a child with its rules; what followed them follows its line's again."""

    def change(conn: Connection, child: Child) -> None:
        tried(children.remove_child, conn, child.account, child.id)
        _note(conn, request, principal, child, "child removed")

    return await _changed(request, principal, change)


async def take(request: web.Request, principal: Principal) -> web.Response:
    """Have a line, or a part of it, follow a child's rules."""
    what = await body_of(request, AccountPart)

    def change(conn: Connection, child: Child) -> None:
        kind = _assign(conn, child.account, what, child)
        _note(conn, request, principal, child, f"{kind} given to child", line=what.line)

    return await _changed(request, principal, change)


async def give_back(request: web.Request, principal: Principal) -> web.Response:
    """Have a line, or a part of it, follow its own rules again."""
    what = await body_of(request, AccountPart)

    def change(conn: Connection, child: Child) -> None:
        kind = _assign(conn, child.account, what, None)
        _note(conn, request, principal, child, f"{kind} taken from child", line=what.line)

    return await _changed(request, principal, change)


async def get_rules(request: web.Request, principal: Principal) -> web.Response:
    """Show a child's rules."""

    def load(conn: Connection) -> ChildRules:
        child = _child(conn, request, principal)
        return ChildRules(child=child.id, **wishes_shown(profiles.get_profile(conn, child.profile)))

    return json_response(await read(request, load))


async def change_rules(request: web.Request, principal: Principal) -> web.Response:
    """Change a child's rules; what is not said stays as it is."""
    wished = wishes_in(await body_of(request, Wishes))

    def change(conn: Connection, child: Child) -> None:
        before = profiles.get_profile(conn, child.profile)
        after = wished(before)
        if _full(after) - _full(before):
            _refuse_unlockable(conn, child, "its schedule is not changed")
        if set(PACKETS) & (after.blocked_categories - before.blocked_categories):
            _refuse_unlockable(conn, child, "nothing is changed, as quic and undecidable close packets, not names")
        fit("/", profiles.put_profile, conn, child.profile, after)
        _note(conn, request, principal, child, "rules changed")

    return await _changed(request, principal, change)


async def pause(request: web.Request, principal: Principal) -> web.Response:
    """Close everything of a child now."""
    minutes = (await body_of(request, Pause)).minutes
    until = None if minutes is None else request.app[CLOCK]() + timedelta(minutes=minutes)

    def change(conn: Connection, child: Child) -> None:
        _refuse_unlockable(conn, child, "not paused")
        profiles.pause(conn, child.profile, until)
        _note(conn, request, principal, child, "paused")

    return await _changed(request, principal, change)


async def resume(request: web.Request, principal: Principal) -> web.Response:
    """End a child's pause; the schedule still holds."""

    def change(conn: Connection, child: Child) -> None:
        profiles.resume(conn, child.profile)
        _note(conn, request, principal, child, "resumed")

    return await _changed(request, principal, change)


def _assign(conn: Connection, account: int, what: AccountPart, to: Child | None) -> str:
    """Have something follow a child's rules, or its line's again; what it is."""
    if what.device is not None:
        tried(children.assign_device, conn, account, what.line, what.device, to)
        return "device"
    if what.prefix is not None:
        prefix = fit("/prefix", parse_prefix, what.prefix)
        tried(children.assign_prefix, conn, account, what.line, prefix, to)
        return "prefix"
    tried(children.assign_line, conn, account, what.line, to)
    return "line"


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
    return tried(children.get_child, conn, account, number_in(request, "child"))


def _full(profile: Profile) -> set[Interval]:
    """The hours in which everything is closed."""
    return {interval for interval in profile.schedule.intervals if interval.allowed is None}


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


_ALL = "/v1/accounts/{id}/children"
_ONE = _ALL + "/{child}"
_CHANGED = {200: ChangedAccount}
_GIVEN = Contract(_CHANGED, body=AccountPart, is_family=True)
ROUTES = (
    Route(
        "POST",
        _ALL,
        add_child,
        "account.children",
        Contract({201: ChangedAccount}, body=NewChild, is_family=True, adds=True),
    ),
    Route("PATCH", _ONE, change_child, "account.children", Contract(_CHANGED, body=ChildDetails, is_family=True)),
    Route("DELETE", _ONE, remove_child, "account.children", Contract(_CHANGED, is_family=True)),
    Route("POST", _ONE + "/take", take, "account.children", _GIVEN),
    Route("POST", _ONE + "/give-back", give_back, "account.children", _GIVEN),
    Route("GET", _ONE + "/profile", get_rules, "account.children", Contract({200: ChildRules}, is_family=True)),
    Route(
        "PATCH",
        _ONE + "/profile",
        change_rules,
        "account.children",
        Contract(_CHANGED, body=Wishes, refusals=(409,), is_family=True),
    ),
    Route(
        "POST", _ONE + "/pause", pause, "account.pause", Contract(_CHANGED, body=Pause, refusals=(409,), is_family=True)
    ),
    Route("POST", _ONE + "/resume", resume, "account.pause", Contract(_CHANGED, is_family=True)),
)
