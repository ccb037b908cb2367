"""Accounts in the database: a household or a school, and which lines it has.

Invariants: a line is of one account, and what it or its devices answer to is of the same account; an account that has
people in it does not lose its last line to another.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, insert, select, update

from parental.policy.held import BATCH
from parental.policy.profiles import touch_all
from parental.policy.subscriber import MAX_ID, MAX_LABEL_CHARACTERS, PROVINCE, is_one_line
from parental.policy.subscribers import delete_empty, leave_profile, profile_of
from parental.store.errors import BadPerson, NoPerson
from parental.store.revision import REVISION, raise_revision
from parental.store.schema.lines import addresses, devices, lines, profiles
from parental.store.schema.people import accounts, caregivers, children

_ACCOUNTS = select(accounts.c.id, accounts.c.name, accounts.c.language, accounts.c.created_s)
LANGUAGE = re.compile("[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")  # BCP 47, without its rare forms


class Line(NamedTuple):
    """A line of an account.   profile  that it answers to: its own, which has its number, or a child's"""

    id: int
    label: str
    profile: int
    province: str | None


_LINES = select(*lines.c[Line._fields]).where(lines.c.account == bindparam("account")).order_by(lines.c.id)


@dataclass(frozen=True, slots=True)
class Account:
    """A household or a school.   language  of pages and messages; None: the first of the configuration"""

    id: int
    name: str | None = None
    language: str | None = None
    created_s: int | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.id <= MAX_ID:
            raise BadPerson(f"account: {self.id}; not accepted; write 1 to {MAX_ID}")
        if self.name is not None:
            one_line("name", self.name)
        if self.language is not None and not LANGUAGE.fullmatch(self.language):
            raise BadPerson(f"language: {self.language[:20]!r} is no language; not accepted; write ur or en")


def put_account(conn: Connection, account: Account) -> bool:
    """Create an account, or give it another name and language; whether it is new."""
    values = {"name": account.name, "language": account.language}
    changed = conn.execute(update(accounts).where(accounts.c.id == account.id).values(**values))
    if changed.rowcount == 0:
        conn.execute(insert(accounts).values(id=account.id, created_s=account.created_s, **values))
    return changed.rowcount == 0


def get_account(conn: Connection, number: int) -> Account:
    """One account.   Raises NoPerson"""
    row = conn.execute(_ACCOUNTS.where(accounts.c.id == number)).one_or_none()
    if row is None:
        raise NoPerson(f"account {number}: does not exist; nothing done; see the list of accounts")
    return Account(**row._mapping)


def iter_accounts(conn: Connection, after: int = 0, batch: int = BATCH) -> Iterator[Account]:
    """Accounts by rising number, above `after`.   Memory and queries: by `batch` of them"""
    chosen = _ACCOUNTS.order_by(accounts.c.id).limit(batch)
    while rows := conn.execute(chosen.where(accounts.c.id > after)).all():
        yield from (Account(**row._mapping) for row in rows)
        if len(rows) < batch:
            return
        after = rows[-1].id


def account_of(conn: Connection, line: int) -> int | None:
    """The account of a line; None: there is no such line."""
    return conn.execute(select(lines.c.account).where(lines.c.id == line)).scalar_one_or_none()


def lines_of(conn: Connection, account: int) -> list[Line]:
    """The lines of an account, by rising number."""
    return list(map(Line._make, conn.execute(_LINES, {"account": account})))


def set_province(conn: Connection, line: int, province: str | None) -> None:
    """Say in which province a line is.   Raises NoSubscriber, BadPerson"""
    profile_of(conn, line)
    if province is not None and not PROVINCE.fullmatch(province):
        raise BadPerson(f"province: {province[:20]!r} is not a code; not accepted; write one of ISO 3166-2: PK-PB")
    conn.execute(update(lines).where(lines.c.id == line).values(province=province))


def move_line(conn: Connection, line: int, account: int) -> None:
    """Give a line to another account, with its own profile; what it shared with others of the old one ends.

    Raises NoSubscriber, NoPerson, and BadPerson where people of the old account would be left without a line"""
    get_account(conn, account)
    shared, before = profile_of(conn, line), account_of(conn, line)
    if before is None or before == account:
        return
    if len(lines_of(conn, before)) == 1 and _has_people(conn, before):
        raise BadPerson(
            f"line {line}: the last of account {before}, which has children or caregivers; not moved; remove them first"
        )
    revision = raise_revision(conn, REVISION)
    leave_profile(conn, line, revision)
    left = {shared}
    for table in (addresses, devices):
        left.update(conn.execute(select(table.c.profile).where(table.c.line == line)).scalars())
        conn.execute(update(table).where(table.c.line == line).values(profile=None))
    conn.execute(update(lines).where(lines.c.id == line).values(account=account, profile=line))
    conn.execute(update(profiles).where(profiles.c.id == line).values(account=account))
    touch_all(conn, (left | {line}) - {None}, revision)
    delete_empty(conn, before)


def one_line(what: str, text: str) -> str:
    """The text, where it is one line that can be shown.   Raises BadPerson"""
    if not is_one_line(text):
        raise BadPerson(f"{what}: not one line of text; not accepted; write 1 to {MAX_LABEL_CHARACTERS} characters")
    return text


def _has_people(conn: Connection, account: int) -> bool:
    found = [
        conn.execute(select(each.c.id).where(each.c.account == account)).first() for each in (children, caregivers)
    ]
    return any(found)
