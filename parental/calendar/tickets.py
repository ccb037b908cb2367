"""Tickets: printed codes of minutes, for one household, each used once.

    code   123 456 789: the ticket's number in its household, then six digits of an HMAC over ticket, household, minutes

Digits alone: who cannot read can type them, in Urdu's figures, too.  A code is not stored: it is made again from the
household's key, which lies in the same database.  Six digits are guessed once in a million tries; the doors allow a few
a minute.

Invariants: a ticket's id is never given twice, so that no old code becomes good again; of two uses at once the database
refuses one; a code of another household is as good as none.
"""

import hmac
import secrets
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from parental.calendar.exceptions import MAX_MORE, add, more
from parental.people.household import By
from parental.policy.profiles import get_profile
from parental.store.errors import BadProfile, NoPerson
from parental.store.schema.calendar import ticket_keys, ticket_uses, tickets

KEY_OCTETS = 32
NUMBERS = range(1, 1000)
MAX_AT_ONCE = 50  # of one sheet
KEEPS = timedelta(days=180)
DIGITS = 9
TAG = 10**6
N_TRIES, WINDOW_S = 20, 600.0  # of one household at each door: a sheet of typing errors; a million codes take a year


class Ticket(NamedTuple):
    """A ticket.   code  of DIGITS digits;   used_s, revoked_s  None: not"""

    id: int
    code: str
    minutes: int
    made_s: int
    expires_s: int
    used_s: int | None
    revoked_s: int | None


def issue(conn: Connection, account: int, count: int, minutes: int, at: datetime) -> list[Ticket]:
    """Make tickets.   Raises BadProfile"""
    if not 1 <= count <= MAX_AT_ONCE or not 1 <= minutes <= MAX_MORE:
        raise BadProfile(
            f"tickets: {count} of {minutes} minutes; not made; write 1 to {MAX_AT_ONCE} of 1 to {MAX_MORE} minutes"
        )
    now_s = int(at.timestamp())
    _make_key(conn, account)
    conn.execute(delete(tickets).where(tickets.c.account == account, tickets.c.expires_s <= now_s))
    taken = set(conn.execute(select(tickets.c.number).where(tickets.c.account == account)).scalars())
    free = [number for number in NUMBERS if number not in taken][:count]
    if len(free) < count:
        raise BadProfile(f"tickets: {len(taken)} are there; not made; revoke some, or wait until they expire")
    row = {"minutes": minutes, "made_s": now_s, "expires_s": int((at + KEEPS).timestamp())}
    for number in free:
        conn.execute(insert(tickets).values(account=account, number=number, **row))
    return tickets_of(conn, account)[-count:]


def tickets_of(conn: Connection, account: int) -> list[Ticket]:
    """A household's tickets, the oldest first."""
    chosen = select(tickets, ticket_uses.c.used_s).outerjoin(ticket_uses, ticket_uses.c.ticket == tickets.c.id)
    rows = conn.execute(chosen.where(tickets.c.account == account).order_by(tickets.c.id)).all()
    key = _key(conn, account) if rows else b""
    return [_ticket(row, key, row.used_s) for row in rows]


def revoke(conn: Connection, account: int, ticket: int, at: datetime) -> None:
    """Make a ticket worthless.   Raises NoPerson for one that is missing, or not any more"""
    mine = tickets.c.id == ticket, tickets.c.account == account, tickets.c.revoked_s.is_(None)
    unused = tickets.c.id.not_in(select(ticket_uses.c.ticket))
    if conn.execute(update(tickets).where(*mine, unused).values(revoked_s=int(at.timestamp()))).rowcount == 0:
        raise NoPerson(f"ticket {ticket}: not one of account {account}, used or revoked; nothing done")


def use(conn: Connection, account: int, profile: int, code: str, at: datetime) -> int:
    """Give a profile of the household the minutes of a ticket; how many.

    Raises NoPerson for a code that is not good; NotNow where it would open nothing, and the ticket is kept"""
    found = _find(conn, account, code)
    now_s = int(at.timestamp())
    if found is None or found.revoked_s is not None or found.expires_s <= now_s:
        raise NoPerson("ticket: this code is not good here; nothing opened; look at the digits again")
    span = more(get_profile(conn, profile), "ticket", found.minutes, at)
    try:
        with conn.begin_nested():
            conn.execute(insert(ticket_uses).values(ticket=found.id, profile=profile, used_s=now_s))
    except IntegrityError:
        raise NoPerson("ticket: used already; nothing opened; take another") from None
    add(conn, profile, span, By("ticket", str(found.id)), at)
    return found.minutes


def plain_code(said: str) -> str | None:
    """A code as it was typed, as plain digits; None: it cannot be one.   Cost: some characters, no matter what comes"""
    kept = [each for each in said[:40] if not each.isspace() and each != "-"]
    if len(kept) != DIGITS or not all(each.isdecimal() for each in kept):
        return None
    return "".join(str(int(each)) for each in kept)


def _find(conn: Connection, account: int, said: str) -> Ticket | None:
    """The ticket of a code, no matter what became of it."""
    code = plain_code(said)
    if code is None:
        return None
    of_number = tickets.c.account == account, tickets.c.number == int(code[:3])
    row = conn.execute(select(tickets).where(*of_number)).one_or_none()
    if row is None:
        return None
    found = _ticket(row, _key(conn, account), None)
    return found if hmac.compare_digest(found.code, code) else None


def _ticket(row: Row[Any], key: bytes, used_s: int | None) -> Ticket:
    said = hmac.digest(key, f"ticket {row.account} {row.id} {row.minutes}".encode("ascii"), "sha256")
    code = f"{row.number:03}{int.from_bytes(said[:8]) % TAG:06}"
    return Ticket(row.id, code, row.minutes, row.made_s, row.expires_s, used_s, row.revoked_s)


def _key(conn: Connection, account: int) -> bytes:
    """The key of a household that has tickets."""
    return bytes(conn.execute(select(ticket_keys.c.key).where(ticket_keys.c.account == account)).scalar_one())


def _make_key(conn: Connection, account: int) -> None:
    if conn.execute(select(ticket_keys.c.account).where(ticket_keys.c.account == account)).first() is None:
        conn.execute(insert(ticket_keys).values(account=account, key=secrets.token_bytes(KEY_OCTETS)))
