"""/v1/accounts/{id}/tickets: codes of minutes to print, and their use.

Invariants: a ticket works in its own household alone and once; wrong codes of a household are slowed down, no matter
who tries them.
"""

import math
import time
from datetime import datetime

from aiohttp import web
from sqlalchemy import Connection

from mgmt.registers.households import note_choice
from mgmt.web.api.accounts import number_in, own_account, tried
from mgmt.web.api.hours.time_shapes import NewTickets, Ticket, TicketCode, Tickets, TicketState, UsedTicket
from mgmt.web.api.hours.times import instant_text, live, note, profile_in
from mgmt.web.kit.app_context import CLOCK, TICKETS, json_response, read, write
from mgmt.web.kit.auth import Principal, Route
from mgmt.web.kit.contract import Contract
from mgmt.web.kit.problems import Problem
from mgmt.web.kit.requests import body_of
from parental.calendar import tickets
from parental.calendar.tickets import N_TRIES, WINDOW_S
from rules.base.budget import RequestBudget


async def list_tickets(request: web.Request, principal: Principal) -> web.Response:
    """List a household's tickets."""
    now = request.app[CLOCK]()
    found = await read(request, lambda conn: tickets.tickets_of(conn, own_account(conn, request, principal)))
    return json_response(Tickets([_shown(each, now) for each in found]))


async def issue(request: web.Request, principal: Principal) -> web.Response:
    """Make tickets to print."""
    said, now = await body_of(request, NewTickets), request.app[CLOCK]()

    def store_it(conn: Connection) -> list[tickets.Ticket]:
        account = own_account(conn, request, principal)
        made = tried(tickets.issue, conn, account, said.count, said.minutes, now)
        note_choice(conn, account, principal.actor, "tickets made", {"count": said.count}, now)
        return list(made)

    made = await write(request, store_it)
    return json_response(Tickets([_shown(each, now) for each in made]), 201)


async def revoke(request: web.Request, principal: Principal) -> web.Response:
    """Make a ticket worthless."""
    ticket, now = number_in(request, "ticket"), request.app[CLOCK]()

    def store_it(conn: Connection) -> list[tickets.Ticket]:
        account = own_account(conn, request, principal)
        tried(tickets.revoke, conn, account, ticket, now)
        note_choice(conn, account, principal.actor, "ticket revoked", {"ticket": ticket}, now)
        return tickets.tickets_of(conn, account)

    return json_response(Tickets([_shown(each, now) for each in await write(request, store_it)]))


async def use(request: web.Request, principal: Principal) -> web.Response:
    """Use a ticket for a profile of its household."""
    said, now = await body_of(request, TicketCode), request.app[CLOCK]()

    def store_it(conn: Connection) -> tuple[int, int]:
        account, profile = profile_in(conn, request, principal)
        _require_few(request, account)
        minutes = tried(tickets.use, conn, account, profile, said.code, now)
        note(conn, account, profile, principal, "ticket used", now)
        return profile, minutes

    profile, minutes = await write(request, store_it)
    shown, receipt = await live(request, profile)
    return json_response(UsedTicket(minutes=minutes, time=shown, receipt=receipt))


def tries() -> RequestBudget:
    """How many codes a household may try."""
    return RequestBudget(N_TRIES, WINDOW_S)


def _require_few(request: web.Request, account: int) -> None:
    wait_s = request.app[TICKETS].wait_s(str(account), time.monotonic())
    if wait_s:
        retry_s = math.ceil(wait_s)
        detail = f"tickets: a household has {N_TRIES} tries in {WINDOW_S:.0f} s; nothing done; try in {retry_s} s"
        raise Problem(429, detail, "tickets", retry_s=retry_s)


def _shown(ticket: tickets.Ticket, now: datetime) -> Ticket:
    used, code = ticket.used_s, ticket.code
    return Ticket(
        id=ticket.id,
        code=f"{code[:3]} {code[3:6]} {code[6:]}",
        minutes=ticket.minutes,
        state=_state(ticket, now),
        made=instant_text(ticket.made_s),
        expires=instant_text(ticket.expires_s),
        used=None if used is None else instant_text(used),
    )


def _state(ticket: tickets.Ticket, now: datetime) -> TicketState:
    if ticket.used_s is not None:
        return "used"
    if ticket.revoked_s is not None:
        return "revoked"
    return "expired" if ticket.expires_s <= now.timestamp() else "unused"


_ALL = "/v1/accounts/{id}/tickets"
_LIST = Contract({200: Tickets}, is_family=True)
ROUTES = (
    Route("GET", _ALL, list_tickets, "account.tickets", _LIST),
    Route("POST", _ALL, issue, "account.tickets", Contract({201: Tickets}, body=NewTickets, is_family=True)),
    Route("DELETE", _ALL + "/{ticket}", revoke, "account.tickets", _LIST),
    Route(
        "POST",
        "/v1/accounts/{id}/profiles/{profile}/ticket",
        use,
        "account.pause",
        Contract({200: UsedTicket}, body=TicketCode, refusals=(409,), is_family=True, adds=True),
    ),
)
