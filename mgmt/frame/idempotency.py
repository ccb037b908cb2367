"""A request that comes twice under one Idempotency-Key does once what it does, and is answered twice the same.

    no row          the request runs; its answer is kept where it is a success
    a row, equal    the answer that was kept; 409 while the first one runs
    a row, other    422: a key is for one request

What is refused keeps no key: nothing was done, and the client may send it again, mended.
Invariants: a key belongs to the holder of a token; rows are gone after KEPT; where the process dies, the key is free
after RUNS_AT_MOST, and what the request does must itself be safe to send again.
Source: draft-ietf-httpapi-idempotency-key-header.
"""

import hashlib
import hmac
import re
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from aiohttp import web
from sqlalchemy import Connection, Row, and_, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from mgmt.app_context import CLOCK, write
from mgmt.auth import Principal, PrincipalEndpoint
from mgmt.frame.requests import octets_of
from mgmt.problems import KEY_REUSED, KEY_RUNS, Problem
from parental.schema.idempotency import idempotency_keys as keys

HEADER = "Idempotency-Key"
KEPT = timedelta(hours=24)  # a client that was cut off sends again within minutes, a person the next morning
RUNS_AT_MOST = timedelta(minutes=3)  # 60 s for a body of 16 MiB, its entries, and 15 s for control
MAX_OF_HOLDER = 10_000  # a letter every nine seconds, all day

# A string of a structured field (RFC 9651), or what many clients send instead: the same without quotes.
_KEY = re.compile(r'"([\x20\x21\x23-\x5b\x5d-\x7e]{1,255})"|([A-Za-z0-9._~+/=:-]{1,255})')


class _Asked(NamedTuple):
    """A request with a key."""

    holder: str
    key: str
    sha256: bytes

    @property
    def row(self) -> Any:
        return and_(keys.c.holder == self.holder, keys.c.key == self.key)


def keyed(endpoint: PrincipalEndpoint) -> PrincipalEndpoint:
    """An endpoint whose requests may have a key."""

    async def once(request: web.Request, principal: Principal) -> web.StreamResponse:
        asked = await _asked(request, principal)
        if asked is None:
            return await endpoint(request, principal)
        try:
            known = await write(request, lambda conn: _begin(conn, asked, request.app[CLOCK]()))
        except IntegrityError as reason:
            raise _running() from reason
        return _again(known) if known is not None else await _first(endpoint, request, principal, asked)

    return once


async def _first(
    endpoint: PrincipalEndpoint, request: web.Request, principal: Principal, asked: _Asked
) -> web.StreamResponse:
    response = None
    try:
        response = await endpoint(request, principal)
    finally:
        kept = response if isinstance(response, web.Response) and response.status < 300 else None
        await write(request, lambda conn: _end(conn, asked, kept))
    return response


async def _asked(request: web.Request, principal: Principal) -> _Asked | None:
    said = request.headers.get(HEADER)
    if said is None:
        return None
    found = _KEY.fullmatch(said.strip())
    if found is None:
        detail = f"{HEADER}: not one string of 1 to 255 characters; nothing done; write a new UUID in quotes"
        raise Problem(400, detail, HEADER)
    actor = principal.actor
    head = f"{request.method} {request.raw_path}\n".encode("utf-8", "surrogateescape")
    digest = hashlib.sha256(head + await octets_of(request)).digest()
    return _Asked(f"{actor.kind} {actor.name}", found[1] or found[2], digest)


def _begin(conn: Connection, asked: _Asked, now: datetime) -> Row[Any] | None:
    """The row of an equal request that was answered; None: this one is the first.   Raises Problem 409, 422, 429"""
    conn.execute(delete(keys).where(keys.c.began_s < int((now - KEPT).timestamp())))
    found = conn.execute(select(keys).where(asked.row)).one_or_none()
    if found is not None:
        if not hmac.compare_digest(found.sha256, asked.sha256):
            detail = f"{HEADER}: another request has this key; nothing done; write a new key, or send the same again"
            raise Problem(422, detail, HEADER, KEY_REUSED)
        if found.status is not None:
            return found
        if found.began_s > (now - RUNS_AT_MOST).timestamp():
            raise _running()
        conn.execute(delete(keys).where(asked.row))
    n_kept = conn.execute(select(func.count()).select_from(keys).where(keys.c.holder == asked.holder)).scalar_one()
    if n_kept >= MAX_OF_HOLDER:
        raise Problem(429, f"{HEADER}: {n_kept} keys are kept for this token; nothing done; wait for a day", HEADER)
    row = {"holder": asked.holder, "key": asked.key, "sha256": asked.sha256, "began_s": int(now.timestamp())}
    conn.execute(insert(keys).values(**row))
    return None


def _end(conn: Connection, asked: _Asked, kept: web.Response | None) -> None:
    if kept is None:
        conn.execute(delete(keys).where(asked.row))
        return
    answer = {"status": kept.status, "location": kept.headers.get("Location"), "answer": kept.body}
    conn.execute(update(keys).where(asked.row).values(**answer))


def _again(row: Row[Any]) -> web.Response:
    headers = {"Cache-Control": "no-store"} | ({"Location": row.location} if row.location else {})
    return web.Response(status=row.status, body=row.answer, content_type="application/json", headers=headers)


def _running() -> Problem:
    detail = f"{HEADER}: the request with this key still runs; nothing done; send it again in some seconds"
    return Problem(409, detail, HEADER, KEY_RUNS)
