"""Children of an account: each has a profile, to which lines, devices and prefixes of the account can be given.

Invariants: a child's profile is no line's own; what is given to a child is of the child's account; a child that is
removed leaves lines and devices with what they had without it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from parental.people.accounts import get_account, one_line
from parental.people.devices import find_device
from parental.policy.addresses import is_of, network_of
from parental.policy.profile import Profile
from parental.policy.profiles import create_profile, new_number, touch_all
from parental.policy.subscriber import Network
from parental.policy.subscribers import leave_profile
from parental.store.errors import BadPerson, NoPerson
from parental.store.revision import REVISION, raise_revision
from parental.store.schema.lines import addresses, devices, lines, profiles
from parental.store.schema.people import children

MAX_CHILDREN = 64  # a family has a handful; a school has a profile a class
YEARS = range(1990, 2101)
DRAWING = re.compile("[a-z][a-z0-9-]{0,30}")

_OF_ACCOUNT = select(children).where(children.c.account == bindparam("account")).order_by(children.c.id)


@dataclass(frozen=True, slots=True)
class Child:
    """A child.   birth_year None: not said;   drawing  the name of a picture of the portal;   profile  its number"""

    id: int
    account: int
    nickname: str
    birth_year: int | None
    drawing: str | None
    profile: int


def add_child(conn: Connection, account: int, said: Mapping[str, Any], profile: Profile) -> Child:
    """Add a child with a profile of its own.

    said  nickname, and birth_year and drawing where they are known.   Raises NoPerson, BadPerson"""
    get_account(conn, account)
    held = conn.execute(select(func.count()).select_from(children).where(children.c.account == account)).scalar_one()
    if held >= MAX_CHILDREN:
        raise BadPerson(f"child: one too many; not added; an account has at most {MAX_CHILDREN}")
    row: dict[str, Any] = {"account": account, "nickname": "", "birth_year": None, "drawing": None} | _checked(said)
    one_line("nickname", row["nickname"])
    number, revision = new_number(conn), raise_revision(conn, REVISION)
    create_profile(conn, number, account, profile, revision)
    stored = conn.execute(insert(children).values(**row, profile=number))
    assert stored.inserted_primary_key is not None
    return Child(id=int(stored.inserted_primary_key[0]), profile=number, **row)


def change_child(conn: Connection, account: int, child: int, said: Mapping[str, Any]) -> Child:
    """Give a child another nickname, birth year or drawing; what is not said stays.   Raises NoPerson, BadPerson"""
    get_child(conn, account, child)
    if said:
        conn.execute(update(children).where(children.c.id == child).values(**_checked(said)))
    return get_child(conn, account, child)


def remove_child(conn: Connection, account: int, child: int) -> Child:
    """Remove a child with its profile.   Raises NoPerson"""
    found = get_child(conn, account, child)
    leave_profile(conn, found.profile, raise_revision(conn, REVISION))
    conn.execute(delete(children).where(children.c.id == child))
    conn.execute(delete(profiles).where(profiles.c.id == found.profile))
    return found


def get_child(conn: Connection, account: int, child: int) -> Child:
    """A child of an account.   Raises NoPerson, also for a child of another account"""
    chosen = select(children).where(children.c.id == child, children.c.account == account)
    row = conn.execute(chosen).one_or_none()
    if row is None:
        raise NoPerson(f"child {child}: not one of account {account}; nothing done; see its list of children")
    return Child(**row._mapping)


def children_of(conn: Connection, account: int) -> list[Child]:
    """The children of an account, in the order in which they were added."""
    found = conn.execute(_OF_ACCOUNT, {"account": account})
    return [Child(**row._mapping) for row in found]


def belongings(conn: Connection, child: Child) -> list[dict[str, Any]]:
    """What answers to a child: {"line"} for whole lines, with "device" or "prefix" for parts of one."""
    whole = conn.execute(select(lines.c.id).where(lines.c.profile == child.profile).order_by(lines.c.id)).scalars()
    found: list[dict[str, Any]] = [{"line": line} for line in whole]
    named = select(devices).where(devices.c.profile == child.profile).order_by(devices.c.line, devices.c.name)
    found += [{"line": row.line, "device": row.name} for row in conn.execute(named)]
    held = (
        select(addresses).where(addresses.c.profile == child.profile).order_by(addresses.c.version, addresses.c.first)
    )
    return found + [
        {"line": row.line, "prefix": str(network_of(row.first, row.prefix_length))} for row in conn.execute(held)
    ]


def assign_line(conn: Connection, account: int, line: int, child: Child | None) -> None:
    """Have a line answer to a child's profile, or to its own again.   Raises NoPerson"""
    profile = line if child is None else child.profile
    before = _line_of(conn, account, line)
    conn.execute(update(lines).where(lines.c.id == line).values(profile=profile))
    touch_all(conn, {before, profile}, raise_revision(conn, REVISION))


def assign_device(conn: Connection, account: int, line: int, name: str, child: Child | None) -> None:
    """Have a device that has a token answer to a child's profile, or to its line's again.   Raises NoPerson"""
    home, device = _line_of(conn, account, line), find_device(conn, line, name)
    if device is None:
        raise NoPerson(f"line {line}: has no device {name[:40]!r}; nothing done; see its list of devices")
    of_device = devices.c.line == line, devices.c.name == name
    profile = None if child is None else child.profile
    conn.execute(update(devices).where(*of_device).values(profile=profile))
    touch_all(conn, {device.profile or home, profile or home}, raise_revision(conn, REVISION))


def assign_prefix(conn: Connection, account: int, line: int, prefix: Network, child: Child | None) -> None:
    """Have a prefix of a line, or a device that its router names, answer to a child's profile, or to its line's again.

    prefix  as the line holds it.   Raises NoPerson"""
    home = _line_of(conn, account, line)
    held = is_of(prefix), addresses.c.prefix_length == prefix.prefixlen, addresses.c.line == line
    row = conn.execute(select(addresses).where(*held)).one_or_none()
    if row is None:
        raise NoPerson(f"line {line}: does not hold {prefix}; nothing done; see its prefixes")
    profile = None if child is None else child.profile
    conn.execute(update(addresses).where(*held).values(profile=profile))
    touch_all(conn, {row.profile or home, profile or home}, raise_revision(conn, REVISION))


def _line_of(conn: Connection, account: int, line: int) -> int:
    """The profile of a line of this account.   Raises NoPerson, also for a line of another account"""
    chosen = select(lines.c.profile).where(lines.c.id == line, lines.c.account == account)
    found = conn.execute(chosen).scalar_one_or_none()
    if found is None:
        raise NoPerson(f"line {line}: not one of account {account}; nothing done; see its lines")
    return int(found)


def _checked(said: Mapping[str, Any]) -> dict[str, Any]:
    if "nickname" in said:
        one_line("nickname", said["nickname"])
    if said.get("birth_year") is not None and said["birth_year"] not in YEARS:
        raise BadPerson(f"birth_year: {said['birth_year']}; not accepted; write {YEARS.start} to {YEARS.stop - 1}")
    if said.get("drawing") is not None and not DRAWING.fullmatch(said["drawing"]):
        raise BadPerson(f"drawing: {said['drawing'][:40]!r} is no name; not accepted; write a-z, 0-9 and '-'")
    return dict(said)
