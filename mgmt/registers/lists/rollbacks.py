"""A list goes back to an earlier version, as two persons of the desk agree to with their passkeys.

    proposed at the desk → signed by its proposer → by another person of another group → control of each box checks it,
    and goes back where the version that both have seen in force still is

Invariants: control alone carries one out, from the rows, no matter what web says of it; it is good for one day, and for
one step: from the version that it names to the other one; of a list's entries nothing stands in it but counts.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar, NamedTuple

from sqlalchemy import Connection, Row

from mgmt.ledger.event import Value
from mgmt.staff.approvals.rules import ApprovalRefusal, Kind, refuse_blank
from mgmt.staff.approvals.store import Subject, event_value, propose, proposer_at_desk
from parental.store.schema.orders import approvals

ROLLBACK = "rollback"
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


class ListApprovals(Subject):
    """What two persons agree to of lists."""

    column = approvals.c.list
    kinds: ClassVar = {ROLLBACK: Kind(longest=LIVES)}
    changed = "is of another list, version or words than are here now"

    def words_of(self, _: Connection, row: Mapping[str, Any]) -> list[object]:
        return [ROLLBACK, *(row[name] for name in _SAID)]

    def about(self, _: Connection, approval: Row[Any]) -> dict[str, Value]:
        return {"list": event_value(approval.list)}

    def noted(self, _: Connection, approval: Row[Any]) -> dict[str, Value]:
        return {"from": event_value(approval.list_from), "to": event_value(approval.list_to)}


LISTS = ListApprovals()


def propose_rollback(conn: Connection, rollback: Rollback, mail: str, through: str, at: datetime) -> Row[Any]:
    """Write a proposal down, which its proposer is to sign; the approval.

    mail     whose proposal it is;   through  by whom it is sent: a person's session, or a token
    Raises ApprovalRefusal."""
    by = proposer_at_desk(conn, mail, through, at, approvals.c.list == rollback.list, f"list {rollback.list}")
    _check(rollback)
    said = {
        "kind": ROLLBACK,
        "list": rollback.list,
        "list_from": rollback.before,
        "list_to": rollback.to,
        "reason": rollback.reason,
        "reference": rollback.reference,
        "collateral": rollback.collateral,
        "expires_s": int((at + LIVES).timestamp()),
    }
    versions: dict[str, Value] = {"from": rollback.before, "to": rollback.to}
    return propose(conn, LISTS, said, by, at, {**versions, "reason": event_value(rollback.reason)})


# ----------------------------------------------------------------------------------------------------------------------


def _check(rollback: Rollback) -> None:
    refuse_blank(rollback._asdict())
    if rollback.before == rollback.to:
        raise ApprovalRefusal(
            f"list {rollback.list}: this version is in force; nothing proposed; choose an earlier one"
        )
    if {len(rollback.before), len(rollback.to)} != {DIGEST_CHARACTERS}:
        raise ApprovalRefusal("version: no SHA-256; nothing proposed; load the page again")
