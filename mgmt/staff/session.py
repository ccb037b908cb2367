"""Who is signed in at the desk: a session of mgmt.staff.cookie_sessions.

Invariants: a session ends after half a day, after half an hour in which no one uses it, at signing out, and with what
its person is.
Source: OWASP ASVS 5.0 §7.
"""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, select, update

from mgmt.staff import cookie_sessions
from mgmt.staff.people import Person, StaffState, get_person
from mgmt.staff.tokens import csrf_of
from parental.store.schema.staff import staff_sessions

LIFE = timedelta(hours=12)  # a working day
IDLE = timedelta(minutes=30)
SEEN = timedelta(minutes=1)  # how exactly the last use is noted
FRESH = timedelta(minutes=10)  # for what a stolen session must not do: a passkey more


class Session(NamedTuple):
    """csrf  what every form must send back;   is_seen  whether the last use is noted closely enough"""

    person: Person
    began: datetime
    csrf: str
    is_seen: bool

    def is_fresh(self, now: datetime) -> bool:
        return now - self.began < FRESH


def begin_session(conn: Connection, person: int, method: str, before: str, now: datetime) -> str:
    """The new cookie's value.   before: the one that the browser has shown, or ''"""
    now_s, table = int(now.timestamp()), staff_sessions
    ended = (table.c.created_s <= now_s - LIFE.total_seconds()) | (table.c.seen_s <= now_s - IDLE.total_seconds())
    return cookie_sessions.begin(conn, table, before, ended, staff=person, method=method, created_s=now_s, seen_s=now_s)


def find_session(conn: Connection, secret: str, now: datetime) -> Session | None:
    """The session of a cookie's value, if it still holds."""
    row = conn.execute(select(staff_sessions).where(cookie_sessions.of_secret(staff_sessions, secret))).one_or_none()
    now_s = now.timestamp()
    if row is None or row.created_s <= now_s - LIFE.total_seconds() or row.seen_s <= now_s - IDLE.total_seconds():
        return None
    person = get_person(conn, row.staff)
    if person.state_at(now_s) != StaffState.ACTIVE:
        return None
    is_seen = now_s - row.seen_s < SEEN.total_seconds()
    return Session(person, datetime.fromtimestamp(row.created_s, UTC), csrf_of(secret), is_seen)


def note_use(conn: Connection, secret: str, now: datetime) -> None:
    """Someone uses the session now."""
    chosen = cookie_sessions.of_secret(staff_sessions, secret)
    conn.execute(update(staff_sessions).where(chosen).values(seen_s=int(now.timestamp())))


def end_session(conn: Connection, secret: str) -> None:
    cookie_sessions.end(conn, staff_sessions, secret)
