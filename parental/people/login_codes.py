"""One-time codes: six digits sent to a telephone, by which the browser that asked for them signs in.

Whether a number is known does not matter here: a code is made for every number, and sent to those that are known.

Invariants: a code holds for LIFE, for TRIES tries and once, and only in the browser that asked; a number gets at most
OF_HOUR codes an hour and OF_DAY a day, no matter who asks; no code and no number is in a row in clear.
Source: NIST SP 800-63B-4 §3.1.3 (out-of-band), OWASP ASVS 5.0 §6.6.
"""

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update

from parental.people.phones import Phones
from parental.store.schema.access import login_codes

LIFE = timedelta(minutes=5)
TRIES = 5
APART = timedelta(seconds=30)  # between two codes of a number: a finger that taps twice
OF_HOUR, OF_DAY = 5, 10
DIGITS = 6
STEP = timedelta(minutes=1)  # that a clock may go back: corrections of a clock are smaller
DAY = timedelta(days=1)


class TooMany(Exception):
    """A number has got its codes; s: how long to wait."""

    def __init__(self, s: float) -> None:
        super().__init__(s)
        self.s = s


class LoginCode(NamedTuple):
    """A code that was asked for.   secret  of the browser's cookie;   code  to send"""

    secret: str
    code: str


def ask(conn: Connection, phones: Phones, phone_digest: bytes, at: datetime) -> LoginCode:
    """Make a code for a number.   Raises TooMany"""
    at_s = int(at.timestamp())
    old = login_codes.c.asked_s <= at_s - DAY.total_seconds()
    of_a_clock_that_went_back = login_codes.c.asked_s > at_s
    conn.execute(delete(login_codes).where(old | of_a_clock_that_went_back))
    if wait_s := _wait_s(conn, phone_digest, at_s):
        raise TooMany(wait_s)
    secret, code = secrets.token_urlsafe(32), f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"
    asked_by = _digest(secret)
    row = {"phone_digest": phone_digest, "asked_s": at_s, "tries": 0}
    conn.execute(insert(login_codes).values(asked_by=asked_by, code=phones.code_digest(asked_by, code), **row))
    return LoginCode(secret, code)


def spend(conn: Connection, phones: Phones, secret: str, typed: str, at: datetime) -> bytes | None:
    """The digest of the number whose code was typed; None: it is wrong, used, or does not hold any more.

    Cost: each try is counted before it is judged, so that many at once are no more than TRIES"""
    asked_by = _digest(secret)
    held = login_codes.c.asked_by == asked_by, login_codes.c.tries < TRIES, *_holds(at)
    counted = update(login_codes).where(*held).values(tries=login_codes.c.tries + 1)
    row = conn.execute(counted.returning(login_codes.c.code, login_codes.c.phone_digest)).one_or_none()
    if row is None or not hmac.compare_digest(row.code, phones.code_digest(asked_by, plain_digits(typed))):
        return None
    conn.execute(update(login_codes).where(login_codes.c.asked_by == asked_by).values(tries=TRIES))
    return bytes(row.phone_digest)


def tries_left(conn: Connection, secret: str, at: datetime) -> int:
    """Tries that the code of a browser has left; 0 where it holds no more."""
    held = login_codes.c.asked_by == _digest(secret), *_holds(at)
    tries = conn.execute(select(login_codes.c.tries).where(*held)).scalar_one_or_none()
    return 0 if tries is None else TRIES - tries


def plain_digits(typed: str) -> str:
    """What was typed, in plain digits: figures of Urdu count, and blanks do not."""
    kept = [each for each in typed[:40] if not each.isspace() and each != "-"]
    return "".join(str(int(each)) if each.isdecimal() else each for each in kept)


def _holds(at: datetime) -> tuple[ColumnElement[bool], ...]:
    """Chooses what was asked for within LIFE; nothing that a clock which went back has made young again."""
    at_s = at.timestamp()
    return login_codes.c.asked_s > at_s - LIFE.total_seconds(), login_codes.c.asked_s <= at_s + STEP.total_seconds()


def _wait_s(conn: Connection, phone_digest: bytes, at_s: int) -> float:
    for most, within in ((1, APART), (OF_HOUR, timedelta(hours=1)), (OF_DAY, DAY)):
        since = at_s - within.total_seconds()
        of_number = login_codes.c.phone_digest == phone_digest, login_codes.c.asked_s > since
        counted = select(func.count(), func.min(login_codes.c.asked_s)).where(*of_number)
        n, first_s = conn.execute(counted).one()
        if n >= most:
            return float(max(1, first_s - since))
    return 0.0


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
