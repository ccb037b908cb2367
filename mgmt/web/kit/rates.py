"""How many requests a token may make, and how many an address may make without one that counts.

Invariant: anyone who has a token that counts is never held up by what others of the same address try.
Source: RFC 6585 §4 (429).
"""

import math
import time

from aiohttp import web

from mgmt.web.kit.auth import Principal, PrincipalEndpoint
from mgmt.web.kit.problems import Endpoint, Problem
from rules.base.budget import RequestBudget
from rules.base.clients import client_address, client_of

WINDOW_S = 60.0
N_OF_TOKEN = 6000  # a hundred a second for a minute: ten times a script that asks as fast as it is answered
N_REFUSED = 60  # of one IPv4 address or IPv6 /56: a person mistypes a few; tokens of 256 bits need no lock-out

TOKENS: web.AppKey[RequestBudget] = web.AppKey("tokens", RequestBudget)
STRANGERS: web.AppKey[RequestBudget] = web.AppKey("strangers", RequestBudget)


def add_rates(app: web.Application) -> None:
    """Count for this application."""
    app[TOKENS], app[STRANGERS] = RequestBudget(N_OF_TOKEN, WINDOW_S), RequestBudget(N_REFUSED, WINDOW_S)


def rated(endpoint: PrincipalEndpoint) -> PrincipalEndpoint:
    """An endpoint for as many requests as a token has.   Raises Problem 429"""

    async def counted(request: web.Request, principal: Principal) -> web.StreamResponse:
        wait_s = request.app[TOKENS].wait_s(principal.actor.name, time.monotonic())
        if wait_s:
            raise _too_many(f"this token has {N_OF_TOKEN}", wait_s)
        return await endpoint(request, principal)

    return counted


def refusing(endpoint: Endpoint) -> Endpoint:
    """An endpoint that tells an address to come later, where too many of its requests had no token that counts."""

    async def counted(request: web.Request) -> web.StreamResponse:
        try:
            return await endpoint(request)
        except Problem as problem:
            address = client_address(request.remote)
            if problem.status != 401 or address is None:
                raise
            wait_s = request.app[STRANGERS].wait_s(client_of(address), time.monotonic())
            if not wait_s:
                raise
            raise _too_many(f"an address has {N_REFUSED} without a valid token", wait_s) from problem

    return counted


def _too_many(who: str, wait_s: float) -> Problem:
    retry_s = math.ceil(wait_s)
    detail = f"requests: {who} in {WINDOW_S:.0f} s; nothing done; ask again in {retry_s} s"
    return Problem(429, detail, "requests", retry_s=retry_s)
