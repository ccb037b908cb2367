"""Authentication by bearer token, and the permission that a route asks for.

Invariants: a token is compared in constant time; a household's is bound to one subscriber and dies with it, a
regulator's to one issuer and sleeps with it; 401 and 403 do not say why.
Source: RFC 6750.
"""

import asyncio
import hmac
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from aiohttp import web
from sqlalchemy import Connection, Engine, select, update

from mgmt.ledger.event import Actor
from mgmt.staff.issuers import parted
from mgmt.staff.permissions import PERMISSIONS, Reach, permissions_of
from mgmt.staff.tokens import digest, within
from mgmt.web.kit.app_context import CLOCK, ENGINE
from mgmt.web.kit.client_certificates import carries_token
from mgmt.web.kit.contract import Contract
from mgmt.web.kit.problems import Endpoint, forbidden, unauthorised
from parental.store.database import reading, writing
from parental.store.errors import DatabaseFault
from parental.store.schema.access import issuers, tokens

log = logging.getLogger(__name__)

MAX_HEADER_CHARACTERS = 200
LAST_USE = timedelta(hours=1)  # how exactly the last use is noted: one write an hour for each token, not one a request


@dataclass(frozen=True, slots=True)
class Principal:
    """The holder of a token.

    subscriber  of a household's, else None;   issuer  of a regulator's, else None
    scopes      the only permissions that it has of its roles'; None: all of them
    reach       how far it has the permission that the route asks for"""

    token: int
    roles: frozenset[str]
    subscriber: int | None
    issuer: str | None = None
    scopes: frozenset[str] | None = None
    reach: Reach = Reach.OWN

    def may_order_for(self, issuer: str) -> bool:
        """Whether the holder reaches the orders of an issuer."""
        return self.reach is Reach.ALL or self.issuer == issuer

    def may_touch_line(self, number: str) -> bool:
        """Whether the holder reaches a line, by its number as a path has it."""
        return self.reach is Reach.ALL or number == str(self.subscriber)

    def permissions(self) -> dict[str, Reach]:
        """Every permission that the holder has."""
        return within(permissions_of(self.roles), self.scopes)

    @property
    def actor(self) -> Actor:
        """The holder, as events name it."""
        return Actor("token", str(self.token), " ".join(sorted(self.roles)))


PrincipalEndpoint = Callable[[web.Request, Principal], Awaitable[web.StreamResponse]]


class Route(NamedTuple):
    """One line of the API's table.   permission  of mgmt.staff.permissions; how far it reaches, the endpoint asks.

    The first line of the endpoint's docstring is what the API's document says of the route."""

    method: str
    path: str
    endpoint: PrincipalEndpoint
    permission: str
    contract: Contract = Contract()


class ValidToken(NamedTuple):
    """A token that holds.   last_used_s  as it is noted; None: never"""

    principal: Principal
    last_used_s: int | None


def find_principal(conn: Connection, token: str, now: datetime) -> Principal | None:
    """The principal of a token that has not ended.   now: aware"""
    found = _find(conn, token, now)
    return None if found is None else found.principal


def _find(conn: Connection, token: str, now: datetime) -> ValidToken | None:
    """Cost: one index look-up, whether there is such a token or not."""
    wanted = digest(token)
    chosen = select(tokens, issuers.c.is_active).outerjoin(issuers, issuers.c.name == tokens.c.issuer)
    row = conn.execute(chosen.where(tokens.c.sha256 == wanted)).one_or_none()
    if not hmac.compare_digest(wanted, row.sha256 if row is not None else bytes(len(wanted))) or row is None:
        return None
    if row.expires_s <= now.timestamp() or row.is_active is False:
        return None
    roles = frozenset(row.roles.split())
    return ValidToken(Principal(row.id, roles, row.subscriber, row.issuer, parted(row.scopes)), row.last_used_s)


def guarded(route: Route) -> Endpoint:
    """The route's endpoint, for tokens with its permission only.   Raises KeyError for an unknown one."""
    PERMISSIONS[route.permission]

    async def endpoint(request: web.Request) -> web.StreamResponse:
        header, now = request.headers.get("Authorization", ""), request.app[CLOCK]()
        principal = await asyncio.to_thread(_principal_of, request.app[ENGINE], header, now)
        if principal is None or not carries_token(request, principal.issuer):
            raise unauthorised()
        reach = principal.permissions().get(route.permission)
        if reach is None:
            raise forbidden()
        return await route.endpoint(request, replace(principal, reach=reach))

    return endpoint


def _principal_of(engine: Engine, header: str, now: datetime) -> Principal | None:
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or len(header) > MAX_HEADER_CHARACTERS:
        return None
    with reading(engine) as conn:
        found = _find(conn, token.strip(), now)
    if found is None:
        return None
    if found.last_used_s is None or now.timestamp() - found.last_used_s >= LAST_USE.total_seconds():
        _note_use(engine, found.principal.token, int(now.timestamp()))
    return found.principal


def _note_use(engine: Engine, token: int, now_s: int) -> None:
    """Note that a token was used; a database that cannot be written does not keep anyone from reading."""
    try:
        with writing(engine) as conn:
            conn.execute(update(tokens).where(tokens.c.id == token).values(last_used_s=now_s))
    except DatabaseFault as fault:
        log.warning("token %d: its last use is not noted: %s", token, fault)
