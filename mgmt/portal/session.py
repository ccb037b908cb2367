"""A parent's session: a cookie with a secret, stored as SHA-256.

Invariants: only a household's token begins a session; the session ends with the token, by itself after 30 days, or at
logging out; the secret is new at every login.
Source: RFC 6265bis (cookie prefixes), OWASP ASVS 3.
"""

import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from mgmt.auth import find_principal
from mgmt.staff.tokens import digest
from parental.schema.access import sessions, tokens

LIFE = timedelta(days=30)  # a phone at home: long enough not to be in the way, short enough for one that is sold

NEEDED = frozenset({"line.read", "line.pause"})  # what the page shows and does


@dataclass(frozen=True, slots=True)
class Session:
    """Who is signed in.   token  its number;   receipt  of the last tap;   csrf  what every form must send back."""

    token: int
    subscriber: int
    receipt: dict[str, Any] | None
    csrf: str


def begin_session(conn: Connection, token: str, now: datetime) -> str | None:
    """Sign in with a household's token; the cookie's value, or None where it is unknown, or may not do what taps do."""
    principal = find_principal(conn, token, now)
    if principal is None or principal.subscriber is None or not NEEDED.issubset(principal.permissions()):
        return None
    secret = secrets.token_urlsafe(32)
    conn.execute(delete(sessions).where(sessions.c.expires_s <= int(now.timestamp())))
    conn.execute(
        insert(sessions).values(sha256=digest(secret), token=principal.token, expires_s=int((now + LIFE).timestamp()))
    )
    return secret


def find_session(conn: Connection, secret: str, now: datetime) -> Session | None:
    """The session of a cookie's value, if it still holds."""
    row = conn.execute(
        select(tokens.c.id, tokens.c.subscriber, sessions.c.receipt)
        .join(tokens, tokens.c.id == sessions.c.token)
        .where(sessions.c.sha256 == digest(secret), sessions.c.expires_s > int(now.timestamp()))
        .where(tokens.c.expires_s > int(now.timestamp()))
    ).one_or_none()
    if row is None or row.subscriber is None:
        return None
    receipt = None if row.receipt is None else json.loads(row.receipt)
    return Session(row.id, row.subscriber, receipt, csrf_of(secret))


def keep_receipt(conn: Connection, secret: str, receipt: dict[str, Any]) -> None:
    """Remember what the last tap has done."""
    conn.execute(update(sessions).where(sessions.c.sha256 == digest(secret)).values(receipt=json.dumps(receipt)))


def end_session(conn: Connection, secret: str) -> None:
    conn.execute(delete(sessions).where(sessions.c.sha256 == digest(secret)))


def csrf_of(secret: str) -> str:
    """The forms' token: follows from the cookie, which no other site can read."""
    return hmac.digest(secret.encode(), b"form", hashlib.sha256).hex()
