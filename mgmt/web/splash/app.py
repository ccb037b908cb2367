"""The splash: answers any method, path and Host on port 80 with the reason why the page is missing.

    /splash/host       what is closed for the asker's own line, and why; the answer to a report
    /splash/help_host  the helplines
    POST MISTAKE       a report that something is blocked by mistake; control writes it down
    POST TICKET        a family's ticket; control takes it
    POST ASK           what a child asks its family for; control writes it down
    POST BEGIN         a child begins its screen time; control opens it
    APPEAL             an appeal is written there; by POST, it is sealed at once, and control keeps it
    names of FAMILY    lead to the families' door, where the pages really are
    anything else      the page of the Host's reason

Invariants: always an answer, also when control is dead (a generic text) and for requests that are half nonsense; no
body is read but that of a form of ours, no path is looked at but theirs, nothing of them is logged; what an appeal says
leaves this process sealed.
Anyone who asks about a name learns nothing of confidential lists: orders and these lists have one page, octet for
octet,
without a name.  Only subscribers see a reason, and only for as many names as people meet.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import TypeVar

from aiohttp import web

from mgmt.contract.control import LAW, ControlFailure, Reasons
from mgmt.registers.appeals.sealed import (
    MAX_ADDRESS_OCTETS,
    MAX_CONTACT_OCTETS,
    MAX_ISP_OCTETS,
    Appeal,
    fits,
    plain,
    seal,
)
from mgmt.registers.settings.page_settings import Settings
from mgmt.text.accept import preferred_language
from mgmt.web.kit.app_context import CLOCK, SETTINGS, Clock, begin_settings, utc_now
from mgmt.web.kit.body import MAX_FORM_OCTETS, read_form
from mgmt.web.kit.problems import Endpoint
from mgmt.web.splash.form_token import FormTokens
from mgmt.web.splash.page_cache import PageCache
from mgmt.web.splash.pages import (
    APPEAL,
    APPEALABLE,
    ASK,
    ASK_MINUTES,
    ASK_WHYS,
    ASKABLE,
    BEGIN,
    MISTAKABLE,
    MISTAKE,
    NAMED,
    OF_THE_GATE,
    STATUS,
    TAKES_APPEALS,
    TICKET,
    TICKETABLE,
    Facts,
    Form,
    headers,
)
from mgmt.web.splash.recent_answers import RecentAnswers
from mgmt.web.splash.visitor import Visitor, name_of, visitor_of
from parental.calendar.tickets import plain_code
from rules.base.budget import NameBudget

REASON_TIMEOUT_S = 2  # a person waits; past this the generic text is the better answer
TICKET_TIMEOUT_S = 15  # it is answered once the line is open
N_REPORTS = 10  # of one client and references that it looks up, and as many tickets and requests, in a budget's time
N_APPEALS = 10  # of one client in a budget's time
MAX_APPEAL_OCTETS = 16 * 2**10  # a form writes each octet of an Urdu address as three
FORM = "application/x-www-form-urlencoded"  # what a page sends: a part of another kind would go through a file
MAX_CODE = 40
FAMILY = "/family"
MAX_REFERENCE_CHARACTERS = 40
UNTOLD = Facts("unknown")
T = TypeVar("T")

REASONS: web.AppKey[Reasons] = web.AppKey("reasons", Reasons)
CLIENTS: web.AppKey[list[IPv4Network | IPv6Network]] = web.AppKey("clients")
BUDGET: web.AppKey[NameBudget] = web.AppKey("budget", NameBudget)
REPORTS: web.AppKey[NameBudget] = web.AppKey("reports", NameBudget)
TICKETS: web.AppKey[NameBudget] = web.AppKey("tickets", NameBudget)
APPEALS: web.AppKey[NameBudget] = web.AppKey("appeals", NameBudget)
REQUESTS: web.AppKey[NameBudget] = web.AppKey("requests", NameBudget)
RECENT: web.AppKey[RecentAnswers] = web.AppKey("recent", RecentAnswers)
PAGES: web.AppKey[PageCache] = web.AppKey("pages", PageCache)
TOKENS: web.AppKey[FormTokens] = web.AppKey("tokens", FormTokens)

log = logging.getLogger(__name__)


def create_splash(settings: Settings, reasons: Reasons, clock: Clock = utc_now) -> web.Application:
    """The application; give its server the port-80 listeners of the splash addresses."""
    app = web.Application(middlewares=[_always_a_page])
    begin_settings(app, settings)
    app[REASONS], app[CLOCK] = reasons, clock
    app[CLIENTS], app[PAGES], app[RECENT] = [], PageCache(settings), RecentAnswers(reasons)
    serve_clients(app, settings.clients)
    app[BUDGET], app[TOKENS] = NameBudget(), FormTokens()
    # Apart: who asks for much can still say that a block is a mistake.
    app[REPORTS], app[TICKETS], app[REQUESTS] = (NameBudget(N_REPORTS) for _ in range(3))
    app[APPEALS] = NameBudget(N_APPEALS)
    app.router.add_route("*", "/{tail:.*}", _answer)
    return app


def serve_clients(app: web.Application, prefixes: Iterable[str]) -> None:
    """Tell reasons to these clients from now on."""
    app[CLIENTS][:] = map(ip_network, prefixes)


@web.middleware
async def _always_a_page(request: web.Request, handler: Endpoint) -> web.StreamResponse:
    """Give the page also for what the router does not know (`OPTIONS *`)."""
    try:
        return await handler(request)
    except web.HTTPException:
        return await _answer(request)


async def _answer(request: web.Request) -> web.Response:
    settings, now, visitor = request.app[SETTINGS], request.app[CLOCK](), visitor_of(request)
    if visitor.host is not None and visitor.host in settings.family_pages:
        return _to_the_family(request, settings.family_pages[visitor.host])
    facts = await _facts(request, visitor)
    language = preferred_language(request.headers.get("Accept-Language", ""), settings.first_language)
    form, ask = _form(request, visitor, facts), _ask_form(request, visitor, facts)
    body = request.app[PAGES].text(facts, language, now, form, ask, _appeal_form(request, visitor, facts))
    response = web.Response(status=STATUS[facts.reason], body=body, headers=headers(facts.reason, settings, form, ask))
    # A connection that stays open would carry the next site's requests to us.
    response.force_close()
    return response


def _to_the_family(request: web.Request, origin: str) -> web.Response:
    """A parent has typed the name of the family pages, without https."""
    where = request.rel_url.raw_path_qs if request.path.startswith(FAMILY) else FAMILY
    response = web.Response(status=307, headers={"Location": origin + where, "Cache-Control": "no-store"})
    response.force_close()
    return response


def _form(request: web.Request, visitor: Visitor, facts: Facts) -> Form | None:
    if facts.reason in TICKETABLE:
        return Form(TICKET, "post", {"token": request.app[TOKENS].make(visitor.network, TICKET, request.app[CLOCK]())})
    if facts.reason not in MISTAKABLE:
        return None
    token = request.app[TOKENS].make(visitor.network, facts.reason, request.app[CLOCK]())
    fields = {"token": token, "reason": facts.reason}
    if facts.name is not None and facts.reason != LAW:
        fields["name"] = facts.name
    return Form(MISTAKE, "post", fields)


def _ask_form(request: web.Request, visitor: Visitor, facts: Facts) -> Form | None:
    if facts.reason not in ASKABLE:
        return None
    fields = {"token": request.app[TOKENS].make(visitor.network, ASK, request.app[CLOCK]())}
    return Form(ASK, "post", fields | ({"name": facts.name} if facts.reason in NAMED and facts.name else {}))


def _appeal_form(request: web.Request, visitor: Visitor, facts: Facts) -> Form | None:
    if request.app[SETTINGS].appeals_key is None:
        return None
    if facts.reason in TAKES_APPEALS:
        token = request.app[TOKENS].make(visitor.network, LAW, request.app[CLOCK]())
        return Form(APPEAL, "post", {"token": token})
    return Form(APPEAL, "get") if facts.reason in APPEALABLE else None


async def _facts(request: web.Request, visitor: Visitor) -> Facts:
    """What the page may say; UNTOLD for strangers, beyond what one client may ask, and where control does not answer.

    Cost: at most one question to control, at most REASON_TIMEOUT_S."""
    settings = request.app[SETTINGS]
    if visitor.host is not None and visitor.host == settings.help_host:
        return Facts("help")
    if visitor.address is None or not _is_subscriber(request.app, visitor.address):
        return UNTOLD
    try:
        if request.method == "POST" and request.path in TAKEN:
            return await TAKEN[request.path](request, visitor)
        if request.path == APPEAL and settings.appeals_key is not None:
            return Facts("appeal")
        if visitor.host is not None and visitor.host == settings.why_host:
            return await _of_the_line(request, visitor)
        return await _of_a_name(request, visitor, visitor.host)
    except (ControlFailure, OSError, TimeoutError) as exc:
        log.warning("splash: control gives no reason (%s); the generic page is shown", str(exc) or "no answer in time")
        return UNTOLD


async def _of_a_name(request: web.Request, visitor: Visitor, name: str | None) -> Facts:
    now_s = time.monotonic()
    if not request.app[BUDGET].admits(visitor.network, name, now_s):
        return UNTOLD
    closing = await _soon(request.app[RECENT].why_closed(name, visitor.address or "", now_s))
    if closing.reason not in STATUS or closing.reason in OF_THE_GATE:
        return Facts("none", name, asked=closing.asked)
    left = None if closing.left_s is None else timedelta(seconds=closing.left_s)
    return Facts(closing.reason, name, closing.category, closing.until, asked=closing.asked, left=left)


async def _of_the_line(request: web.Request, visitor: Visitor) -> Facts:
    """Of the asker's own line: its locks, a name that is written in the form, or the answer to a report."""
    reference = request.query.get("ref", "")[:MAX_REFERENCE_CHARACTERS]
    if reference:
        if not request.app[REPORTS].admits(visitor.network, reference, time.monotonic()):
            return Facts("full")
        return Facts("report", report=await _soon(request.app[REASONS].find_report(reference)))
    name, code = name_of(request.query.get("name", "")), plain_code(request.query.get("ticket", ""))
    facts = await _of_a_name(request, visitor, name)
    facts = replace(facts, code=code or "") if facts.reason in TICKETABLE else facts
    return replace(facts, reason="why") if name is None and facts.reason == "none" else facts


async def _reported(request: web.Request, visitor: Visitor) -> Facts:
    """Have a report written down, if it comes from a page of ours; the page again, if not."""
    fields = await _form_of(request)
    reason, name = fields.get("reason", ""), name_of(fields.get("name", ""))
    is_ours = request.app[TOKENS].is_ours(fields.get("token", ""), visitor.network, reason, request.app[CLOCK]())
    if not is_ours or (name is None and reason != LAW):
        return await _of_a_name(request, visitor, name or visitor.host)
    if not request.app[REPORTS].admits(visitor.network, str(time.monotonic_ns()), time.monotonic()):
        return Facts("full")
    report = await _soon(request.app[REASONS].report_mistake(reason, None if reason == LAW else name))
    return Facts("full") if report is None else Facts("taken", report=report)


async def _ticketed(request: web.Request, visitor: Visitor) -> Facts:
    """Have a ticket taken, if it comes from a page of ours; the page again, if not."""
    fields, now = await _form_of(request), request.app[CLOCK]()
    if not request.app[TOKENS].is_ours(fields.get("token", ""), visitor.network, TICKET, now):
        return await _of_a_name(request, visitor, visitor.host)
    if not request.app[TICKETS].admits(visitor.network, str(time.monotonic_ns()), time.monotonic()):
        return Facts("full")
    async with asyncio.timeout(TICKET_TIMEOUT_S):
        used = await request.app[REASONS].use_ticket(fields.get("code", "")[:MAX_CODE], visitor.address or "")
    return Facts(f"ticket-{used.outcome}", minutes=used.minutes)


async def _asked(request: web.Request, visitor: Visitor) -> Facts:
    """Ask the family, if it comes from a page of ours; the page again, if not, or if a family can open nothing."""
    fields = await _form_of(request)
    name, now = name_of(fields.get("name", "")), request.app[CLOCK]()
    if not request.app[TOKENS].is_ours(fields.get("token", ""), visitor.network, ASK, now):
        return await _of_a_name(request, visitor, name or visitor.host)
    minutes, why = fields.get("minutes", ""), fields.get("why", "")
    is_whole = why in ASK_WHYS and (name is not None if not minutes else minutes in map(str, ASK_MINUTES))
    if not is_whole or not request.app[REQUESTS].admits(visitor.network, str(time.monotonic_ns()), time.monotonic()):
        return Facts("ask-many" if is_whole else "unknown")
    time_asked, page_asked = (int(minutes), None) if minutes else (None, name)
    asked = await _soon(request.app[REASONS].ask_family(time_asked, page_asked, why, visitor.address or ""))
    if asked.state == "nothing":
        return await _of_a_name(request, visitor, name or visitor.host)
    return Facts("ask-many") if asked.state == "many" else Facts("asked", asked=asked)


async def _begun(request: web.Request, visitor: Visitor) -> Facts:
    """Have screen time begin, if it comes from a page of ours; the page again, if not, or if none can."""
    fields, now = await _form_of(request), request.app[CLOCK]()
    if not request.app[TOKENS].is_ours(fields.get("token", ""), visitor.network, ASK, now):
        return await _of_a_name(request, visitor, visitor.host)
    if not request.app[TICKETS].admits(visitor.network, str(time.monotonic_ns()), time.monotonic()):
        return Facts("full")
    async with asyncio.timeout(TICKET_TIMEOUT_S):
        begun = await request.app[REASONS].begin_time(visitor.address or "")
    return Facts("begun", minutes=begun.minutes) if begun.minutes else await _of_a_name(request, visitor, visitor.host)


async def _appealed(request: web.Request, visitor: Visitor) -> Facts:
    """Seal an appeal and have it kept, if it comes from a page of ours; the answer does not depend on its address."""
    recipient, now = request.app[SETTINGS].appeals_key, request.app[CLOCK]()
    if recipient is None:
        return await _of_a_name(request, visitor, visitor.host)
    fields = await _form_of(request, MAX_APPEAL_OCTETS) if request.content_type == FORM else {}
    appeal = _appeal_of(fields, request.app[SETTINGS].isp_name, now)
    if appeal is None or not request.app[TOKENS].is_ours(fields.get("token", ""), visitor.network, LAW, now):
        return Facts("appeal-bad")
    if not request.app[APPEALS].admits(visitor.network, str(time.monotonic_ns()), time.monotonic()):
        return Facts("full")
    number = await _soon(request.app[REASONS].appeal(seal(appeal, recipient)))
    return Facts("full") if number is None else Facts("appealed", number=number)


def _appeal_of(fields: Mapping[str, str], isp: str, now: datetime) -> Appeal | None:
    """What a form says; None: no address, or more than an appeal holds."""
    address, contact = plain(fields.get("address", "")), plain(fields.get("contact", ""))
    if not address or not fits(address, MAX_ADDRESS_OCTETS) or not fits(contact, MAX_CONTACT_OCTETS):
        return None
    return Appeal(address, contact or None, plain(isp)[: MAX_ISP_OCTETS // 4], now.replace(microsecond=0))


async def _form_of(request: web.Request, at_most: int = MAX_FORM_OCTETS) -> dict[str, str]:
    """The fields of a form; none where the body is no form, or too long or too slow for one."""
    try:
        return {key: value for key, value in (await read_form(request, at_most)).items() if isinstance(value, str)}
    except web.HTTPException:
        return {}


async def _soon(asked: Awaitable[T]) -> T:
    async with asyncio.timeout(REASON_TIMEOUT_S):
        return await asked


def _is_subscriber(app: web.Application, address: str) -> bool:
    asking = ip_address(address)
    return any(asking in prefix for prefix in app[CLIENTS])


TAKEN: dict[str, Callable[[web.Request, Visitor], Awaitable[Facts]]] = {
    MISTAKE: _reported,
    TICKET: _ticketed,
    ASK: _asked,
    BEGIN: _begun,
    APPEAL: _appealed,
}
