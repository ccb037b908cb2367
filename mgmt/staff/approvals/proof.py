"""That two persons have agreed: checked by control alone, from the rows, each time that it publishes.

Invariants: a signature counts for its approval, its part and its words alone, at our own desk, of a passkey that root
has vouched for in a file of this box, of a person who was of the desk when control gave the approval; no row is
believed because another role wrote it, and no matter what a row holds, nothing is raised.
An approval whose passkeys are not in the file of this box is not believed here, and is not ended either: gateways that
share a database have a file each, and a file that was lost comes back.
The two groups are those of when control gave it: it has compared the first one's with who has signed, and written the
second one's itself, and web, which proposes, changes no row of an approval (parental.store.schema.privileges).
Cost: some 100 µs an approval; the signatures themselves are computed once.
"""

from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, select

from mgmt.ledger.event import Actor
from mgmt.staff.approvals.rules import ALONE, APPROVED, GROUPS, NAMES, PROPOSED, UNREADABLE, ApprovalRefusal
from mgmt.staff.approvals.signatures import document_of, signatures_of
from mgmt.staff.approvals.store import refuse_stranger
from mgmt.staff.assertion import Assertion, is_signed
from mgmt.staff.passkeys import Party, digest_of, row_of
from mgmt.staff.people import Person, get_person
from mgmt.staff.vouched_file import Vouched, VouchedKey
from parental.store.schema.orders import approval_signatures, approvals
from parental.store.schema.staff import staff

NOT_VOUCHED = "is signed by a passkey that is not in this box's file of vouched passkeys"


class Proof(NamedTuple):
    """What is asked of an approval.

    party        the desk at which it is signed; None: there are no passkeys
    takes_names  whether two names that were said on the box are enough
    vouched      the passkeys that root has vouched for"""

    party: Party | None
    takes_names: bool
    vouched: Vouched


BY_NAMES = Proof(None, takes_names=True, vouched={})


class Signers(NamedTuple):
    """The persons of an approval."""

    first: Person
    second: Person

    @property
    def actors(self) -> tuple[Actor, Actor]:
        """As events have them: the second, and the first."""
        return self.second.actor, self.first.actor


def signers_of(conn: Connection, proposal: Row[Any], proof: Proof, now_s: float) -> Signers | str:
    """Who has signed a proposal, where they may now; else why it is not given: NOT_VOUCHED, it waits."""
    try:
        signatures = {row.part: row for row in signatures_of(conn, proposal.id)}
        found = {part: _owner_of(conn, row) for part, row in signatures.items()}
        first, second = found.get(PROPOSED), found.get(APPROVED)
        if first is None or second is None:
            return "is not signed by two persons of the desk"
        for each in (first, second):
            refuse_stranger(each, now_s)
        if (first.mail, first.group) != (proposal.proposer, proposal.proposer_group):
            return "is not signed by who has proposed it"
        vouched = [_voucher_of(conn, signatures[part], proof) for part in (PROPOSED, APPROVED)]
    except ApprovalRefusal:
        return "is signed by a person who may not"
    except (TypeError, ValueError, AttributeError):
        return UNREADABLE
    if why := _why_alone(first, second):
        return why
    said = [VouchedKey(each.mail, each.group) for each in (first, second)]
    return NOT_VOUCHED if proof.party is not None and vouched != said else Signers(first, second)


def why_unproven(conn: Connection, approval: Row[Any], proof: Proof) -> str | None:
    """Why it is not proven who agreed; None: it is, as far as `proof` asks for it."""
    try:
        if approval.way == NAMES:
            return _why_not_by_names(approval, proof)
        if proof.party is None:
            return "is signed at a desk, and no origin of one is configured"
        signatures = {row.part: row for row in signatures_of(conn, approval.id)}
        if set(signatures) != {PROPOSED, APPROVED}:
            return "is not signed by two persons"
        for part, mail in ((PROPOSED, approval.proposer), (APPROVED, approval.approver)):
            if why := _why_unsigned(conn, proof, proof.party, approval, signatures[part], mail):
                return why
        first, second = _owner_of(conn, signatures[PROPOSED]), _owner_of(conn, signatures[APPROVED])
        is_alone = first is not None and second is not None and first.number == second.number
        return ALONE if is_alone else None
    except (TypeError, ValueError, AttributeError):
        return UNREADABLE


def unvouched_approvals(conn: Connection, vouched: Vouched) -> list[int]:
    """The approvals and proposals that have not ended, and are signed by a passkey that is not in root's file."""
    chosen = select(approvals.c.id).where(approvals.c.lapsed_ms.is_(None), approvals.c.way != NAMES)
    signed = {number: signatures_of(conn, number) for number in conn.execute(chosen.order_by(approvals.c.id)).scalars()}
    keys = {row.credential: row_of(conn, row.credential) for rows in signed.values() for row in rows}
    unknown = {name for name, key in keys.items() if key is not None and digest_of(key) not in vouched}
    return [number for number, rows in signed.items() if any(row.credential in unknown for row in rows)]


# ----------------------------------------------------------------------------------------------------------------------


def _why_not_by_names(approval: Row[Any], proof: Proof) -> str | None:
    if not proof.takes_names:
        return "is by names alone, and passkeys are demanded"
    if not {approval.proposer_group, approval.approver_group} <= set(GROUPS):
        return "names a group that there is not"
    return None


def _why_unsigned(
    conn: Connection, proof: Proof, party: Party, approval: Row[Any], row: Row[Any], mail: str
) -> str | None:
    """Why one of the two has not signed."""
    assertion = Assertion(row.credential, row.authenticator_data, row.client_data, row.signature)
    key, part = row_of(conn, row.credential), row.part
    if key is None:
        return f"is {part} by a passkey that is not known"
    if (voucher := proof.vouched.get(digest_of(key))) is None:
        return NOT_VOUCHED
    if voucher.mail != mail:
        return f"is {part} by another person than it names"
    if not is_signed(party, key.public_key, document_of(approval, part), assertion):
        return f"is {part} by a signature of something else, or made elsewhere"
    if assertion.counted > key.sign_count or _is_counted_elsewhere(conn, row, assertion):
        return f"is {part} by a copy of a passkey"
    owner = conn.execute(select(staff).where(staff.c.id == key.staff)).one()
    if owner.mail != mail:
        return f"is {part} by another person than it names"
    if any(left_s is not None and left_s <= approval.approved_s for left_s in (owner.disabled_s, owner.ends_s)):
        return f"is {part} by a person who was not of the desk any more"
    return None


def _is_counted_elsewhere(conn: Connection, row: Row[Any], assertion: Assertion) -> bool:
    """Whether another signature has the same place in the passkey's count."""
    same_key = select(approval_signatures).where(approval_signatures.c.credential == row.credential)
    others = [each for each in conn.execute(same_key) if (each.approval, each.part) != (row.approval, row.part)]
    counts = (Assertion(row.credential, each.authenticator_data, b"", b"").counted for each in others)
    return assertion.counted != 0 and assertion.counted in counts


def _voucher_of(conn: Connection, signature: Row[Any], proof: Proof) -> VouchedKey | None:
    key = row_of(conn, signature.credential)
    return None if key is None else proof.vouched.get(digest_of(key))


def _owner_of(conn: Connection, signature: Row[Any]) -> Person | None:
    key = row_of(conn, signature.credential)
    return None if key is None else get_person(conn, key.staff)


def _why_alone(first: Person, second: Person) -> str | None:
    return ALONE if first.number == second.number or first.group == second.group else None
