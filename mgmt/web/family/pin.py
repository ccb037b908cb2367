"""The PIN of a household: four to six digits, which are asked before a rule is loosened, and never to tighten one.

A telephone lies about at home: who has it in hand can read the code that signs in, and knows no PIN by it.
Invariants: a try is counted before it is judged, so that many at once are no more than one after another; after FREE
wrong ones each takes longer, for the household as a whole, whichever phone tries; the first wait is written into the
household's record; a PIN that was right counts once, as a reload sends it again; a PIN is stored by Argon2id and shown
nowhere.
Source: RFC 9106 (Argon2id), NIST SP 800-63B-4 §3.2.2 (how often may be tried).
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TypeVar

from aiohttp import web
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Connection, delete, select, update

from mgmt.registers.households import note_choice
from mgmt.staff.passwords import HASHER
from mgmt.web.family.frame import SubmittedForm
from mgmt.web.family.session import LIFE, Session, end_pins, keep_pin, refuse_repeated, spend
from mgmt.web.kit.app_context import CLOCK, read, write
from parental.people.login_codes import STEP, plain_digits
from parental.store.database import upsert
from parental.store.schema.access import family_pins

T = TypeVar("T")
DIGITS = range(4, 7)
FREE = 5  # wrong tries in a row without a wait: a person who mixes up two PINs
FIRST_WAIT_S, LONGEST_WAIT_S = 60, 3600  # at an hour a try, all of 10,000 PINs take more than a year
FRESH = timedelta(minutes=5)  # in which a person taps again
PROVEN = "p"  # a form's PIN is spent apart from its deed, which may be refused
HASHES_AT_ONCE = 2  # 64 MiB and a core each

HASHES: web.AppKey[asyncio.Semaphore] = web.AppKey("family_hashes", asyncio.Semaphore)


class PinRefusal(Exception):
    """A PIN that does not open.   message  of the catalogue;   minutes  to wait, where that is why"""

    def __init__(self, message: str, minutes: int = 0) -> None:
        super().__init__(message)
        self.message, self.minutes = message, minutes


def add_pins(app: web.Application) -> None:
    """What PINs need of the application."""
    app[HASHES] = asyncio.Semaphore(HASHES_AT_ONCE)


def is_fresh(session: Session, now: datetime) -> bool:
    """Whether the PIN was right here a moment ago, or this phone is its owner's alone; not before that, where a clock
    has gone back by more than a step."""
    return session.pin_from_s - STEP.total_seconds() <= now.timestamp() < session.pin_until_s


async def has_pin(request: web.Request, account: int) -> bool:
    """Whether a household has a PIN."""
    return await read(request, lambda conn: _wait_of(conn, account)) is not None


async def prove(request: web.Request, form: SubmittedForm) -> None:
    """Judge the PIN of a form, or set the household's first; then it is not asked again for a while.

    It is spent with the form, also where the deed is refused then.
    Raises PinRefusal; SpentForm, and no try is counted"""
    now, account, key = request.app[CLOCK](), form.session.account, form.key + PROVEN
    typed = plain_digits(form.fields["pin"])
    if await has_pin(request, account):
        hashed = await write(request, lambda conn: _count(conn, form, key, now))
        if not await _hashed(request, lambda: _is_right(typed, hashed)):
            raise PinRefusal("family.pin.wrong")
    else:
        await set_pin(request, form, typed, plain_digits(form.fields["again"]))
    until = now + (LIFE if form.fields["alone"] else FRESH)

    def store_it(conn: Connection) -> None:
        spend(conn, form.secret, form.forms, key)
        _forgive(conn, account)
        keep_pin(conn, form.secret, now, until)

    await write(request, store_it)


async def set_pin(request: web.Request, form: SubmittedForm, typed: str, again: str, *, is_first: bool = True) -> None:
    """Give a household a PIN, which every other phone asks for then.   is_first  it has none.   Raises PinRefusal"""
    session = form.session
    if not session.may("account.open"):
        raise PinRefusal("family.pin.ask")
    _require_good(typed, again)
    hashed, now = await _hashed(request, lambda: HASHER.hash(typed)), request.app[CLOCK]()

    def store_it(conn: Connection) -> None:
        if is_first and _wait_of(conn, session.account) is not None:
            raise PinRefusal("family.pin.taken")  # another caregiver was quicker
        row = {"hash": hashed, "set_s": int(now.timestamp()), "wrong": 0, "waits_until_s": 0}
        put = upsert(conn, family_pins).values(account=session.account, **row)
        conn.execute(put.on_conflict_do_update(index_elements=["account"], set_=row))
        end_pins(conn, session.account, form.secret)
        note_choice(conn, session.account, session.actor, "pin set" if is_first else "pin changed", {}, now)

    await write(request, store_it)


async def change_pin(request: web.Request, form: SubmittedForm) -> None:
    """Have a new PIN take the place of the one that the form proves, which no other phone counts any more.

    Raises PinRefusal; SpentForm"""
    typed, again = plain_digits(form.fields["new_pin"]), plain_digits(form.fields["again"])
    _require_good(typed, again)  # first: what is wrong with the new one costs no try
    await prove(request, form)
    await set_pin(request, form, typed, again, is_first=False)


def _require_good(typed: str, again: str) -> None:
    """Raises PinRefusal"""
    if typed != again:
        raise PinRefusal("family.pin.differ")
    if len(typed) not in DIGITS or not typed.isascii() or not typed.isdigit():
        raise PinRefusal("family.pin.digits")
    if _is_easy(typed):
        raise PinRefusal("family.pin.easy")


def remove_pin(conn: Connection, account: int) -> bool:
    """Have a household set a new one, on every phone; whether it had one."""
    end_pins(conn, account, "")
    return conn.execute(delete(family_pins).where(family_pins.c.account == account)).rowcount > 0


def _count(conn: Connection, form: SubmittedForm, key: str, now: datetime) -> str:
    """Count a try; the hash to judge it by.   Raises PinRefusal while tries have to wait; SpentForm"""
    refuse_repeated(conn, form.secret, form.forms, key)
    session = form.session
    mine, now_s = family_pins.c.account == session.account, int(now.timestamp())
    # A wait that is longer than any is of a clock that went back since.
    is_over = (family_pins.c.waits_until_s <= now_s) | (family_pins.c.waits_until_s > now_s + LONGEST_WAIT_S)
    counted = update(family_pins).where(mine, is_over)
    counted = counted.values(wrong=family_pins.c.wrong + 1)
    row = conn.execute(counted.returning(family_pins.c.wrong, family_pins.c.hash)).one_or_none()
    if row is None:
        waits_until_s = _wait_of(conn, session.account)
        raise PinRefusal("family.pin.wait", 1 if waits_until_s is None else -(-(waits_until_s - now_s) // 60))
    if row.wrong >= FREE:
        wait_s = min(FIRST_WAIT_S * 2 ** min(row.wrong - FREE, 10), LONGEST_WAIT_S)
        conn.execute(update(family_pins).where(mine).values(waits_until_s=now_s + wait_s))
    if row.wrong == FREE:
        note_choice(conn, session.account, session.actor, "pin wrong", {"times": row.wrong}, now)
    return str(row.hash)


def _forgive(conn: Connection, account: int) -> None:
    conn.execute(update(family_pins).where(family_pins.c.account == account).values(wrong=0, waits_until_s=0))


def _wait_of(conn: Connection, account: int) -> int | None:
    """Until when tries of a household's PIN wait; None: it has none."""
    chosen = select(family_pins.c.waits_until_s).where(family_pins.c.account == account)
    return conn.execute(chosen).scalar_one_or_none()


async def _hashed(request: web.Request, work: Callable[[], T]) -> T:
    """Hash in a thread, when it is this one's turn."""
    async with request.app[HASHES]:
        return await asyncio.to_thread(work)


def _is_right(typed: str, hashed: str) -> bool:
    try:
        return HASHER.verify(hashed, typed)
    except (VerificationError, InvalidHashError):
        return False


def _is_easy(pin: str) -> bool:
    """One digit again and again, or digits in their order: what a child tries first."""
    steps = {(int(b) - int(a)) % 10 for a, b in pairwise(pin)}
    return len(steps) == 1 and steps <= {0, 1, 9}
