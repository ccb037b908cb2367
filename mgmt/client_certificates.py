"""Certificates that clients of the desk show, where the configuration demands them: each is an issuer's or a person's.

Invariants: a certificate proves nobody alone: an issuer's carries only tokens of this issuer, a person's only the own
session, and tokens of no issuer; who is disabled has none.
Cost: one look-up a request.
"""

import hashlib
from typing import NamedTuple

from aiohttp import web
from aiohttp.typedefs import Middleware
from sqlalchemy import Connection, select

from mgmt.app_context import SETTINGS, read
from mgmt.problems import Endpoint, Problem
from mgmt.staff.people import ACTIVE
from parental.schema.access import client_certificates, issuers
from parental.schema.staff import staff


class Owner(NamedTuple):
    """Whose a certificate is: of the two, one is None.   staff  the person's number"""

    issuer: str | None
    staff: int | None


_OWNER: web.RequestKey[Owner] = web.RequestKey("certificate_owner", Owner)


def find_owner(conn: Connection, certificate: bytes) -> Owner | None:
    """Whose it is, of those who are not disabled.   certificate  DER"""
    is_shown = client_certificates.c.sha256 == hashlib.sha256(certificate).digest()
    chosen = (
        select(client_certificates.c.issuer, client_certificates.c.staff, issuers.c.is_active, staff.c.state)
        .outerjoin(issuers, issuers.c.name == client_certificates.c.issuer)
        .outerjoin(staff, staff.c.id == client_certificates.c.staff)
        .where(is_shown, client_certificates.c.ended_s.is_(None))
    )
    row = conn.execute(chosen).one_or_none()
    return Owner(row.issuer, row.staff) if row is not None and (row.is_active or row.state == ACTIVE) else None


def checks_certificates() -> Middleware:
    """Answers 403 for a certificate that is of nobody here; the TLS listener has looked at its authority."""

    @web.middleware
    async def check(request: web.Request, handler: Endpoint) -> web.StreamResponse:
        if request.app[SETTINGS].has_client_ca:
            shown = _shown(request)
            owner = None if shown is None else await read(request, lambda conn: find_owner(conn, shown))
            if owner is None:
                detail = "the certificate is not bound here, or has ended; nothing done; have it bound: " + (
                    "filterd staff certificate"
                )
                raise Problem(403, detail, "certificate")
            request[_OWNER] = owner
        return await handler(request)

    return check


def carries_token(request: web.Request, issuer: str | None) -> bool:
    """Whether a token may come with the certificate of this connection.   issuer  of the token"""
    owner = request.get(_OWNER)
    return owner is None or owner.issuer == issuer


def carries_session(request: web.Request, person: int) -> bool:
    """Whether a person's session may."""
    owner = request.get(_OWNER)
    return owner is None or owner.staff == person


def _shown(request: web.Request) -> bytes | None:
    tls = None if request.transport is None else request.transport.get_extra_info("ssl_object")
    found: bytes | None = None if tls is None else tls.getpeercert(binary_form=True)
    return found
