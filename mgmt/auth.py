"""Authentication by bearer token, and the roles that a route admits.

Invariants: a token is 256 random bits and is stored as SHA-256 only; it is compared in constant time; a parent's token
is bound to one subscriber and dies with it, a regulator's to one issuer; 401 and 403 do not say why.
Source: RFC 6750.
"""

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from aiohttp import web
from sqlalchemy import Connection, Engine, delete, insert, select

from mgmt.app_context import ENGINE, utc_now
from mgmt.frame.contract import Contract
from mgmt.ledger.event import STAFF, Actor, Event, Value
from mgmt.ledger.store import append
from mgmt.problems import Endpoint, forbidden, unauthorised
from parental.database import reading
from parental.schema.access import tokens

TOKEN_OCTETS = 32  # 256 bits: guessing is out of reach, so there is no lock-out to abuse
MAX_HEADER_CHARACTERS = 200

OPERATOR, REGULATOR, PARENT, AUDITOR = "operator", "regulator", "parent", "auditor"
ROLES = (OPERATOR, REGULATOR, PARENT, AUDITOR)


@dataclass(frozen=True, slots=True)
class Principal:
    """The holder of a token.   subscriber  of a parent, else None;   issuer  of a regulator, else None"""

    token: int
    role: str
    subscriber: int | None
    issuer: str | None = None

    def may_order_for(self, issuer: str) -> bool:
        """Whether the holder pushes and withdraws orders of an issuer: a clerk of the operator those of all."""
        return self.role == OPERATOR or (self.role == REGULATOR and self.issuer == issuer)

    @property
    def actor(self) -> Actor:
        """The holder, as events name it."""
        return Actor("token", str(self.token), self.role)


PrincipalEndpoint = Callable[[web.Request, Principal], Awaitable[web.StreamResponse]]


class Route(NamedTuple):
    """One line of the API's table.   roles  who may; the endpoint may be narrower (a parent: only the own line).

    The first line of the endpoint's docstring is what the API's document says of the route."""

    method: str
    path: str
    endpoint: PrincipalEndpoint
    roles: frozenset[str]
    contract: Contract = Contract()


def create_token(
    conn: Connection,
    role: str,
    subscriber: int | None,
    by: Actor,
    clock: Callable[[], datetime] = utc_now,
    *,
    issuer: str | None = None,
) -> str:
    """Make a token; the text is returned once and stored nowhere.

    subscriber  of a parent;   issuer  of a regulator, as its orders name it.
    Raises ValueError for an unknown role, and for one without what belongs to it"""
    if role not in ROLES:
        raise ValueError(f"role: {role!r} is unknown; no token created; write one of {', '.join(ROLES)}")
    if (role == PARENT) != (subscriber is not None):
        raise ValueError(
            "token: a parent's token has a subscriber, the others have none; no token created; give one or the other"
        )
    if (role == REGULATOR) != bool(issuer):
        raise ValueError(
            "token: a regulator's token has an issuer, the others have none; no token created; give one or the other"
        )
    token, at = secrets.token_urlsafe(TOKEN_OCTETS), clock()
    row = {"sha256": digest(token), "role": role, "subscriber": subscriber, "created_s": int(at.timestamp())}
    stored = conn.execute(insert(tokens).values(**row, issuer=issuer))
    assert stored.inserted_primary_key is not None
    about: dict[str, Value] = {"token": int(stored.inserted_primary_key[0])}
    if subscriber is not None:
        about["line"] = subscriber
    append(conn, Event(STAFF, "token made", by, about, {"role": role} | ({"issuer": issuer} if issuer else {})), at)
    return token


def revoke_token(conn: Connection, token: int, by: Actor, clock: Callable[[], datetime] = utc_now) -> None:
    """End a token and the sessions that began with it."""
    if conn.execute(delete(tokens).where(tokens.c.id == token)).rowcount:
        append(conn, Event(STAFF, "token revoked", by, {"token": token}), clock())


def find_principal(conn: Connection, token: str) -> Principal | None:
    """The principal of a token.

    Cost: one index look-up, whether there is such a token or not."""
    wanted = digest(token)
    row = conn.execute(select(tokens).where(tokens.c.sha256 == wanted)).one_or_none()
    if not hmac.compare_digest(wanted, row.sha256 if row is not None else bytes(len(wanted))) or row is None:
        return None
    return Principal(row.id, row.role, row.subscriber, row.issuer)


def digest(secret: str) -> bytes:
    """What is stored of a secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def guarded(route: Route) -> Endpoint:
    """The route's endpoint, for tokens of its roles only."""

    async def endpoint(request: web.Request) -> web.StreamResponse:
        principal = await asyncio.to_thread(
            _principal_of, request.app[ENGINE], request.headers.get("Authorization", "")
        )
        if principal is None:
            raise unauthorised()
        if principal.role not in route.roles:
            raise forbidden()
        return await route.endpoint(request, principal)

    return endpoint


def _principal_of(engine: Engine, header: str) -> Principal | None:
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or len(header) > MAX_HEADER_CHARACTERS:
        return None
    with reading(engine) as conn:
        return find_principal(conn, token.strip())
