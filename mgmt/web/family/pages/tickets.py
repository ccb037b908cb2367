"""/family/tickets: tickets of minutes on paper: made, printed, cancelled.

A ticket works while no caregiver is there, and where no telephone is: nine digits, and a QR code that leads to the page
of the line with the digits filled in.
Invariants: a code is shown after the PIN alone, for a child may have the phone, and no longer than the PIN is fresh;
cancelling takes none; a ticket that is used, cancelled or too old is never printed.
Source: ISO/IEC 18004 (QR code), by segno.
"""

from datetime import UTC, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

import segno
from aiohttp import web
from markupsafe import Markup
from sqlalchemy import Connection

from mgmt.registers.households import note_choice
from mgmt.web.family.acts.access import deed_of, permitted, viewed
from mgmt.web.family.acts.deeds import ask_pin, once
from mgmt.web.family.frame import PATH, SubmittedForm, language_of, moved, number_of, page
from mgmt.web.family.pin import is_fresh
from mgmt.web.family.session import Session
from mgmt.web.kit.app_context import CLOCK, SETTINGS, read
from parental.calendar import tickets
from parental.calendar.tickets import MAX_AT_ONCE, Ticket
from parental.store.errors import BadProfile, NoPerson

TICKETS = PATH + "/tickets"
NEEDED = "account.tickets"
COUNTS, MINUTES = (10, 5, 20), (30, 15, 60)  # to choose from, the usual first
LISTED = 25  # of the page, the unused ones first: a household can have a thousand, and its phone a slow network
USED, CANCELLED, EXPIRED, UNUSED = "used", "cancelled", "expired", "unused"


class TicketRow(NamedTuple):
    """A ticket on the list.   number  the first digits, by which a person finds the paper"""

    id: int
    number: str
    minutes: int
    state: str
    expires: Markup


class PrintedTicket(NamedTuple):
    """A ticket on the sheet.   code  in threes;   qr  SVG"""

    code: str
    minutes: int
    expires: Markup
    qr: Markup


def add_tickets(app: web.Application) -> None:
    """Put the routes into the web role's application."""
    app.router.add_get(TICKETS, viewed(_page))
    app.router.add_get(TICKETS + "/sheet", viewed(_sheet))
    app.router.add_post(TICKETS + "/cancel", permitted(cancel, NEEDED, _page))
    for did in _BEHIND_PIN:
        app.router.add_post(f"{TICKETS}/{did}", permitted(behind_pin, NEEDED, _page))


async def behind_pin(request: web.Request, form: SubmittedForm) -> web.Response:
    """POST /family/tickets/make, sheet"""
    did = deed_of(request)
    if not is_fresh(form.session, request.app[CLOCK]()):
        asked = await ask_pin(request, form, f"tickets/{did}", f"family.tickets.{did}", "/tickets")
        if asked is not None:
            return asked
    return await _BEHIND_PIN[did](request, form)


async def make(request: web.Request, form: SubmittedForm) -> web.Response:
    """Make as many of as many minutes as were chosen."""
    session, now = form.session, request.app[CLOCK]()
    count, minutes = _chosen(form.fields["count"], COUNTS), _chosen(form.fields["minutes"], MINUTES)

    def store_it(conn: Connection) -> None:
        tickets.issue(conn, session.account, count, minutes, now)
        note_choice(conn, session.account, session.actor, "tickets made", {"count": count}, now)

    try:
        await once(request, form, store_it)
    except BadProfile:
        return await _page(request, session, 409, alert="family.tickets.many")
    return moved(request, "/tickets")


async def sheet(request: web.Request, form: SubmittedForm) -> web.Response:
    """Show them, on a page that no reload of this form brings back."""
    del form
    return moved(request, "/tickets/sheet")


async def _sheet(request: web.Request, session: Session) -> web.Response:
    """The newest MAX_AT_ONCE that are good, to print; while the PIN is fresh."""
    now = request.app[CLOCK]()
    if not session.may(NEEDED) or not is_fresh(session, now):
        return moved(request, "/tickets")
    found = await read(request, lambda conn: tickets.tickets_of(conn, session.account))
    good = [each for each in found if _state(each, now) == UNUSED][-MAX_AT_ONCE:]
    shown = [
        PrintedTicket(_in_threes(each.code), each.minutes, _expires(request, each), _qr(request, each.code))
        for each in good
    ]
    host = request.app[SETTINGS].why_host
    return page(request, "sheet.html", session=session, here="/tickets", tickets=shown, host=host)


async def cancel(request: web.Request, form: SubmittedForm) -> web.Response:
    """POST /family/tickets/cancel"""
    ticket, session, now = number_of(form.fields["ticket"]), form.session, request.app[CLOCK]()

    def store_it(conn: Connection) -> None:
        tickets.revoke(conn, session.account, ticket, now)
        note_choice(conn, session.account, session.actor, "ticket revoked", {"ticket": ticket}, now)

    try:
        await once(request, form, store_it)
    except NoPerson:
        return await _page(request, session, 404, alert="family.tickets.gone")
    return moved(request, "/tickets")


async def _page(request: web.Request, session: Session, status: int = 200, *, alert: str = "") -> web.Response:
    now, may = request.app[CLOCK](), session.may(NEEDED)
    found = await read(request, lambda conn: tickets.tickets_of(conn, session.account)) if may else []

    def shown(each: Ticket) -> TicketRow:
        return TicketRow(each.id, each.code[:3], each.minutes, _state(each, now), _expires(request, each))

    n_good = sum(_state(each, now) == UNUSED for each in found)
    listed = [shown(each) for each in sorted(reversed(found), key=lambda each: _state(each, now) != UNUSED)[:LISTED]]
    return page(
        request,
        "tickets.html",
        status,
        session=session,
        here="/tickets",
        tickets=listed,
        n_good=n_good,
        counts=COUNTS,
        lengths=MINUTES,
        may=may,
        alert=alert,
    )


def _chosen(said: str, offered: tuple[int, ...]) -> int:
    number = number_of(said)
    return number if number in offered else offered[0]


def _state(ticket: Ticket, now: datetime) -> str:
    if ticket.used_s is not None:
        return USED
    if ticket.revoked_s is not None:
        return CANCELLED
    return EXPIRED if ticket.expires_s <= now.timestamp() else UNUSED


def _expires(request: web.Request, ticket: Ticket) -> Markup:
    """The date, where the household is."""
    zone = ZoneInfo(request.app[SETTINGS].zone)
    return language_of(request).date(datetime.fromtimestamp(ticket.expires_s, UTC).astimezone(zone).date())


def _in_threes(code: str) -> str:
    return f"{code[:3]} {code[3:6]} {code[6:]}"


def _qr(request: web.Request, code: str) -> Markup:
    """Of the page of the line with the code; where that has no name, of the code alone."""
    host = request.app[SETTINGS].why_host
    said = segno.make(f"http://{host}/?ticket={code}" if host else code, error="m", micro=False)
    return Markup(said.svg_inline(border=2, omitsize=True, svgclass="qr", lineclass=None))


_BEHIND_PIN = {"make": make, "sheet": sheet}
