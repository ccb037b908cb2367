"""Sessions that a browser holds by a cookie: rows of a table with the secret's SHA-256, of staff and of families alike.

Invariants: the secret is new at every sign-in, 256 random bits, and stored nowhere; the session that the browser had
before ends with it.
Source: OWASP ASVS 5.0 §7.
"""

import secrets

from sqlalchemy import ColumnElement, Connection, Table, delete, insert

from mgmt.staff.tokens import TOKEN_OCTETS, digest


def begin(
    conn: Connection, sessions: Table, before: str, ended: ColumnElement[bool], **values: str | int | None
) -> str:
    """The new cookie's value.   before  the one that the browser has shown, or '';   ended  sessions to remove, too"""
    secret = secrets.token_urlsafe(TOKEN_OCTETS)
    conn.execute(delete(sessions).where(ended | of_secret(sessions, before)))
    conn.execute(insert(sessions).values(sha256=digest(secret), **values))
    return secret


def of_secret(sessions: Table, secret: str) -> ColumnElement[bool]:
    """The row of a cookie's value."""
    return sessions.c.sha256 == digest(secret)


def end(conn: Connection, sessions: Table, secret: str) -> None:
    """End the session of a cookie's value."""
    conn.execute(delete(sessions).where(of_secret(sessions, secret)))
