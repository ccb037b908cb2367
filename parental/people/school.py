"""A school: an account with a caregiver of that role, and its safeguarding contact.

The contact is the person whom a child of the school can speak to; the child's own page names them.
"""

import re
from dataclasses import dataclass

from sqlalchemy import Connection, exists, select

from parental.people.accounts import get_account, one_line
from parental.people.caregivers import SCHOOL, CaregiverState
from parental.store.database import upsert
from parental.store.errors import BadPerson
from parental.store.schema.people import caregivers, safeguarding_contacts

DIALLED = re.compile(r"\+?[0-9][0-9-]{1,18}[0-9]")


@dataclass(frozen=True, slots=True)
class Contact:
    """number  as it is dialled.   Raises BadPerson for what cannot be shown or dialled"""

    name: str
    number: str

    def __post_init__(self) -> None:
        one_line("name", self.name)
        if not DIALLED.fullmatch(self.number):
            raise BadPerson(f"number: {self.number[:40]!r} cannot be dialled; not accepted; write 0300-1234567")


def is_school(conn: Connection, account: int) -> bool:
    """Whether an account is a school's."""
    role = caregivers.c.role == SCHOOL, caregivers.c.state == CaregiverState.ACTIVE
    return bool(conn.execute(select(exists().where(caregivers.c.account == account, *role))).scalar_one())


def put_contact(conn: Connection, account: int, contact: Contact) -> None:
    """Name an account's contact, in the place of the one before.   Raises NoPerson"""
    get_account(conn, account)
    row = {"name": contact.name, "number": contact.number}
    put = upsert(conn, safeguarding_contacts).values(account=account, **row)
    conn.execute(put.on_conflict_do_update(index_elements=["account"], set_=row))


def contact_of(conn: Connection, account: int) -> Contact | None:
    """The contact of an account; None: it has named none."""
    chosen = select(safeguarding_contacts).where(safeguarding_contacts.c.account == account)
    row = conn.execute(chosen).one_or_none()
    return None if row is None else Contact(row.name, row.number)
