"""Signing in with a password and a one-time code, and setting the two.

Invariants: whether a name is known, whether the password was wrong or the code, does not show in the answer nor in
its time; so many hashes are computed at once, and no more, no matter who asks.
"""

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, TypeVar

from sqlalchemy import Connection, Engine, select, update

from mgmt.ledger.event import STAFF, Event
from mgmt.ledger.store import append
from mgmt.staff.attempts import Attempts
from mgmt.staff.passwords import TOTP_OCTETS, hash_password, is_right, step_of
from mgmt.staff.people import Person, StaffState, Unfit, end_code, get_person, person_of_code
from mgmt.staff.secret_box import SecretBox
from mgmt.staff.session import begin_session
from parental.store import database
from parental.store.database import reading, upsert
from parental.store.schema.staff import enrolment_codes, staff, staff_passwords
from rules.base.clients import Client

PASSWORD, PASSKEY = "password", "passkey"
HASHES_AT_ONCE = 2  # 64 MiB and a core each
MAX_WAITING = 40  # for one of them: five seconds

T = TypeVar("T")


class Wait(Exception):
    """Too many tries; s: how long to wait."""

    def __init__(self, s: float) -> None:
        super().__init__(s)
        self.s = s


class LoginAttempt(NamedTuple):
    """What someone types.   before  the session's cookie that the browser has shown, or ''"""

    mail: str
    password: str
    code: str
    client: Client
    before: str


class _Credentials(NamedTuple):
    person: Person | None
    hashed: str | None
    secret: bytes


@dataclass(slots=True)
class Login:
    """One for the process.   clock_s: a monotonic clock"""

    engine: Engine
    box: SecretBox
    clock_s: Callable[[], float] = time.monotonic
    attempts: Attempts = field(default_factory=Attempts)
    _hashes: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(HASHES_AT_ONCE))
    _n_waiting: int = 0

    async def sign_in(self, tried: LoginAttempt, now: datetime) -> str | None:
        """The cookie's value; None: refused.   Raises Wait."""
        mail = tried.mail.strip().lower()
        if wait_s := self.attempts.wait_s(tried.client, mail, self.clock_s()):
            raise Wait(wait_s)
        if slow_s := self.attempts.slow_s(tried.client, mail, self.clock_s()):
            await asyncio.sleep(slow_s)
        known = await asyncio.to_thread(self._look_up, mail, now.timestamp())
        is_password = await self.hashed(lambda: is_right(tried.password, known.hashed))
        step = step_of(known.secret, tried.code, now)
        secret = None
        if known.person is not None and is_password:
            secret = await self._judge_code(known.person, step, tried.before, now)
        if secret is None or known.person is None:
            self.attempts.failed(tried.client, mail, self.clock_s())
            return None
        self.attempts.succeeded(tried.client, mail, known.person.number)
        return secret

    async def hashed(self, work: Callable[[], T]) -> T:
        """Hash in a thread, when it is this one's turn.   Raises Wait."""
        if self._n_waiting >= MAX_WAITING:
            raise Wait(HASHES_AT_ONCE)
        self._n_waiting += 1
        try:
            async with self._hashes:
                return await asyncio.to_thread(work)
        finally:
            self._n_waiting -= 1

    async def _judge_code(self, person: Person, step: int | None, before: str, now: datetime) -> str | None:
        """The cookie's value, where the code counts."""
        if not self.attempts.may_code(person.number, self.clock_s()):
            return None
        if step is not None:
            work = _spend_and_begin(person, step, before, now)
            if secret := await asyncio.to_thread(database.write, self.engine, work):
                return secret
        if self.attempts.wrong_code(person.number, self.clock_s()):
            event = Event(STAFF, "codes refused for an hour", person.actor, {"staff": person.number})
            await asyncio.to_thread(database.write, self.engine, lambda conn: append(conn, event, now))
        return None

    def _look_up(self, mail: str, now_s: float) -> _Credentials:
        columns = select(staff.c.id, staff_passwords.c.hash, staff_passwords.c.totp)
        chosen = columns.join(staff_passwords, staff_passwords.c.staff == staff.c.id).where(staff.c.mail == mail)
        with reading(self.engine) as conn:
            row = conn.execute(chosen).one_or_none()
            person = None if row is None else get_person(conn, row.id)
        secret = None if row is None else self.box.open(row.totp, row.id)
        if person is None or row is None or secret is None or person.state_at(now_s) != StaffState.ACTIVE:
            return _Credentials(None, None, os.urandom(TOTP_OCTETS))
        return _Credentials(person, row.hash, secret)


def _spend_and_begin(person: Person, step: int, before: str, now: datetime) -> Callable[[Connection], str | None]:
    def work(conn: Connection) -> str | None:
        chosen = staff_passwords.c.staff == person.number, staff_passwords.c.totp_step < step
        if not conn.execute(update(staff_passwords).where(*chosen).values(totp_step=step)).rowcount:
            return None  # the code was used
        return begin(conn, person, PASSWORD, before, now)

    return work


def begin(conn: Connection, person: Person, method: str, before: str, now: datetime) -> str:
    """Sign a person in who has shown who it is; the cookie's value."""
    secret = begin_session(conn, person.number, method, before, now)
    conn.execute(update(staff).where(staff.c.id == person.number).values(last_login_s=int(now.timestamp())))
    append(conn, Event(STAFF, "signed in", person.actor, {"staff": person.number}, {"method": method}), now)
    return secret


# -- enrolment ---------------------------------------------------------------------------------------------------------


def owner_of_code(conn: Connection, box: SecretBox, code: str, now: datetime) -> tuple[Person, bytes]:
    """Who enrols, and the secret of one-time codes that is shown, the same until the code ends.   Raises Unfit."""
    person = _owner(conn, code, now)
    chosen = enrolment_codes.c.staff == person.number
    sealed = conn.execute(select(enrolment_codes.c.totp).where(chosen)).scalar_one()
    if sealed is not None and (known := box.open(sealed, person.number)) is not None:
        return person, known
    secret = os.urandom(TOTP_OCTETS)
    conn.execute(update(enrolment_codes).where(chosen).values(totp=box.seal(secret, person.number)))
    return person, secret


def _owner(conn: Connection, code: str, now: datetime) -> Person:
    person = person_of_code(conn, code, now)
    if person is None:
        raise Unfit("code: it does not count, or no longer; nothing set; ask for a new one")
    return person


async def enrol(login: Login, code: str, password: str, typed: str, now: datetime) -> None:
    """Set password and one-time codes, and end the code.   Raises Unfit, Wait."""

    def look_up() -> tuple[Person, bytes]:
        with reading(login.engine) as conn:  # first: a stranger's code costs no writer's turn
            _owner(conn, code, now)
        return database.write(login.engine, lambda conn: owner_of_code(conn, login.box, code, now))

    person, secret = await asyncio.to_thread(look_up)
    step = step_of(secret, typed, now)
    if step is None:
        raise Unfit("one-time code: it is not the one of now; nothing set; look at the clock of the phone")
    hashed = await login.hashed(lambda: hash_password(password))
    row = {"hash": hashed, "totp": login.box.seal(secret, person.number), "totp_step": step}
    row_s = int(now.timestamp())

    def store(conn: Connection) -> None:
        _owner(conn, code, now)  # it may have been used meanwhile
        put = upsert(conn, staff_passwords).values(staff=person.number, set_s=row_s, **row)
        conn.execute(put.on_conflict_do_update(index_elements=["staff"], set_={**row, "set_s": row_s}))
        end_code(conn, person.number)
        append(conn, Event(STAFF, "password set", person.actor, {"staff": person.number}), now)

    await asyncio.to_thread(database.write, login.engine, store)
