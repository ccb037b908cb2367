"""People of the desk: added, disabled, given a role or an end, and a code by which they set what they sign in with.

Invariants: every change is an event of the ledger; a person is never removed; who is disabled, has ended, or has got
another role, is signed in nowhere; no end is put into the past, so none takes back what a person has signed before; a
code counts once, for a few days, and a new one ends the one before.
"""

import enum
import re
import secrets
from datetime import UTC, datetime, timedelta
from itertools import starmap
from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, select, update

from mgmt.ledger.event import STAFF, Actor, Event, Value
from mgmt.ledger.store import append
from mgmt.staff.permissions import (
    APPROVER,
    AUDITOR,
    COMPLIANCE,
    DESK_ROLES,
    ENGINEER,
    REGULATOR,
    SUPPORT,
    Reach,
    reach_of,
)
from mgmt.staff.tokens import digest
from parental.store.schema.staff import enrolment_codes, passkeys, staff, staff_passwords, staff_sessions

# Where no one says another one.  Of two who must agree on a thing, no two are of one group.
GROUPS = {
    REGULATOR: "authority",
    COMPLIANCE: "legal",
    APPROVER: "approval",
    ENGINEER: "network",
    SUPPORT: "customers",
    AUDITOR: "audit",
}
CODE_LIFE = timedelta(days=3)  # over a weekend
CODE_LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # no digit is taken for a letter
CODE_LENGTH = 24  # 120 bits: no one guesses one
LATEST_END = timedelta(days=3653)  # ten years: a later one is a slip of the pen
MAX_NAME_CHARACTERS = 80
MAX_MAIL_CHARACTERS = 254  # RFC 5321 §4.5.3.1.3, without its brackets
MAIL = re.compile(r"[^\s@<>\"]+@[^\s@<>\"]+")


_ALL = select(*staff.c["id", "name", "mail", "role", "group", "state", "last_login_s", "ends_s"])


class StaffState(enum.StrEnum):
    """Whether a person of the desk may sign in.   A row that says anything else is that of a disabled one."""

    ACTIVE = "active"
    DISABLED = "disabled"
    ENDED = "ended"  # never stored: time alone makes it


class Person(NamedTuple):
    """One of the desk.

    mail   in small letters: what a person signs in with
    state  as stored; what counts is state_at();   ends_s  None: no end"""

    number: int
    name: str
    mail: str
    role: str
    group: str
    state: StaffState
    last_login: datetime | None
    ends_s: int | None

    def state_at(self, now_s: float) -> StaffState:
        """The state at a time.   now_s  seconds since 1970, UTC"""
        has_ended = self.state == StaffState.ACTIVE and self.ends_s is not None and self.ends_s <= now_s
        return StaffState.ENDED if has_ended else self.state

    @property
    def ends(self) -> datetime | None:
        """The end; None: there is no end."""
        return None if self.ends_s is None else datetime.fromtimestamp(self.ends_s, UTC)

    @property
    def actor(self) -> Actor:
        """The person, as events name one."""
        return Actor("staff", str(self.number), self.role)

    def may(self, permission: str) -> bool:
        """Whether the role has a permission on everything: a person is bound to no issuer and no line of its own."""
        return reach_of(permission, (self.role,)) is Reach.ALL


class Unfit(ValueError):
    """What no one of the desk can be."""


def add_person(
    conn: Connection,
    name: str,
    mail: str,
    role: str,
    group: str | None,
    by: Actor,
    at: datetime,
    ends: datetime | None = None,
) -> tuple[Person, str]:
    """A new person and the code that lets one enrol, which is stored nowhere.   ends  None: no end.   Raises Unfit."""
    mail = plain_mail(mail)
    if not 0 < len(name) <= MAX_NAME_CHARACTERS or not name.isprintable():
        raise Unfit(f"name: {name!r:.40} is not a name; not added; write 1 to {MAX_NAME_CHARACTERS} characters")
    group, ends_s = _fit_group(role, group), _fit_end(ends, at)
    if _find(conn, mail) is not None:
        raise Unfit(f"{mail}: is of the desk already; not added; see: filterd staff list")
    row = {"name": name, "mail": mail, "role": role, "group": group, "state": StaffState.ACTIVE, "ends_s": ends_s}
    stored = conn.execute(insert(staff).values(**row, created_s=int(at.timestamp())))
    assert stored.inserted_primary_key is not None
    number = int(stored.inserted_primary_key[0])
    said: dict[str, Value] = {"role": role, "group": group}
    said |= {} if ends_s is None else {"ends": _end_text(ends_s)}
    append(conn, Event(STAFF, "person added", by, {"staff": number}, said), at)
    return get_person(conn, number), _new_code(conn, number, at)


def reset_person(conn: Connection, mail: str, by: Actor, at: datetime) -> str:
    """Forget what a person signs in with, end the sessions, and give a new code.   Raises LookupError, Unfit."""
    person = find_person(conn, mail)
    state = person.state_at(at.timestamp())
    if state == StaffState.ENDED:
        raise Unfit(f"{person.mail}: has ended; nothing done; run: filterd staff until {person.mail} DAY")
    if state != StaffState.ACTIVE:
        raise Unfit(f"{person.mail}: is disabled; nothing done; run: filterd staff enable {person.mail}")
    number = person.number
    conn.execute(delete(staff_passwords).where(staff_passwords.c.staff == number))
    conn.execute(delete(passkeys).where(passkeys.c.staff == number))
    _end_sessions(conn, number)
    append(conn, Event(STAFF, "person reset", by, {"staff": number}), at)
    return _new_code(conn, number, at)


def set_state(conn: Connection, mail: str, state: StaffState, by: Actor, at: datetime) -> None:
    """Disable a person, at once, or enable one again.   Raises LookupError."""
    person = find_person(conn, mail)
    if person.state == state:
        return
    disabled_s = int(at.timestamp()) if state == StaffState.DISABLED else None
    conn.execute(update(staff).where(staff.c.id == person.number).values(state=state, disabled_s=disabled_s))
    _end_access(conn, person.number)
    did = "person disabled" if state == StaffState.DISABLED else "person enabled"
    append(conn, Event(STAFF, did, by, {"staff": person.number}), at)


def set_role(conn: Connection, mail: str, role: str, group: str | None, by: Actor, at: datetime) -> None:
    """Give a person another role; the sessions with the one before end.   Raises LookupError, Unfit."""
    person, group = find_person(conn, mail), _fit_group(role, group)
    conn.execute(update(staff).where(staff.c.id == person.number).values({"role": role, "group": group}))
    _end_sessions(conn, person.number)
    said: dict[str, Value] = {"role": role, "group": group, "was": person.role, "was_group": person.group}
    append(conn, Event(STAFF, "role given", by, {"staff": person.number}, said), at)


def set_end(conn: Connection, mail: str, ends: datetime | None, by: Actor, at: datetime) -> None:
    """Give a person an end, another one, or none.   ends  None: no end.   Raises LookupError, Unfit.

    Who had ended comes back as who was disabled does: with no session and no code of before."""
    person, ends_s = find_person(conn, mail), _fit_end(ends, at)
    if person.ends_s == ends_s:
        return
    conn.execute(update(staff).where(staff.c.id == person.number).values(ends_s=ends_s))
    if person.state_at(at.timestamp()) == StaffState.ENDED:
        _end_access(conn, person.number)
    said: dict[str, Value] = {"ends": _end_text(ends_s), "was": _end_text(person.ends_s)}
    append(conn, Event(STAFF, "end given", by, {"staff": person.number}, said), at)


def list_people(conn: Connection) -> list[Person]:
    """All people, also those who are disabled or have ended, by number."""
    return list(starmap(_person, conn.execute(_ALL.order_by(staff.c.id))))


def find_person(conn: Connection, mail: str) -> Person:
    """Raises LookupError."""
    found = _find(conn, mail.strip().lower())
    if found is None:
        raise LookupError(f"{mail[:40]!r}: no person of the desk has it; nothing done; see: filterd staff list")
    return found


def get_person(conn: Connection, number: int) -> Person:
    """The person of a number that the database holds."""
    return _person(*conn.execute(_ALL.where(staff.c.id == number)).one())


def plain_mail(written: str) -> str:
    """An address as it is stored.   Raises Unfit."""
    mail = written.strip().lower()
    if not MAIL.fullmatch(mail) or not mail.isprintable() or len(mail) > MAX_MAIL_CHARACTERS:
        raise Unfit(f"mail: {written!r:.40} is no address; not added; write one such as amna@isp.example")
    return mail


# -- codes to enrol ----------------------------------------------------------------------------------------------------


def person_of_code(conn: Connection, code: str, now: datetime) -> Person | None:
    """Whose code it is; None: no one's, or it has ended."""
    row = conn.execute(select(enrolment_codes).where(enrolment_codes.c.sha256 == code_digest(code))).one_or_none()
    if row is None or row.expires_s <= now.timestamp():
        return None
    person = get_person(conn, row.staff)
    return person if person.state_at(now.timestamp()) == StaffState.ACTIVE else None


def end_code(conn: Connection, number: int) -> None:
    """A person has enrolled, or is not to."""
    conn.execute(delete(enrolment_codes).where(enrolment_codes.c.staff == number))


def code_digest(code: str) -> bytes:
    """What is stored of a code, however it is written."""
    return digest("".join(c for c in code.upper()[:100] if c.isalnum()))


def _new_code(conn: Connection, number: int, at: datetime) -> str:
    end_code(conn, number)
    letters = "".join(secrets.choice(CODE_LETTERS) for _ in range(CODE_LENGTH))
    expires_s = int((at + CODE_LIFE).timestamp())
    conn.execute(insert(enrolment_codes).values(sha256=code_digest(letters), staff=number, expires_s=expires_s))
    return "-".join(letters[i : i + 6] for i in range(0, CODE_LENGTH, 6))


def _end_access(conn: Connection, number: int) -> None:
    _end_sessions(conn, number)
    end_code(conn, number)


def _end_sessions(conn: Connection, number: int) -> None:
    conn.execute(delete(staff_sessions).where(staff_sessions.c.staff == number))


def _fit_group(role: str, group: str | None) -> str:
    if role not in DESK_ROLES:
        raise Unfit(f"role: {role!r:.40} is not of the desk; nothing done; write one of {', '.join(DESK_ROLES)}")
    group = GROUPS[role] if group is None else group
    if not 0 < len(group) <= MAX_NAME_CHARACTERS or not group.isprintable():
        raise Unfit(f"group: {group!r:.40} is not a group; nothing done; write 1 to {MAX_NAME_CHARACTERS} characters")
    return group


def _fit_end(ends: datetime | None, at: datetime) -> int | None:
    if ends is None:
        return None
    if ends <= at:
        raise Unfit(f"end {ends:%Y-%m-%d}: is past; nothing done; write a day to come; at once: filterd staff disable")
    if ends > at + LATEST_END:
        raise Unfit(f"end {ends:%Y-%m-%d}: is more than ten years ahead; nothing done; write an earlier day")
    return int(ends.timestamp())


def _end_text(ends_s: int | None) -> str | None:
    return None if ends_s is None else datetime.fromtimestamp(ends_s, UTC).isoformat()


def _find(conn: Connection, mail: str) -> Person | None:
    row = conn.execute(_ALL.where(staff.c.mail == mail)).one_or_none()
    return None if row is None else _person(*row)


def _person(
    number: int,
    name: str,
    mail: str,
    role: str,
    group: str,
    state: str,
    last_login_s: int | None,
    ends_s: int | None,
) -> Person:
    last = None if last_login_s is None else datetime.fromtimestamp(last_login_s, UTC)
    stored = StaffState.ACTIVE if state == StaffState.ACTIVE else StaffState.DISABLED  # another role writes it
    return Person(number, name, mail, role, group, stored, last, ends_s)
