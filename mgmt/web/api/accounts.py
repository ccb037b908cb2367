"""/v1/accounts: households and schools with their lines; mgmt.web.api.children and mgmt.web.api.caregivers have their
people.

A parent's token reaches the account of its line; any other gives the same 403, whether there is such an account or not.
"""

import json
from collections.abc import Callable, Collection, Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import islice
from typing import ParamSpec, TypeVar

from aiohttp import web
from msgspec import structs
from sqlalchemy import Connection

from mgmt.contract.errors import BadRequest
from mgmt.contract.shapes import After
from mgmt.registers.households import record
from mgmt.staff.permissions import Reach
from mgmt.web.api.account_shapes import (
    AccountCaregiver,
    AccountChild,
    AccountDetails,
    AccountHead,
    AccountLine,
    AccountPage,
    AccountPart,
    Before,
    ChangedAccount,
    Doer,
    History,
    HouseholdEvent,
    LinePlace,
    RuleOffer,
    WholeAccount,
)
from mgmt.web.api.subscribers import PAGE, live_receipt
from mgmt.web.kit.app_context import CLOCK, SETTINGS, json_response, read, write
from mgmt.web.kit.auth import Principal, Route
from mgmt.web.kit.contract import Contract
from mgmt.web.kit.problems import Problem, forbidden
from mgmt.web.kit.requests import body_of, query_of
from parental.calendar import weeks
from parental.people import accounts, household
from parental.people.accounts import Account, Line
from parental.people.caregivers import Caregiver, caregivers_of
from parental.people.children import Child, belongings, children_of
from parental.people.levels import PACKETS, offers, rules_of
from parental.policy.subscriber import MAX_ID
from parental.store.errors import BadPerson, BadProfile, BadSchedule, BadSubscriber, NoPerson, NoSubscriber, NotNow

P = ParamSpec("P")
T = TypeVar("T")


async def list_accounts(request: web.Request, _: Principal) -> web.Response:
    """List accounts by rising number."""
    after = query_of(request, After).after
    page = await read(request, lambda conn: list(islice(accounts.iter_accounts(conn, after, PAGE), PAGE)))
    following = page[-1].id if len(page) == PAGE else None
    return json_response(AccountPage(list(map(_head, page)), following))


async def put_account(request: web.Request, principal: Principal) -> web.Response:
    """Put an account; what is not said stays as it is."""
    number, said, now = number_in(request, "id"), await body_of(request, AccountDetails), request.app[CLOCK]()

    def store_it(conn: Connection) -> bool:
        try:
            before = accounts.get_account(conn, number)
        except NoPerson:
            before = Account(number, created_s=int(now.timestamp()))
        name, language = said.name or before.name, said.language or before.language
        is_new = accounts.put_account(conn, tried(Account, number, name, language, before.created_s))
        record(conn, number, principal.actor, "account put" if is_new else "account changed", {}, now)
        return is_new

    is_new = await write(request, store_it)
    return json_response(await read_account(request, number), 201 if is_new else 200)


async def get_account(request: web.Request, principal: Principal) -> web.Response:
    """Show an account with its lines, children and caregivers."""

    def load(conn: Connection) -> WholeAccount:
        return account_shown(conn, own_account(conn, request, principal), request.app[SETTINGS].closable)

    return json_response(await read(request, load))


async def put_line(request: web.Request, principal: Principal) -> web.Response:
    """Give a line to an account, with its own rules."""
    number, line = number_in(request, "id"), number_in(request, "line")
    province = (await body_of(request, LinePlace)).province

    def store_it(conn: Connection) -> None:
        before = accounts.account_of(conn, line)
        tried(accounts.move_line, conn, line, number)
        weeks.renew(conn, [line], request.app[CLOCK]())  # by the dates of its account
        if province is not None:
            tried(accounts.set_province, conn, line, province)
        if before != number:
            record(conn, number, principal.actor, "line moved", {"line": line}, request.app[CLOCK]())

    await write(request, store_it)
    return await live_account(request, number)


async def get_history(request: web.Request, principal: Principal) -> web.Response:
    """List what was done in a household and by whom, the newest first."""
    before = query_of(request, Before).before
    events = await read(request, lambda conn: household.history(conn, own_account(conn, request, principal), before))
    earlier = events[-1].id if len(events) == household.PAGE else None
    return json_response(History(list(map(_event, events)), earlier))


async def live_account(request: web.Request, number: int, status: int = 200, child: int | None = None) -> web.Response:
    """Have a change published; the account with the receipt, and the child that was added."""
    receipt = await live_receipt(request)
    found = await read_account(request, number)
    return json_response(ChangedAccount(account=found, receipt=receipt, child=child), status)


async def read_account(request: web.Request, number: int) -> WholeAccount:
    """account_shown() of one moment of the database."""
    return await read(request, lambda conn: account_shown(conn, number, request.app[SETTINGS].closable))


def account_shown(conn: Connection, number: int, closable: Collection[str]) -> WholeAccount:
    """An account with all that is in it, as the API gives it.   closable  of mgmt.registers.settings.page_settings"""
    return WholeAccount(
        **structs.asdict(_head(tried(accounts.get_account, conn, number))),
        lines=[_line(conn, line, closable) for line in accounts.lines_of(conn, number)],
        children=[_child(conn, child, closable) for child in children_of(conn, number)],
        caregivers=list(map(caregiver_shown, caregivers_of(conn, number))),
    )


def caregiver_shown(caregiver: Caregiver) -> AccountCaregiver:
    """A caregiver, by the names of the API."""
    return AccountCaregiver(**{key: value for key, value in asdict(caregiver).items() if key != "account"})


def own_account(conn: Connection, request: web.Request, principal: Principal) -> int:
    """The account of the path, where it exists and the token may touch it."""
    if principal.reach is Reach.OWN:
        own = None if principal.subscriber is None else accounts.account_of(conn, principal.subscriber)
        if own is None or request.match_info["id"] != str(own):
            raise forbidden()
    return int(tried(accounts.get_account, conn, number_in(request, "id")).id)


def number_in(request: web.Request, key: str) -> int:
    """A number of the path.   Raises Problem 404"""
    said = request.match_info[key]
    if not (said.isascii() and said.isdigit() and len(said) < 11 and 1 <= int(said) <= MAX_ID):
        raise Problem(404, f"{key} {said[:20]}: not a number; nothing done; write 1 to {MAX_ID}", key)
    return int(said)


def tried(make: Callable[P, T], *values: P.args, **named: P.kwargs) -> T:
    """make(*values, **named), with what is missing turned into 404, what cannot be now into 409, a refusal into 422."""
    try:
        return make(*values, **named)
    except (NoPerson, NoSubscriber) as exc:
        raise Problem(404, str(exc), "account") from exc
    except NotNow as exc:
        raise Problem(409, str(exc), "account") from exc
    except (BadPerson, BadProfile, BadSchedule, BadSubscriber) as exc:
        raise BadRequest("/", str(exc)) from exc


def _head(account: Account) -> AccountHead:
    """An account without its people, by the names of the API."""
    created = None if account.created_s is None else datetime.fromtimestamp(account.created_s, UTC).isoformat()
    return AccountHead(id=account.id, name=account.name, language=account.language, created=created)


def _line(conn: Connection, line: Line, closable: Collection[str]) -> AccountLine:
    offer = offers(conn, line.id)
    return AccountLine(
        id=line.id,
        label=line.label,
        province=line.province,
        profile=line.profile,
        level=offer.level.value,
        offers=RuleOffer(_enforced(offer.rules, closable), list(offer.children)),
    )


def _child(conn: Connection, child: Child, closable: Collection[str]) -> AccountChild:
    told = {key: value for key, value in asdict(child).items() if key != "account"}
    has = [AccountPart(**each) for each in belongings(conn, child)]
    return AccountChild(**told, has=has, offers=_enforced(rules_of(conn, child.profile), closable))


def _enforced(rules: Iterable[str], closable: Collection[str]) -> list[str]:
    """What a line can be offered, less what only a gate closes where this box has none."""
    return [rule for rule in rules if rule not in PACKETS or rule in closable]


def _event(event: household.Event) -> HouseholdEvent:
    at, by = datetime.fromtimestamp(event.time_s, UTC).isoformat(), Doer(event.by_kind, event.by_name, event.by_role)
    return HouseholdEvent(at, by, event.action, json.loads(event.about))


_ONE = "/v1/accounts/{id}"
_PUT = Contract({200: WholeAccount, 201: WholeAccount}, body=AccountDetails)
ROUTES = (
    Route("GET", "/v1/accounts", list_accounts, "accounts.list", Contract({200: AccountPage}, query=After)),
    Route("PUT", _ONE, put_account, "lines.provision", _PUT),
    Route("GET", _ONE, get_account, "account.read", Contract({200: WholeAccount}, is_family=True)),
    Route("PUT", _ONE + "/lines/{line}", put_line, "lines.provision", Contract({200: ChangedAccount}, body=LinePlace)),
    Route(
        "GET", _ONE + "/history", get_history, "account.history", Contract({200: History}, query=Before, is_family=True)
    ),
)
