"""Tokens of the API: made, listed and revoked.

Invariants: a token is 256 random bits and is stored as SHA-256 only; it ends by itself; every change is an event of the
ledger; no one gives what he does not have himself, but for the accounts of this box.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, insert, select

from mgmt.ledger.event import STAFF, Actor, Event, Value
from mgmt.ledger.store import append
from mgmt.staff.issuers import find_issuer, joined, know_issuer, parted
from mgmt.staff.permissions import (
    COMPLIANCE,
    ENGINEER,
    HOUSEHOLD_ROLES,
    REGULATOR,
    ROLES,
    Reach,
    permissions_of,
)
from parental.store.schema.access import tokens

TOKEN_OCTETS = 32  # 256 bits: guessing is out of reach, so there is no lock-out to abuse
MAX_LABEL_CHARACTERS = 80
LIFE = timedelta(days=365)  # where no one says how long: someone has to look at each token once a year
LONGEST_LIFE = timedelta(days=2 * 365)

OPERATOR = "operator"  # who makes a token with it gets one of both of these roles
OPERATORS_ROLES = (COMPLIANCE, ENGINEER)
_NOW = partial(datetime.now, UTC)


class TokenRequest(NamedTuple):
    """A token to be made.

    roles       of mgmt.staff.permissions;   subscriber  of a household's;   issuer  of a regulator's
    scopes      the only permissions that it shall have; None: all of its roles'
    label       what it is for, one line;   life  until it ends, LIFE where it is not said"""

    roles: tuple[str, ...]
    subscriber: int | None = None
    issuer: str | None = None
    scopes: frozenset[str] | None = None
    label: str = ""
    life: timedelta = LIFE

    def permissions(self) -> dict[str, Reach]:
        """What it will be able to do."""
        return within(permissions_of(self.roles), self.scopes)

    def beyond(self, held: Mapping[str, Reach]) -> list[str]:
        """The permissions that go farther than those of the one who wants to make it."""
        return [name for name, reach in self.permissions().items() if reach > held.get(name, 0)]


def create_token(
    conn: Connection,
    role: str,
    subscriber: int | None,
    by: Actor,
    clock: Callable[[], datetime] = _NOW,
    *,
    issuer: str | None = None,
) -> str:
    """make_token() of one role, or of OPERATOR; an issuer that is new becomes known."""
    return make_token(conn, TokenRequest(roles_of(role), subscriber, issuer), by, clock(), may_know_issuer=True).secret


def roles_of(role: str) -> tuple[str, ...]:
    """The roles of a token that is made with one of ROLES, or with OPERATOR."""
    return OPERATORS_ROLES if role == OPERATOR else (role,)


class MintedToken(NamedTuple):
    """A token that was made.   secret  the text, which is stored nowhere"""

    number: int
    secret: str
    expires: datetime


def make_token(
    conn: Connection, wanted: TokenRequest, by: Actor, at: datetime, *, may_know_issuer: bool = False
) -> MintedToken:
    """Make a token; an event says so.   at: aware

    may_know_issuer  whether an issuer that is new becomes known.   Raises ValueError: it fits no role"""
    _check_wanted(wanted)
    if wanted.issuer is not None and may_know_issuer:
        know_issuer(conn, wanted.issuer, by, at)
    elif wanted.issuer is not None and find_issuer(conn, wanted.issuer) is None:
        raise ValueError(
            f"issuer {wanted.issuer[:40]!r}: not known; no token created; put it on the box (filterd staff issuer)"
        )
    roles, scopes = " ".join(sorted(set(wanted.roles))), joined(wanted.scopes)
    secret, expires = secrets.token_urlsafe(TOKEN_OCTETS), at + wanted.life
    expires_s = int(expires.timestamp())
    row = {
        "sha256": digest(secret),
        "roles": roles,
        "scopes": scopes,
        "subscriber": wanted.subscriber,
        "issuer": wanted.issuer,
        "label": wanted.label,
        "created_s": int(at.timestamp()),
        "expires_s": expires_s,
        "made_by": f"{by.kind} {by.name}",
    }
    stored = conn.execute(insert(tokens).values(row))
    assert stored.inserted_primary_key is not None
    number = int(stored.inserted_primary_key[0])
    said: dict[str, Value] = {"role": roles, "expires_s": expires_s}
    said |= {"scopes": scopes} if scopes is not None else {}
    said |= {"issuer": wanted.issuer} if wanted.issuer else {}
    about: dict[str, Value] = {"token": number}
    about |= {"line": wanted.subscriber} if wanted.subscriber is not None else {}
    append(conn, Event(STAFF, "token made", by, about, said), at)
    return MintedToken(number, secret, expires)


def _check_wanted(wanted: TokenRequest) -> None:
    """Raises ValueError"""
    roles = set(wanted.roles)
    if unknown := sorted(roles.difference(ROLES)) or ([""] if not roles else []):
        raise ValueError(
            f"role: {unknown[0]!r} is unknown; no token created; write one of {', '.join((OPERATOR, *ROLES))}"
        )
    if bool(roles.intersection(HOUSEHOLD_ROLES)) != (wanted.subscriber is not None) or (
        wanted.subscriber is not None and len(roles) > 1
    ):
        raise ValueError(
            "token: a parent's token has a subscriber, the others have none; no token created; give one or the other"
        )
    if (REGULATOR in roles) != bool(wanted.issuer) or (wanted.issuer and len(roles) > 1):
        raise ValueError(
            "token: a regulator's token has an issuer, the others have none; no token created; give one or the other"
        )
    beyond = sorted((wanted.scopes or frozenset()).difference(permissions_of(roles)))
    if beyond or wanted.scopes == frozenset():
        allowed = ", ".join(permissions_of(roles))
        raise ValueError(
            f"scopes: {beyond[0] if beyond else 'none'!r:.40} is no permission of this role; no token created; "
            f"write some of {allowed}"
        )
    if not timedelta(0) < wanted.life <= LONGEST_LIFE:
        raise ValueError(f"token: it ends in 1 to {LONGEST_LIFE.days} days; no token created; write one of these")
    if len(wanted.label) > MAX_LABEL_CHARACTERS or not (wanted.label.isprintable() or not wanted.label):
        raise ValueError(
            f"label: not one line of at most {MAX_LABEL_CHARACTERS} characters; no token created; write a shorter one"
        )


def revoke_token(conn: Connection, token: int, by: Actor, clock: Callable[[], datetime] = _NOW) -> bool:
    """End a token and the sessions that began with it.   Returns whether there was one."""
    was_there = bool(conn.execute(delete(tokens).where(tokens.c.id == token)).rowcount)
    if was_there:
        append(conn, Event(STAFF, "token revoked", by, {"token": token}), clock())
    return was_there


class TokenRow(NamedTuple):
    """A token as a list shows it: all but its text."""

    number: int
    roles: tuple[str, ...]
    scopes: frozenset[str] | None
    subscriber: int | None
    issuer: str | None
    label: str
    made_by: str
    created: datetime
    expires: datetime
    last_used: datetime | None


def iter_tokens(
    conn: Connection, after: int = 0, at_most: int | None = None, *, of_households: bool = True
) -> Iterator[TokenRow]:
    """The tokens with a number above `after`, also those that have ended, by number.

    of_households  False: those of the desk and of programs alone"""
    chosen = select(tokens).where(tokens.c.id > after).order_by(tokens.c.id).limit(at_most)
    if not of_households:
        chosen = chosen.where(tokens.c.subscriber.is_(None))
    for row in conn.execute(chosen):
        yield TokenRow(
            row.id,
            tuple(row.roles.split()),
            parted(row.scopes),
            row.subscriber,
            row.issuer,
            row.label,
            row.made_by,
            datetime.fromtimestamp(row.created_s, UTC),
            datetime.fromtimestamp(row.expires_s, UTC),
            None if row.last_used_s is None else datetime.fromtimestamp(row.last_used_s, UTC),
        )


def token_json(token: TokenRow) -> dict[str, Any]:
    """A token as the API and the command line show it."""
    return {
        "id": token.number,
        "roles": list(token.roles),
        "scopes": None if token.scopes is None else sorted(token.scopes),
        "subscriber": token.subscriber,
        "issuer": token.issuer,
        "label": token.label,
        "made_by": token.made_by,
        "created": token.created.isoformat(),
        "expires": token.expires.isoformat(),
        "last_used": None if token.last_used is None else token.last_used.isoformat(),
    }


def within(permissions: Mapping[str, Reach], scopes: frozenset[str] | None) -> dict[str, Reach]:
    """What scopes leave of permissions."""
    return {name: reach for name, reach in permissions.items() if scopes is None or name in scopes}


def csrf_of(secret: str) -> str:
    """The forms' token: follows from the cookie, which no other site can read."""
    return hmac.digest(secret.encode("utf-8", "surrogatepass"), b"form", hashlib.sha256).hex()


def digest(secret: str) -> bytes:
    """What is stored of a secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
