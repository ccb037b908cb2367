"""Where people find help is changed on the pages as two persons of the desk agree to with their passkeys.

    proposed at the desk → signed by its proposer → by another person of another group → control checks it, and writes
    it to desk_settings

The approval is one of mgmt.orders.approvals, of settings in the place of an order, and proves itself in the same way.
Invariants: control alone puts one in force, from the rows, no matter what web says of it; it is good for a week, and
for one step: from what the desk says when it is proposed; its document has what pages show before and after.
"""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, insert, select

from mgmt.ledger.event import Value
from mgmt.orders.approvals import OF_SETTINGS, ApprovalRefusal
from mgmt.orders.events import note_approval, told
from mgmt.orders.held_settings import SETTINGS, SettingsAgreement, digest_of, json_of, newest_rows, since_of
from mgmt.orders.signatures import proposer_of, refuse_many
from mgmt.registers.settings.page_settings import Settings
from mgmt.registers.settings.precedence import desk_over_file, values_of
from mgmt.registers.settings.shapes import DeskSettings
from mgmt.registers.settings.store import CheckPages, changes, said_by_desk, said_with, shown_text
from parental.schema.orders import approvals

SIGNED_WITHIN = timedelta(days=7)


class Words(NamedTuple):
    """Whose proposal it is (mail), why, and by which ticket or letter."""

    proposer: str
    reason: str
    reference: str


def propose_settings(
    conn: Connection,
    of_file: Settings,
    said: DeskSettings,
    words: Words,
    through: str,
    at: datetime,
    check_pages: CheckPages,
) -> Row[Any]:
    """Write a proposal down, which its proposer is to sign; the approval.   All that is said waits, of any name.

    through  by whom it is sent;   check_pages  as change() has it

    Raises ApprovalRefusal; BadRequest for what no page can show."""
    member = proposer_of(conn, words.proposer, at)
    for field in ("reason", "reference"):
        if not getattr(words, field).strip():
            raise ApprovalRefusal(f"{field}: missing; nothing proposed; write it")
    refuse_many(conn, OF_SETTINGS, "settings")
    agreed = _agreed(conn, of_file, said, at, check_pages)
    row = {
        "kind": SETTINGS,
        "settings": json_of(agreed),
        "reason": words.reason,
        "reference": words.reference,
        "collateral": f"all pages show: {', '.join(sorted(agreed.said))}",
        "proposer": member.mail,
        "proposer_group": member.group,
        "proposer_account": through,
        "proposed_s": int(at.timestamp()),
        "expires_s": int((at + SIGNED_WITHIN).timestamp()),
    }
    made = conn.execute(insert(approvals).values(**row, digest=digest_of(row)))
    assert made.inserted_primary_key is not None
    found = conn.execute(select(approvals).where(approvals.c.id == made.inserted_primary_key[0])).one()
    noted = {"approval": found.id, "account": through, **noted_of(found, agreed), "reason": told(found.reason)}
    note_approval(conn, found, "approval proposed", at, (member.actor, None), noted)
    return found


def noted_of(approval: Row[Any], agreed: SettingsAgreement) -> dict[str, Value]:
    """What the ledger says of it: what pages show, before and after, which everyone may read."""
    shown = {"before": shown_text(agreed.before), "after": shown_text(agreed.after)}
    return {**shown, "reference": told(approval.reference)}


# ----------------------------------------------------------------------------------------------------------------------


def _agreed(
    conn: Connection, of_file: Settings, said: DeskSettings, at: datetime, check_pages: CheckPages
) -> SettingsAgreement:
    changed, known = changes(conn, of_file, said, at, check_pages), newest_rows(conn)
    before = values_of(desk_over_file(of_file, said_by_desk(conn)))
    after = values_of(desk_over_file(of_file, said_with(conn, changed)))
    return SettingsAgreement(
        {name: before[name] for name in changed},
        {name: after[name] for name in changed},
        {name: getattr(said, name) for name in changed},
        {name: since_of(known, name) for name in changed},
    )
