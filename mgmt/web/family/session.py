"""Who is signed in at the family pages: a session of mgmt.staff.cookie_sessions.

A caregiver comes in with a telephone (mgmt.web.family.sign_in), or a household with its token.
A form is spent by what it does: sent once more, by a second tap or a reload, it does nothing.

Invariants: only a household's token or an active caregiver begins a session; it ends with the token or the caregiver,
by itself after 30 days, or at signing out; where someone is (which line, which address) never counts; no form is spent
twice, also of two at once.
Source: OWASP ASVS 5.0 §7.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, select, update

from mgmt.ledger.event import Actor
from mgmt.staff import cookie_sessions
from mgmt.staff.issuers import parted
from mgmt.staff.permissions import permissions_of
from mgmt.staff.tokens import csrf_of, digest, within
from mgmt.web.kit.auth import find_principal
from parental.people.caregivers import CaregiverState
from parental.store.schema.access import sessions, tokens
from parental.store.schema.lines import lines
from parental.store.schema.people import caregivers

LIFE = timedelta(days=30)  # a phone at home: long enough not to be in the way, short enough for one that is sold

REMEMBERED = 50  # forms of a session: whose page is older than that many is taken for spent

NEEDED = frozenset({"account.read", "account.pause"})  # what the pages show and do at least


class SpentForm(Exception):
    """A form that has been spent already."""


@dataclass(frozen=True, slots=True)
class Session:
    """Who is signed in.

    account      of the household;   name  of the caregiver, or the token's label
    permissions  of mgmt.staff.permissions;   caregiver  its number; None: a token's
    pin_from_s, pin_until_s  when the PIN was right, and until when it is not asked again;   receipt  of the last tap
    csrf         what every form must send back;   forms  how many it has spent"""

    account: int
    actor: Actor
    name: str
    permissions: frozenset[str]
    caregiver: int | None
    pin_from_s: int
    pin_until_s: int
    receipt: dict[str, Any] | None
    csrf: str
    forms: int

    def may(self, permission: str) -> bool:
        """Whether this may be done here."""
        return permission in self.permissions


def begin_session(conn: Connection, token: str, now: datetime, before: str = "") -> str | None:
    """Sign in with a household's token; the cookie's value, or None where it is unknown, or may not do what taps do.

    before  the cookie that the browser has shown"""
    principal = find_principal(conn, token, now)
    if principal is None or principal.subscriber is None or not NEEDED.issubset(principal.permissions()):
        return None
    return _begin(conn, now, before, token=principal.token)


def begin_for(conn: Connection, caregiver: int, now: datetime, before: str = "") -> str:
    """Sign in a caregiver who has proven to be it; the cookie's value."""
    return _begin(conn, now, before, caregiver=caregiver)


def find_session(conn: Connection, secret: str, now: datetime) -> Session | None:
    """The session of a cookie's value, if it still holds.   Cost: one index look-up in each of four tables"""
    now_s = int(now.timestamp())
    row = conn.execute(_held(), {"shown": digest(secret), "now_s": now_s}).one_or_none()
    if row is None:
        return None
    return _of_caregiver(row, secret) if row.caregiver is not None else _of_token(row, secret, now_s)


@cache
def _held() -> Select[Any]:
    """Asks for a session with what it follows from; made once."""
    held = select(
        sessions, tokens.c.label, tokens.c.roles, tokens.c.scopes, tokens.c.expires_s.label("token_ends_s"),
        caregivers.c.nickname, caregivers.c.role, caregivers.c.state, caregivers.c.account,
        lines.c.account.label("token_account"),
    )  # fmt: skip
    held = held.outerjoin(tokens, tokens.c.id == sessions.c.token)
    held = held.outerjoin(lines, lines.c.id == tokens.c.subscriber)
    held = held.outerjoin(caregivers, caregivers.c.id == sessions.c.caregiver)
    return held.where(sessions.c.sha256 == bindparam("shown"), sessions.c.expires_s > bindparam("now_s"))


def keep_receipt(conn: Connection, secret: str, receipt: dict[str, Any]) -> None:
    """Remember what the last tap has done."""
    conn.execute(
        update(sessions).where(cookie_sessions.of_secret(sessions, secret)).values(receipt=json.dumps(receipt))
    )


def keep_pin(conn: Connection, secret: str, now: datetime, until: datetime) -> None:
    """The PIN was right here: it is not asked again until then."""
    chosen = cookie_sessions.of_secret(sessions, secret)
    values = {"pin_from_s": int(now.timestamp()), "pin_until_s": int(until.timestamp())}
    conn.execute(update(sessions).where(chosen).values(**values))


def end_pins(conn: Connection, account: int, but: str) -> None:
    """Have the PIN asked again in all sessions of a household, but for one.   but  its cookie's value"""
    of_caregivers = select(caregivers.c.id).where(caregivers.c.account == account)
    of_lines = select(lines.c.id).where(lines.c.account == account)
    of_tokens = select(tokens.c.id).where(tokens.c.subscriber.in_(of_lines))
    mine = sessions.c.caregiver.in_(of_caregivers) | sessions.c.token.in_(of_tokens)
    conn.execute(update(sessions).where(mine, sessions.c.sha256 != digest(but)).values(pin_until_s=0))


def spend(conn: Connection, secret: str, forms: int, form: str) -> None:
    """Note that a form is done, in the transaction of what it does.   forms  that were spent when its page was made

    Raises SpentForm"""
    spent = _spent(conn, secret, forms, form)
    values = {"forms": sessions.c.forms + 1, "spent": " ".join([*spent, form][-REMEMBERED:])}
    conn.execute(update(sessions).where(cookie_sessions.of_secret(sessions, secret)).values(**values))


def refuse_repeated(conn: Connection, secret: str, forms: int, form: str) -> None:
    """Raises SpentForm where spend() would"""
    _spent(conn, secret, forms, form)


def _spent(conn: Connection, secret: str, forms: int, form: str) -> list[str]:
    """The forms that a session remembers; locked until the transaction ends.   Raises SpentForm"""
    chosen = select(sessions.c.forms, sessions.c.spent).where(cookie_sessions.of_secret(sessions, secret))
    row = conn.execute(chosen.with_for_update()).one_or_none()
    spent = [] if row is None or row.spent is None else str(row.spent).split()
    if row is None or forms < row.forms - REMEMBERED or form in spent:
        raise SpentForm
    return spent


def end_session(conn: Connection, secret: str) -> None:
    cookie_sessions.end(conn, sessions, secret)


def _begin(conn: Connection, now: datetime, before: str, **whose: int) -> str:
    ended, ends_s = sessions.c.expires_s <= int(now.timestamp()), int((now + LIFE).timestamp())
    return cookie_sessions.begin(conn, sessions, before, ended, expires_s=ends_s, pin_until_s=0, **whose)


def _of_caregiver(row: Row[Any], secret: str) -> Session | None:
    if row.state != CaregiverState.ACTIVE:
        return None
    actor = Actor("caregiver", str(row.caregiver), row.role)
    may = frozenset(permissions_of((row.role,)))
    return _session(row, secret, row.account, actor, row.nickname, may)


def _of_token(row: Row[Any], secret: str, now_s: int) -> Session | None:
    if row.token_account is None or row.token_ends_s <= now_s:
        return None
    roles = frozenset(row.roles.split())
    may = frozenset(within(permissions_of(roles), parted(row.scopes)))
    actor = Actor("token", str(row.token), " ".join(sorted(roles)))
    return _session(row, secret, row.token_account, actor, row.label, may)


def _session(row: Row[Any], secret: str, account: int, actor: Actor, name: str, permissions: frozenset[str]) -> Session:
    receipt = None if row.receipt is None else json.loads(row.receipt)
    pin = row.pin_from_s, row.pin_until_s
    return Session(account, actor, name, permissions, row.caregiver, *pin, receipt, csrf_of(secret), row.forms)
