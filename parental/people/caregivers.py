"""Caregivers: the people who may do something in an account, from the invitation until they are removed.

    invited → active → removed

Who was invited becomes active with the code, or by signing in with the telephone that the invitation names.

Invariants: an account that has an active owner never loses its last one; a code is shown once, is stored as SHA-256
and ends after INVITATION; who was removed keeps a nickname and nothing else, as what was done names them.
"""

import base64
import enum
import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from parental.people.accounts import get_account, one_line
from parental.people.phones import SealedPhone
from parental.store.errors import BadPerson, NoPerson
from parental.store.schema.people import caregivers

OWNER, PARENT, HELPER, SCHOOL = ROLES = ("owner", "parent", "helper", "school")
MAX_CAREGIVERS = 32  # that are invited or active; a school has its teachers
INVITATION = timedelta(days=7)
CODE_OCTETS = 10  # 80 bits: 16 characters, which can be read out


class CaregiverState(enum.StrEnum):
    """How far a caregiver has come."""

    INVITED = "invited"
    ACTIVE = "active"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Caregiver:
    """One of ROLES in an account.   invited_by None: the operator"""

    id: int
    account: int
    nickname: str
    role: str
    state: CaregiverState
    invited_by: int | None
    has_phone: bool


_SHOWN = [*caregivers.c["id", "account", "nickname", "role", "state", "invited_by"], caregivers.c.phone.is_not(None)]
_ALL = select(*_SHOWN)
_IS_ACTIVE = caregivers.c.state == CaregiverState.ACTIVE


def invite(
    conn: Connection,
    account: int,
    nickname: str,
    role: str,
    at: datetime,
    *,
    phone: SealedPhone | None = None,
    by: int | None = None,
) -> tuple[Caregiver, str]:
    """Invite someone, and the code that accepts; again with the same telephone number: the code before ends.

    by  the caregiver who does it; None: the operator.   Raises NoPerson, BadPerson"""
    get_account(conn, account)
    _known(role)
    there = caregivers_of(conn, account)
    row: dict[str, object] = {"nickname": one_line("nickname", nickname), "role": role}
    row |= {"state": CaregiverState.INVITED, "invited_by": by}
    code = base64.b32encode(secrets.token_bytes(CODE_OCTETS)).decode("ascii").lower()
    row |= {"invitation": _digest(code), "invitation_ends_s": int((at + INVITATION).timestamp())}
    row["invited_s"] = int(at.timestamp())
    again = None if phone is None else _with_phone(conn, account, phone)
    if again is not None and again.state == CaregiverState.ACTIVE:
        raise BadPerson(f"phone: caregiver {again.id} of this account has it; not invited; give another number")
    if again is None and len(there) >= MAX_CAREGIVERS:
        raise BadPerson(f"caregiver: one too many; not invited; an account has at most {MAX_CAREGIVERS}")
    if again is not None:
        conn.execute(update(caregivers).where(caregivers.c.id == again.id).values(**row))
        return get_caregiver(conn, account, again.id), code
    row |= {"phone": phone.octets, "phone_digest": phone.digest} if phone is not None else {}
    stored = conn.execute(insert(caregivers).values(account=account, **row))
    assert stored.inserted_primary_key is not None
    return get_caregiver(conn, account, int(stored.inserted_primary_key[0])), code


def accept(conn: Connection, code: str, at: datetime) -> Caregiver:
    """Make the one who was invited active; a code holds once.   Raises NoPerson for a code that does not hold"""
    chosen = select(caregivers).where(caregivers.c.invitation == _digest(code.strip().lower()))
    row = conn.execute(chosen).one_or_none()
    if row is None or row.state != CaregiverState.INVITED or row.invitation_ends_s <= at.timestamp():
        raise NoPerson("code: unknown, used or too old; nothing done; ask for a new invitation")
    values = {"state": CaregiverState.ACTIVE, "invitation": None, "invitation_ends_s": None}
    conn.execute(update(caregivers).where(caregivers.c.id == row.id).values(**values))
    return get_caregiver(conn, row.account, row.id)


def by_phone(conn: Connection, digest: bytes, at: datetime) -> list[Caregiver]:
    """Who has a telephone number, active or with an invitation that holds, in the order of the invitations."""
    chosen = _ALL.where(caregivers.c.phone_digest == digest).order_by(caregivers.c.id)
    invited = (caregivers.c.state == CaregiverState.INVITED) & (caregivers.c.invitation_ends_s > at.timestamp())
    return [_caregiver(row) for row in conn.execute(chosen.where(_IS_ACTIVE | invited))]


def with_same_phone(conn: Connection, caregiver: int) -> list[Caregiver]:
    """The active caregivers of all households that have the telephone of one, who is among them."""
    own = select(caregivers.c.phone_digest).where(caregivers.c.id == caregiver).scalar_subquery()
    chosen = _ALL.where(caregivers.c.phone_digest == own, _IS_ACTIVE)
    return [_caregiver(row) for row in conn.execute(chosen.order_by(caregivers.c.id))]


def accept_by_phone(conn: Connection, caregiver: int) -> None:
    """Make one who was invited, and has proven to hold the telephone that was named, active."""
    one = caregivers.c.id == caregiver, caregivers.c.state == CaregiverState.INVITED
    conn.execute(
        update(caregivers).where(*one).values(state=CaregiverState.ACTIVE, invitation=None, invitation_ends_s=None)
    )


def change_role(conn: Connection, account: int, caregiver: int, role: str) -> Caregiver:
    """Give a caregiver another role.   Raises NoPerson; BadPerson, also for the last owner"""
    found = get_caregiver(conn, account, caregiver)
    _known(role)
    if role != OWNER:
        _refuse_last(conn, found, OWNER, "its role is not changed")
    conn.execute(update(caregivers).where(caregivers.c.id == caregiver).values(role=role))
    return get_caregiver(conn, account, caregiver)


def remove_caregiver(conn: Connection, account: int, caregiver: int) -> Caregiver:
    """End what a caregiver may do, or an invitation.   Raises NoPerson; BadPerson for the last owner"""
    found = get_caregiver(conn, account, caregiver)
    _refuse_last(conn, found, OWNER, "not removed")
    gone: dict[str, object] = {
        "state": CaregiverState.REMOVED,
        "phone": None,
        "phone_digest": None,
        "answers_by_message": False,
    }
    gone |= {"invitation": None, "invitation_ends_s": None}
    conn.execute(update(caregivers).where(caregivers.c.id == caregiver).values(**gone))
    return found


def get_caregiver(conn: Connection, account: int, caregiver: int) -> Caregiver:
    """One who is invited or active.   Raises NoPerson, also for one of another account"""
    chosen = _ALL.where(caregivers.c.id == caregiver, caregivers.c.account == account)
    row = conn.execute(chosen.where(caregivers.c.state != CaregiverState.REMOVED)).one_or_none()
    if row is None:
        raise NoPerson(f"caregiver {caregiver}: not one of account {account}; nothing done; see its list of caregivers")
    return _caregiver(row)


def caregivers_of(conn: Connection, account: int) -> list[Caregiver]:
    """Who is invited or active in an account, in the order of the invitations."""
    chosen = _ALL.where(caregivers.c.account == account, caregivers.c.state != CaregiverState.REMOVED)
    return [_caregiver(row) for row in conn.execute(chosen.order_by(caregivers.c.id))]


def _with_phone(conn: Connection, account: int, phone: SealedPhone) -> Caregiver | None:
    chosen = _ALL.where(caregivers.c.account == account, caregivers.c.phone_digest == phone.digest)
    row = conn.execute(chosen).one_or_none()
    return None if row is None else _caregiver(row)


def keep_last_school(conn: Connection, account: int, caregiver: int) -> None:
    """Refuse what a school cannot do to itself: only support gives this role, and makes it a household's account again.

    Raises NoPerson; BadPerson"""
    _refuse_last(conn, get_caregiver(conn, account, caregiver), SCHOOL, "nothing changed")


def _refuse_last(conn: Connection, found: Caregiver, role: str, what: str) -> None:
    if (found.role, found.state) != (role, CaregiverState.ACTIVE):
        return
    same = select(func.count()).select_from(caregivers).where(caregivers.c.account == found.account)
    if conn.execute(same.where(caregivers.c.role == role, _IS_ACTIVE)).scalar_one() == 1:
        raise BadPerson(f"caregiver {found.id}: the last {role} of account {found.account}; {what}; make another first")


def _caregiver(row: Any) -> Caregiver:
    number, account, nickname, role, state, invited_by, has_phone = row
    return Caregiver(number, account, nickname, role, CaregiverState(state), invited_by, has_phone)


def _known(role: str) -> None:
    if role not in ROLES:
        raise BadPerson(f"role: {role[:40]!r} is unknown; not accepted; write one of {', '.join(ROLES)}")


def _digest(code: str) -> bytes:
    return hashlib.sha256(code.encode("utf-8", "surrogatepass")).digest()
