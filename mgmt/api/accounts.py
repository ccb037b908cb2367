"""/v1/accounts: households and schools with their lines; mgmt.api.children and mgmt.api.caregivers have their people.

A parent's token reaches the account of its line; any other gives the same 403, whether there is such an account or not.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import islice
from typing import Any, TypeVar

from aiohttp import web
from sqlalchemy import Connection, Row

from mgmt.api.subscribers import PAGE, live_receipt
from mgmt.app_context import CLOCK, json_response, read, write
from mgmt.auth import Principal, Route
from mgmt.body import read_fields
from mgmt.errors import BadRequest
from mgmt.fields import page_after
from mgmt.households import record
from mgmt.problems import Problem, forbidden
from mgmt.staff.permissions import Reach
from parental.errors import BadPerson, BadSubscriber, NoPerson, NoSubscriber
from parental.people import accounts, household
from parental.people.accounts import Account
from parental.people.caregivers import Caregiver, caregivers_of
from parental.people.children import Child, belongings, children_of
from parental.people.levels import offers, rules_of
from parental.subscriber import MAX_ID

T = TypeVar("T")


async def list_accounts(request: web.Request, _: Principal) -> web.Response:
    """GET /v1/accounts?after="""
    after = page_after(request.query.get("after", "0"))

    def load(conn: Connection) -> dict[str, Any]:
        page = list(islice(accounts.iter_accounts(conn, after), PAGE))
        return {"accounts": [head_json(found) for found in page], "next": page[-1].id if len(page) == PAGE else None}

    return json_response(await read(request, load))


async def put_account(request: web.Request, principal: Principal) -> web.Response:
    """PUT /v1/accounts/{id} {"name": …, "language": …}; what is not said stays."""
    number = number_in(request, "id")
    fields = await read_fields(request, "name", "language")
    said = {key: fields.text(key) for key in ("name", "language") if fields.has(key)}
    now = request.app[CLOCK]()

    def store_it(conn: Connection) -> bool:
        try:
            before = accounts.get_account(conn, number)
        except NoPerson:
            before = Account(number, created_s=int(now.timestamp()))
        after = tried(Account, number, said.get("name", before.name), said.get("language", before.language))
        is_new = accounts.put_account(conn, Account(number, after.name, after.language, before.created_s))
        record(conn, number, principal.actor, "account put" if is_new else "account changed", {}, now)
        return is_new

    is_new = await write(request, store_it)
    return json_response(await read(request, lambda conn: account_json(conn, number)), 201 if is_new else 200)


async def get_account(request: web.Request, principal: Principal) -> web.Response:
    """GET /v1/accounts/{id}: its lines, children and caregivers."""

    def load(conn: Connection) -> dict[str, Any]:
        return account_json(conn, own_account(conn, request, principal))

    return json_response(await read(request, load))


async def put_line(request: web.Request, principal: Principal) -> web.Response:
    """PUT /v1/accounts/{id}/lines/{line} {"province": …}: the line is this account's from now on."""
    number, line = number_in(request, "id"), number_in(request, "line")
    fields = await read_fields(request, "province")

    def store_it(conn: Connection) -> None:
        before = accounts.account_of(conn, line)
        tried(accounts.move_line, conn, line, number)
        if fields.has("province"):
            tried(accounts.set_province, conn, line, fields.text("province"))
        if before != number:
            record(conn, number, principal.actor, "line moved", {"line": line}, request.app[CLOCK]())

    await write(request, store_it)
    return await live_account(request, number)


async def get_history(request: web.Request, principal: Principal) -> web.Response:
    """GET /v1/accounts/{id}/history?before=: what was done in the household, the newest first."""
    said = request.query.get("before")
    before = None if said is None else page_after(said)
    rows = await read(request, lambda conn: household.history(conn, own_account(conn, request, principal), before))
    earlier = rows[-1].id if len(rows) == household.PAGE else None
    return json_response({"events": [_event_json(row) for row in rows], "earlier": earlier})


async def live_account(request: web.Request, number: int, status: int = 200, **more: Any) -> web.Response:
    """Have a change published; the account with the receipt, and with what was made."""
    receipt = await live_receipt(request)
    found = await read(request, lambda conn: account_json(conn, number))
    return json_response({**more, "account": found, "receipt": receipt}, status)


def account_json(conn: Connection, number: int) -> dict[str, Any]:
    """An account with all that is in it, as the API gives it."""
    found = tried(accounts.get_account, conn, number)
    return {
        **head_json(found),
        "lines": [_line_json(conn, row) for row in accounts.lines_of(conn, number)],
        "children": [child_json(conn, child) for child in children_of(conn, number)],
        "caregivers": [caregiver_json(each) for each in caregivers_of(conn, number)],
    }


def head_json(account: Account) -> dict[str, Any]:
    """An account without its people."""
    created = None if account.created_s is None else datetime.fromtimestamp(account.created_s, UTC).isoformat()
    return {"id": account.id, "name": account.name, "language": account.language, "created": created}


def child_json(conn: Connection, child: Child) -> dict[str, Any]:
    """A child, with what answers to it and what can be enforced there."""
    return {
        "id": child.id,
        "nickname": child.nickname,
        "birth_year": child.birth_year,
        "drawing": child.drawing,
        "profile": child.profile,
        "has": belongings(conn, child),
        "offers": list(rules_of(conn, child.profile)),
    }


def caregiver_json(caregiver: Caregiver) -> dict[str, Any]:
    """A caregiver; the telephone number is shown to nobody."""
    return {
        "id": caregiver.id,
        "nickname": caregiver.nickname,
        "role": caregiver.role,
        "state": caregiver.state,
        "invited_by": caregiver.invited_by,
        "has_phone": caregiver.has_phone,
    }


def own_account(conn: Connection, request: web.Request, principal: Principal) -> int:
    """The account of the path, where the token may touch it."""
    if principal.reach is Reach.OWN:
        own = None if principal.subscriber is None else accounts.account_of(conn, principal.subscriber)
        if own is None or request.match_info["id"] != str(own):
            raise forbidden()
    return number_in(request, "id")


def number_in(request: web.Request, key: str) -> int:
    """A number of the path.   Raises Problem 404"""
    said = request.match_info[key]
    if not (said.isascii() and said.isdigit() and len(said) < 11 and 1 <= int(said) <= MAX_ID):
        raise Problem(404, f"{key} {said[:20]}: not a number; nothing done; write 1 to {MAX_ID}", key)
    return int(said)


def tried(make: Callable[..., T], *values: Any) -> T:
    """make(*values), with what is not there turned into 404 and a refusal into 422."""
    try:
        return make(*values)
    except (NoPerson, NoSubscriber) as exc:
        raise Problem(404, str(exc), "account") from exc
    except (BadPerson, BadSubscriber) as exc:
        raise BadRequest("/", str(exc)) from exc


def _line_json(conn: Connection, row: Row[Any]) -> dict[str, Any]:
    offer = offers(conn, row.id)
    return {
        "id": row.id,
        "label": row.label,
        "province": row.province,
        "profile": row.profile,
        "level": offer.level.value,
        "offers": {"rules": list(offer.rules), "children": list(offer.children)},
    }


def _event_json(row: Row[Any]) -> dict[str, Any]:
    return {
        "at": datetime.fromtimestamp(row.time_s, UTC).isoformat(),
        "by": {"kind": row.by_kind, "name": row.by_name, "role": row.by_role},
        "action": row.action,
        "about": json.loads(row.about),
    }


ROUTES = (
    Route("GET", "/v1/accounts", list_accounts, "accounts.list"),
    Route("PUT", "/v1/accounts/{id}", put_account, "lines.provision"),
    Route("GET", "/v1/accounts/{id}", get_account, "account.read"),
    Route("PUT", "/v1/accounts/{id}/lines/{line}", put_line, "lines.provision"),
    Route("GET", "/v1/accounts/{id}/history", get_history, "account.history"),
)
