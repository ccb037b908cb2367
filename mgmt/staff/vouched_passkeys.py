"""Whose a passkey is, said by someone on the box: only then does it sign approvals.

The role that enrols people could enrol a key of its own under anyone's name; it cannot write this (PostgreSQL).  What
pages show follows the database; what control believes follows root's file.
"""

from datetime import datetime

from sqlalchemy import Connection, update

from mgmt.ledger.event import STAFF, Actor, Event
from mgmt.ledger.store import append
from mgmt.staff.passkeys import Passkey, fingerprint_of, keys_of
from mgmt.staff.people import find_person
from parental.store.schema.staff import passkeys


def passkeys_of(conn: Connection, mail: str) -> list[Passkey]:
    """The passkeys of a person.   Raises LookupError."""
    return keys_of(conn, find_person(conn, mail))


def vouch(conn: Connection, mail: str, fingerprint: str, by: Actor, at: datetime) -> Passkey:
    """Let a passkey sign for its person, once it is in root's file, too (mgmt.staff.vouched_file); the passkey.

    fingerprint  as the person's own page shows it.   Raises LookupError."""
    said = "".join(fingerprint.split()).lower()
    found = [key for key in passkeys_of(conn, mail) if fingerprint_of(key).replace(" ", "") == said]
    if not found:
        raise LookupError(
            f"passkey {fingerprint[:40]!r}: {mail} has none with it; not vouched for; read it again on the page /desk"
        )
    conn.execute(update(passkeys).where(passkeys.c.id == found[0].id).values(vouched_s=int(at.timestamp())))
    about = {"staff": found[0].staff, "passkey": found[0].id}
    append(conn, Event(STAFF, "passkey vouched for", by, about, {"fingerprint": said}), at)
    return found[0]
