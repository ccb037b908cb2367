"""Certificates that clients of the desk show, where the configuration demands them: each is an issuer's or a person's.

Invariants: a certificate proves no one alone: an issuer's carries only tokens of this issuer, a person's only the own
session, and tokens of no issuer; who is disabled, or has ended, has none.
Cost: one look-up a request, and one more for a person's.
"""

import hashlib
from datetime import datetime
from typing import NamedTuple

from aiohttp import web
from aiohttp.typedefs import Middleware
from sqlalchemy import Connection, select

from mgmt.staff.people import StaffState, get_person
from mgmt.web.kit.app_context import CLOCK, SETTINGS, read
from mgmt.web.kit.problems import Endpoint, Problem
from parental.store.schema.access import client_certificates, issuers


class Owner(NamedTuple):
    """Whose a certificate is: of the two, one is None.   staff  the person's number"""

    issuer: str | None
    staff: int | None


_OWNER: web.RequestKey[Owner] = web.RequestKey("certificate_owner", Owner)


def find_owner(conn: Connection, certificate: bytes, now: datetime) -> Owner | None:
    """Whose it is, of those who are not disabled and have not ended.   certificate  DER"""
    is_shown = client_certificates.c.sha256 == hashlib.sha256(certificate).digest()
    chosen = (
        select(client_certificates.c.issuer, client_certificates.c.staff, issuers.c.is_active)
        .outerjoin(issuers, issuers.c.name == client_certificates.c.issuer)
        .where(is_shown, client_certificates.c.ended_s.is_(None))
    )
    row = conn.execute(chosen).one_or_none()
    if row is None:
        return None
    is_person = row.staff is not None and get_person(conn, row.staff).state_at(now.timestamp()) == StaffState.ACTIVE
    return Owner(row.issuer, row.staff) if row.is_active or is_person else None


def checks_certificates() -> Middleware:
    """Answers 403 for a certificate that is of no one here; the TLS listener has looked at its authority."""

    @web.middleware
    async def check(request: web.Request, handler: Endpoint) -> web.StreamResponse:
        if request.app[SETTINGS].has_client_ca:
            shown, now = _shown(request), request.app[CLOCK]()
            owner = None if shown is None else await read(request, lambda conn: find_owner(conn, shown, now))
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
