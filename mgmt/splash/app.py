"""The splash: answers any method, path and Host on port 80 with the reason why the page is not there.

Invariants: always an answer, also when control is dead (a generic text) and for requests that are half nonsense; the
request's body is not read, its path is not looked at, nothing of it is logged.
"""

import asyncio
import ipaddress
import logging
from datetime import datetime
from typing import Any

from aiohttp import web

from mgmt.app_context import CLOCK, CONTROL, SETTINGS, Clock, utc_now
from mgmt.control_protocol import Control, ControlFailed
from mgmt.language import preferred_language
from mgmt.problems import Endpoint
from mgmt.settings import Settings
from mgmt.splash.pages import STATUS, Facts, headers, page
from rules.errors import BadName
from rules.names.canonical import canonical_name

EXPLAIN_TIMEOUT_S = 2  # a person waits; past this the generic text is the better answer

log = logging.getLogger(__name__)


def create_splash(settings: Settings, control: Control, clock: Clock = utc_now) -> web.Application:
    """The application; give its server the port-80 listeners of the splash addresses."""
    app = web.Application(middlewares=[_always_a_page])
    app[SETTINGS], app[CONTROL], app[CLOCK] = settings, control, clock
    app.router.add_route("*", "/{tail:.*}", _answer)
    return app


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
    """Ask control for the reason.

    Cost: one question to control, at most EXPLAIN_TIMEOUT_S."""
    name, address = _name(request), _address(request)
    try:
        found = await asyncio.wait_for(request.app[CONTROL].explain(name, address, "http"), EXPLAIN_TIMEOUT_S)
    except (ControlFailed, OSError, TimeoutError) as exc:
        log.warning("splash: control gives no reason (%s); the generic page is shown", str(exc) or "no answer in time")
        return Facts("unknown", name)
    return _facts_of(found, name)


def _facts_of(found: dict[str, Any], name: str | None) -> Facts:
    reason = found.get("reason", "default")
    if reason not in STATUS:
        return Facts("none", name)
    until = found.get("until")
    return Facts(
        reason,
        name,
        found.get("issuer"),
        found.get("order_ref"),
        found.get("order_date"),
        found.get("ground"),
        found.get("category"),
        None if until is None else datetime.fromisoformat(until),
    )


def _name(request: web.Request) -> str | None:
    """The name that was asked for; None where the Host is not a name."""
    try:
        return canonical_name(request.host)
    except BadName:
        return None


def _address(request: web.Request) -> str | None:
    """The client's address; an IPv4 one also where it came to an IPv6 socket."""
    try:
        found = ipaddress.ip_address((request.remote or "").partition("%")[0])
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return str(mapped or found)
