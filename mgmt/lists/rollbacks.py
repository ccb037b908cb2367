"""A list goes back to an earlier version, as two persons of the desk agree to with their passkeys.

    proposed at the desk → signed by its proposer → by another person of another group → control of each box checks it,
    and goes back where the version that both have seen in force still is

The approval is one of mgmt.orders.approvals, of a list in the place of an order, and proves itself in the same way.
Invariants: control alone carries one out, from the rows, no matter what web says of it; it is good for one day, and for
one step: from the version that it names to the other one; of a list's entries nothing stands in it but counts.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, insert, select

from mgmt.ledger.event import Value
from mgmt.orders.approvals import ROLLBACK, ApprovalRefusal
from mgmt.orders.events import note_approval, told
from mgmt.orders.signatures import proposer_of, refuse_many
from parental.schema.orders import approvals

LIVES = timedelta(days=1)  # a wrong version is gone back from within hours; later the list is another one
DIGEST_CHARACTERS = 64  # SHA-256, in hex
_SAID = ("list", "list_from", "list_to", "reason", "reference", "collateral", "expires_s", "proposer")


class Rollback(NamedTuple):
    """What is to be agreed to.

    before, to   versions by their SHA-256, in hex: the one that is good now, and the one that shall be
    reference    the ticket or letter that asks for it;   collateral  what it opens and closes, in counts"""

    list: str
    before: str
    to: str
    reason: str
    reference: str
    collateral: str


def propose_rollback(conn: Connection, rollback: Rollback, mail: str, through: str, at: datetime) -> Row[Any]:
    """Write a proposal down, which its proposer is to sign; the approval.

    mail     whose proposal it is;   through  by whom it is sent: a person's session, or a token
    Raises ApprovalRefusal."""
    member = proposer_of(conn, mail, at)
    _refuse_blank(rollback)
    refuse_many(conn, approvals.c.list == rollback.list, f"list {rollback.list}")
    row = {
        "kind": ROLLBACK,
        "list": rollback.list,
        "list_from": rollback.before,
        "list_to": rollback.to,
        "reason": rollback.reason,
        "reference": rollback.reference,
        "collateral": rollback.collateral,
        "proposer": member.mail,
        "proposer_group": member.group,
        "proposer_account": through,
        "proposed_s": int(at.timestamp()),
        "expires_s": int((at + LIVES).timestamp()),
    }
    made = conn.execute(insert(approvals).values(**row, digest=digest_of(row)))
    assert made.inserted_primary_key is not None
    found = conn.execute(select(approvals).where(approvals.c.id == made.inserted_primary_key[0])).one()
    noted = {"approval": found.id, "account": through, **versions_of(found), "reason": told(found.reason)}
    note_approval(conn, found, "approval proposed", at, (member.actor, None), noted)
    return found


def digest_of(row: Mapping[str, Any]) -> bytes:
    """What two persons agree to, in one number."""
    return hashlib.sha256(json.dumps([ROLLBACK, *(row[name] for name in _SAID)]).encode()).digest()


def versions_of(approval: Row[Any]) -> dict[str, Value]:
    """What the ledger says of an approval of a list."""
    return {"from": told(approval.list_from), "to": told(approval.list_to)}


# ----------------------------------------------------------------------------------------------------------------------


def _refuse_blank(rollback: Rollback) -> None:
    for field in ("reason", "reference", "collateral"):
        if not getattr(rollback, field).strip():
            raise ApprovalRefusal(f"{field}: missing; nothing proposed; write it")
    if rollback.before == rollback.to:
        raise ApprovalRefusal(
            f"list {rollback.list}: this version is in force; nothing proposed; choose an earlier one"
        )
    if {len(rollback.before), len(rollback.to)} != {DIGEST_CHARACTERS}:
        raise ApprovalRefusal("version: no SHA-256; nothing proposed; load the page again")
