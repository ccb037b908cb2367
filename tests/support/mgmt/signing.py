"""People of the desk with passkeys that somebody has vouched for, and what they sign."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Connection, update
from support.mgmt.authenticator import Authenticator, packed
from support.mgmt.orders import NOW

from mgmt.ledger.event import CONTROL
from mgmt.orders.approvals import Proposal, propose_at_desk
from mgmt.orders.store import get_order
from mgmt.registers.two_persons import SUBJECTS
from mgmt.staff.approvals.proof import Proof
from mgmt.staff.approvals.signatures import document_of, part_due, sign
from mgmt.staff.assertion import challenge_of
from mgmt.staff.passkeys import Party, digest_of, keys_of, put_passkey
from mgmt.staff.people import Person, add_person
from mgmt.staff.vouched_file import VouchedKey
from parental.store.schema.orders import approvals
from parental.store.schema.staff import passkeys

ORIGIN = "https://desk.isp.example"
PARTY = Party(ORIGIN, "Example ISP")
VOUCHED: dict[str, VouchedKey] = {}  # by root, in any test: each passkey is another one
_FILES: list[Path] = []
BY_PASSKEYS = Proof(PARTY, takes_names=False, vouched=VOUCHED)
WIDER = Proposal(
    kind="broader",
    number=1,
    reason="the host is ordered",
    reference="WA/9",
    collateral="all of it",
    expires=NOW + timedelta(days=20),
)


class Signer(NamedTuple):
    """A person and the key in the hand."""

    person: Person
    key: Authenticator


def signer(conn: Connection, name: str, role: str, *, is_vouched: bool = True, counts: bool = True) -> Signer:
    person, _ = add_person(conn, name.title(), f"{name}@isp.example", role, None, CONTROL, NOW)
    key, challenge = Authenticator(ORIGIN, counts=counts), b"c" * 32
    answer = key.create({"user": {"id": packed(b"filterd-%d" % person.number)}, "challenge": packed(challenge)})
    put_passkey(conn, PARTY, person, answer, challenge, "a key", NOW)
    if is_vouched:
        vouch_for(conn, person)
    return Signer(person, key)


def vouch_for(conn: Connection, *people: Person) -> None:
    """Root says that the passkeys of these people are theirs, to the database and in its file."""
    for person in people:
        mine = update(passkeys).where(passkeys.c.staff == person.number)
        conn.execute(mine.values(vouched_s=int(NOW.timestamp())))
        VOUCHED.update({digest_of(key): VouchedKey(person.mail, person.group) for key in keys_of(conn, person)})
    for path in (each for each in _FILES if each.exists()):
        _write(path)


def keep_vouched(folder: Path) -> str:
    """Have root's file there of all that are vouched for, from now on; the key of a configuration that names it."""
    _FILES.append(folder / "vouched-passkeys")
    _write(_FILES[-1])
    return f"vouched_passkeys: '{_FILES[-1]}'"


def _write(path: Path) -> None:
    path.write_text("".join(f"{digest} {key.mail} {key.group}\n" for digest, key in VOUCHED.items()))
    path.chmod(0o644)


def proposed(conn: Connection, order: int, proposal: Proposal, by: Signer, at: datetime = NOW) -> int:
    """A proposal that nobody has signed yet; its number."""
    return int(propose_at_desk(conn, get_order(conn, order), proposal, by.person.mail, "desk", at).id)


def row_of_approval(conn: Connection, number: int) -> Any:
    return conn.execute(approvals.select().where(approvals.c.id == number)).one()


def answer_of(conn: Connection, number: int, by: Signer, part: str | None = None) -> str:
    """What the person's browser says when asked for the signature that is due."""
    row = row_of_approval(conn, number)
    return by.key.agree(challenge_of(document_of(row, part or part_due(conn, row) or "")))


def signed(conn: Connection, number: int, *people: Signer, at: datetime = NOW) -> str | None:
    """Have people sign one after the other; why the last one was not taken."""
    why = None
    for each in people:
        why = sign(conn, SUBJECTS, PARTY, number, answer_of(conn, number, each), at)
    return why
