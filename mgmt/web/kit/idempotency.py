"""A request that comes twice under one Idempotency-Key does once what it does, and is answered twice the same.

    no row          the request runs; its answer is kept where it is a success
    a row, equal    the answer that was kept; 409 while the first one runs
    a row, other    422: a key is for one request

What is refused keeps no key: nothing was done, and the client may send it again, fixed.  What is stored and not yet in
force (503) keeps none either, as doing it again changes nothing more; but where it adds to what is there, the key says
so, and the same request has it put in force and is answered 409.
Every POST takes one: what else changes something does nothing twice by what its method means (RFC 9110 §9.2.2).
An answer may hold a secret that is shown once (a token, a code).  What is kept of it is sealed under the token that
asked, of which the database has a digest alone.
Invariants: a key belongs to the holder of a token; rows are gone after KEPT; where the process dies, the key is free
after RUNS_AT_MOST, and a request that is sent again then may do again what was done.
Source: draft-ietf-httpapi-idempotency-key-header.
"""

import hashlib
import hmac
import os
import re
from datetime import datetime, timedelta
from typing import NamedTuple

from aiohttp import web
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from mgmt.contract.control import receive
from mgmt.contract.errors import NotInForce
from mgmt.web.kit.app_context import CLOCK, CONTROL, write
from mgmt.web.kit.auth import Principal, PrincipalEndpoint
from mgmt.web.kit.problems import KEY_REUSED, KEY_RUNS, Problem
from mgmt.web.kit.requests import octets_of
from parental.store.schema.idempotency import idempotency_keys as keys

HEADER = "Idempotency-Key"
KEYED = "POST"
STORED = 503  # and not in force
NONCE_OCTETS = 12
KEPT = timedelta(hours=24)  # a client that was cut off sends again within minutes, a person the next morning
RUNS_AT_MOST = timedelta(minutes=3)  # 60 s for a body of 16 MiB, its entries, and 15 s for control
MAX_OF_HOLDER = 10_000  # a letter every nine seconds, all day

# A string of a structured field (RFC 9651), or what many clients send instead: the same without quotes.
_KEY = re.compile(r'"([\x20\x21\x23-\x5b\x5d-\x7e]{1,255})"|([A-Za-z0-9._~+/=:-]{1,255})')


class _KeptAnswer(NamedTuple):
    """What is kept of an answer, by its columns.   answer  sealed"""

    status: int
    location: str | None = None
    answer: bytes | None = None


class _KeyedRequest(NamedTuple):
    """A request with a key."""

    holder: str
    key: str
    sha256: bytes
    token: bytes

    @property
    def box(self) -> AESGCM:
        """What seals the answer: for this token, key and request."""
        return AESGCM(hmac.digest(self.token, b"filterd kept answer\n" + self.sha256 + self.key.encode(), "sha256"))

    @property
    def row(self) -> ColumnElement[bool]:
        return and_(keys.c.holder == self.holder, keys.c.key == self.key)


def keyed(endpoint: PrincipalEndpoint, *, adds: bool = False) -> PrincipalEndpoint:
    """An endpoint whose requests may have a key.   adds  see Contract"""

    async def once(request: web.Request, principal: Principal) -> web.StreamResponse:
        asked = await _asked(request, principal)
        if asked is None:
            return await endpoint(request, principal)
        try:
            known = await write(request, lambda conn: _begin(conn, asked, request.app[CLOCK]()))
        except IntegrityError as reason:
            raise _running() from reason
        if known is None:
            return await _first(endpoint, request, principal, asked, adds=adds)
        return _again(asked, known) if known.status != STORED else await _enforced(request)

    return once


async def _first(
    endpoint: PrincipalEndpoint, request: web.Request, principal: Principal, asked: _KeyedRequest, *, adds: bool
) -> web.StreamResponse:
    kept: _KeptAnswer | None = None
    try:
        response = await endpoint(request, principal)
        if isinstance(response, web.Response) and response.status < 300:
            kept = _kept(asked, response)
    except NotInForce:
        kept = _KeptAnswer(STORED) if adds else None
        raise
    finally:
        await write(request, lambda conn: _end(conn, asked, kept))
    return response


async def _enforced(request: web.Request) -> web.Response:
    """Put in force what an earlier request has stored.   Raises NotInForce, and Problem 409: it is in force"""
    await receive(request.app[CONTROL].policy_changed())
    detail = f"{HEADER}: it was stored when it came first, and is in force now; nothing done again; look what is there"
    raise Problem(409, detail, HEADER)


async def _asked(request: web.Request, principal: Principal) -> _KeyedRequest | None:
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
    return _KeyedRequest(f"{actor.kind} {actor.name}", found[1] or found[2], digest, _token_of(request))


def _begin(conn: Connection, asked: _KeyedRequest, now: datetime) -> _KeptAnswer | None:
    """The answer to an equal request; None: this one is the first.   Raises Problem 409, 422, 429"""
    conn.execute(delete(keys).where(keys.c.began_s < int((now - KEPT).timestamp())))
    found = conn.execute(select(keys).where(asked.row)).one_or_none()
    if found is not None:
        if not hmac.compare_digest(found.sha256, asked.sha256):
            detail = f"{HEADER}: another request has this key; nothing done; write a new key, or send the same again"
            raise Problem(422, detail, HEADER, KEY_REUSED)
        if found.status is not None:
            return _KeptAnswer(found.status, found.location, found.answer)
        if found.began_s > (now - RUNS_AT_MOST).timestamp():
            raise _running()
        conn.execute(delete(keys).where(asked.row))
    n_kept = conn.execute(select(func.count()).select_from(keys).where(keys.c.holder == asked.holder)).scalar_one()
    if n_kept >= MAX_OF_HOLDER:
        raise Problem(429, f"{HEADER}: {n_kept} keys are kept for this token; nothing done; wait for a day", HEADER)
    row = {"holder": asked.holder, "key": asked.key, "sha256": asked.sha256, "began_s": int(now.timestamp())}
    conn.execute(insert(keys).values(**row))
    return None


def _end(conn: Connection, asked: _KeyedRequest, kept: _KeptAnswer | None) -> None:
    change = delete(keys) if kept is None else update(keys).values(kept._asdict())
    conn.execute(change.where(asked.row))


def _kept(asked: _KeyedRequest, answered: web.Response) -> _KeptAnswer:
    assert isinstance(answered.body, bytes)
    nonce = os.urandom(NONCE_OCTETS)
    sealed = nonce + asked.box.encrypt(nonce, answered.body, None)
    return _KeptAnswer(answered.status, answered.headers.get("Location"), sealed)


def _again(asked: _KeyedRequest, kept: _KeptAnswer) -> web.Response:
    """What was answered.   Raises Problem 409 for one that another release has kept"""
    sealed = kept.answer or b""
    try:
        body = asked.box.decrypt(sealed[:NONCE_OCTETS], sealed[NONCE_OCTETS:], None)
    except (InvalidTag, ValueError) as reason:
        detail = (
            f"{HEADER}: it was done, and its answer cannot be read any more; nothing done again; look what is there"
        )
        raise Problem(409, detail, HEADER) from reason
    headers = {"Cache-Control": "no-store"} | ({"Location": kept.location} if kept.location else {})
    return web.Response(status=kept.status, body=body, content_type="application/json", headers=headers)


def _token_of(request: web.Request) -> bytes:
    """The token that the request came with (RFC 6750)."""
    return request.headers["Authorization"].split()[-1].encode("utf-8", "surrogateescape")


def _running() -> Problem:
    detail = f"{HEADER}: the request with this key still runs; nothing done; send it again in some seconds"
    return Problem(409, detail, HEADER, KEY_RUNS)
