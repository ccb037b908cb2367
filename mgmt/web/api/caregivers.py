"""/v1/accounts/{id}/caregivers: who may do something in an account.

A parent's token acts as an owner of its account; the role `school` is the operator's to give.
Invariants: a code is shown once, to anyone who invites; a telephone number is taken and never shown.
"""

from aiohttp import web
from msgspec import structs
from sqlalchemy import Connection

from mgmt.registers.households import record
from mgmt.staff.permissions import Reach
from mgmt.web.api.account_shapes import AccountCaregiver, Code, Invitation, InvitedCaregiver, RoleChange, WholeAccount
from mgmt.web.api.accounts import account_shown, caregiver_shown, number_in, own_account, read_account, tried
from mgmt.web.family import pin
from mgmt.web.kit.app_context import CLOCK, SETTINGS, json_response, write
from mgmt.web.kit.auth import Principal, Route
from mgmt.web.kit.contract import Contract
from mgmt.web.kit.problems import Problem, forbidden
from mgmt.web.kit.requests import body_of
from parental.people import caregivers
from parental.people.caregivers import SCHOOL, Caregiver
from parental.people.phones import Phones, SealedPhone


async def invite(request: web.Request, principal: Principal) -> web.Response:
    """Invite a caregiver; the code that accepts is shown once."""
    said = await body_of(request, Invitation)
    role = _role(principal, said.role)
    phone = None if said.phone is None else _sealed(request, said.phone)
    now = request.app[CLOCK]()

    def store_it(conn: Connection) -> tuple[Caregiver, str]:
        account = own_account(conn, request, principal)
        invited = tried(lambda: caregivers.invite(conn, account, said.nickname, role, now, phone=phone))
        _record(conn, request, principal, invited[0], "caregiver invited")
        return invited

    invited, code = await write(request, store_it)
    return json_response(InvitedCaregiver(**structs.asdict(caregiver_shown(invited)), code=code), 201)


async def accept(request: web.Request, principal: Principal) -> web.Response:
    """Accept an invitation for who has no phone at hand."""
    code = (await body_of(request, Code)).code

    def store_it(conn: Connection) -> Caregiver:
        account = own_account(conn, request, principal)
        accepted = tried(caregivers.accept, conn, code, request.app[CLOCK]())
        if accepted.account != account:
            raise Problem(404, "code: not one of this account; nothing done; see whose it is", "code")
        _record(conn, request, principal, accepted, "caregiver accepted")
        return accepted

    return json_response(caregiver_shown(await write(request, store_it)))


async def change_role(request: web.Request, principal: Principal) -> web.Response:
    """Give a caregiver another role."""
    role = _role(principal, (await body_of(request, RoleChange)).role)

    def store_it(conn: Connection) -> Caregiver:
        account, number = own_account(conn, request, principal), number_in(request, "caregiver")
        if principal.reach is Reach.OWN:
            tried(caregivers.keep_last_school, conn, account, number)
        changed = tried(caregivers.change_role, conn, account, number, role)
        _record(conn, request, principal, changed, "caregiver changed")
        return changed

    return json_response(caregiver_shown(await write(request, store_it)))


async def remove(request: web.Request, principal: Principal) -> web.Response:
    """Remove a caregiver; the last owner stays."""

    def store_it(conn: Connection) -> int:
        account, number = own_account(conn, request, principal), number_in(request, "caregiver")
        if principal.reach is Reach.OWN:
            tried(caregivers.keep_last_school, conn, account, number)
        removed = tried(caregivers.remove_caregiver, conn, account, number)
        _record(conn, request, principal, removed, "caregiver removed")
        return account

    account = await write(request, store_it)
    return json_response(await read_account(request, account))


async def remove_pin(request: web.Request, principal: Principal) -> web.Response:
    """Have a household that has forgotten its PIN set another."""

    def store_it(conn: Connection) -> WholeAccount:
        account, now = own_account(conn, request, principal), request.app[CLOCK]()
        if not pin.remove_pin(conn, account):
            raise Problem(404, f"account {account}: has no PIN; nothing done", "pin")
        record(conn, account, principal.actor, "pin removed", {}, now)
        return account_shown(conn, account, request.app[SETTINGS].closable)

    return json_response(await write(request, store_it))


def _role(principal: Principal, role: str) -> str:
    if role == SCHOOL and principal.reach is Reach.OWN:
        raise forbidden()
    return role


def _sealed(request: web.Request, number: str) -> SealedPhone:
    key = request.app[SETTINGS].phone_key
    if key is None:
        raise Problem(
            409, "phone: this box has no key for telephone numbers; nothing done; leave it out, or see docs", "/phone"
        )
    return tried(Phones(key).seal, number)


def _record(conn: Connection, request: web.Request, principal: Principal, found: Caregiver, action: str) -> None:
    record(conn, found.account, principal.actor, action, {"caregiver": found.id}, request.app[CLOCK]())


_ALL = "/v1/accounts/{id}/caregivers"
_ONE = _ALL + "/{caregiver}"
_CHANGED = {200: AccountCaregiver}
ROUTES = (
    Route(
        "POST",
        _ALL,
        invite,
        "account.caregivers",
        Contract({201: InvitedCaregiver}, body=Invitation, refusals=(409,), is_family=True),
    ),
    Route(
        "POST", "/v1/accounts/{id}/accept", accept, "account.caregivers", Contract(_CHANGED, body=Code, is_family=True)
    ),
    Route("PATCH", _ONE, change_role, "account.caregivers", Contract(_CHANGED, body=RoleChange, is_family=True)),
    Route("DELETE", "/v1/accounts/{id}/pin", remove_pin, "account.pin", Contract({200: WholeAccount})),
    Route("DELETE", _ONE, remove, "account.caregivers", Contract({200: WholeAccount}, is_family=True)),
)
