"""Whose a profile is: of this household, and of which child or line."""

from typing import NamedTuple

from sqlalchemy import Connection, select

from parental.people.children import Child
from parental.store.errors import NoPerson
from parental.store.schema.lines import lines, profiles
from parental.store.schema.people import children


def require_own(conn: Connection, account: int, profile: int) -> None:
    """Raises NoPerson for a profile of another household"""
    chosen = select(profiles.c.id).where(profiles.c.id == profile, profiles.c.account == account)
    if conn.execute(chosen).first() is None:
        raise NoPerson(f"profile {profile}: not one of account {account}; nothing done")


def about(conn: Connection, profile: int) -> dict[str, int]:
    """Whose profile it is, as the household's record has it: a child's number, or a line's."""
    child = conn.execute(select(children.c.id).where(children.c.profile == profile)).scalar_one_or_none()
    return {"line": profile} if child is None else {"child": child}


class ProfileName(NamedTuple):
    """What a profile is called.   child  None: a line's own"""

    name: str
    child: Child | None


def named(conn: Connection, profile: int) -> ProfileName:
    """The child's nickname, or the line's label.   Raises NoPerson"""
    row = conn.execute(select(children).where(children.c.profile == profile)).one_or_none()
    if row is not None:
        return ProfileName(row.nickname, Child(**row._mapping))
    label = conn.execute(select(lines.c.label).where(lines.c.id == profile)).scalar_one_or_none()
    if label is None:
        raise NoPerson(f"profile {profile}: no child's and no line's; nothing done")
    return ProfileName(label, None)
