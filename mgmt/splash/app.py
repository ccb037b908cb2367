"""The splash: answers any method, path and Host on port 80 with the reason why the page is not there.

Invariants: always an answer, also when control is dead (a generic text) and for requests that are half nonsense; the
request's body is not read, its path is not looked at, nothing of it is logged.  Whoever asks about a name learns
nothing of confidential lists: orders and these lists have one page, octet for octet, without a name.  Only subscribers
are told a reason, and only for as many names as people meet.
"""

import asyncio
import logging
import time
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from aiohttp import web

from mgmt.app_context import CLOCK, SETTINGS, Clock, utc_now
from mgmt.control_protocol import Closing, ControlFailed, Reasons
from mgmt.language import preferred_language
from mgmt.problems import Endpoint
from mgmt.settings import Settings
from mgmt.splash.budget import NameBudget
from mgmt.splash.pages import OF_THE_GATE, STATUS, Facts, headers, page
from rules.errors import BadName
from rules.names.canonical import canonical_name
from rules.names.clients import client_address, client_of

REASON_TIMEOUT_S = 2  # a person waits; past this the generic text is the better answer
UNTOLD = Facts("unknown")

REASONS: web.AppKey[Reasons] = web.AppKey("reasons", Reasons)
CLIENTS: web.AppKey[list[IPv4Network | IPv6Network]] = web.AppKey("clients")
BUDGET: web.AppKey[NameBudget] = web.AppKey("budget", NameBudget)

log = logging.getLogger(__name__)


def create_splash(settings: Settings, reasons: Reasons, clock: Clock = utc_now) -> web.Application:
    """The application; give its server the port-80 listeners of the splash addresses."""
    app = web.Application(middlewares=[_always_a_page])
    app[SETTINGS], app[REASONS], app[CLOCK] = settings, reasons, clock
    app[CLIENTS] = []
    serve_clients(app, settings.clients)
    app[BUDGET] = NameBudget()
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
    settings = request.app[SETTINGS]
    facts = await _facts(request)
    language = preferred_language(request.headers.get("Accept-Language", ""), settings.first_language)
    text = page(facts, language, settings, request.app[CLOCK]())
    response = web.Response(status=STATUS[facts.reason], body=text.encode(), headers=headers(facts.reason, settings))
    # A connection that stays open would carry the next site's requests to us.
    response.force_close()
    return response


async def _facts(request: web.Request) -> Facts:
    """What the page may say; UNTOLD for strangers, and for more names than one client may ask about.

    Cost: one question to control, at most REASON_TIMEOUT_S."""
    address = client_address(request.remote)
    if address is None or not _is_subscriber(request.app, address):
        return UNTOLD
    name = _name(request)
    if not request.app[BUDGET].admits(client_of(address), name, time.monotonic()):
        return UNTOLD
    try:
        async with asyncio.timeout(REASON_TIMEOUT_S):
            return _facts_of(await request.app[REASONS].why_closed(name, address), name)
    except (ControlFailed, OSError, TimeoutError) as exc:
        log.warning("splash: control gives no reason (%s); the generic page is shown", str(exc) or "no answer in time")
        return UNTOLD


def _facts_of(closing: Closing, name: str | None) -> Facts:
    if closing.reason not in STATUS or closing.reason in OF_THE_GATE:
        return Facts("none", name)
    return Facts(closing.reason, name, closing.category, closing.until)


def _is_subscriber(app: web.Application, address: str) -> bool:
    asking = ip_address(address)
    return any(asking in prefix for prefix in app[CLIENTS])


def _name(request: web.Request) -> str | None:
    """The name that was asked for; None where the Host is not a name."""
    try:
        return canonical_name(request.host)
    except BadName:
        return None
