"""Where people find help is changed on the pages as two persons of the desk agree to with their passkeys.

    proposed at the desk → signed by its proposer → by another person of another group → control checks it, and writes
    it to desk_settings

Invariants: control alone puts one in force, from the rows, no matter what web says of it; it is good for a week, and
for one step: from what the desk says when it is proposed; its document has what pages show before and after.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar, NamedTuple

import msgspec
from sqlalchemy import Connection, Row

from mgmt.ledger.event import Value
from mgmt.registers.settings.agreement import (
    SETTINGS,
    SettingsAgreement,
    agreed_in,
    json_of,
    names_in,
    newest_changes,
    since_of,
    why_changed,
)
from mgmt.registers.settings.page_settings import Settings
from mgmt.registers.settings.precedence import desk_over_file, values_of
from mgmt.registers.settings.shapes import DeskSettings
from mgmt.registers.settings.store import CheckPages, changes, read_said, said_by_desk, said_with, shown_text
from mgmt.staff.approvals.rules import UNREADABLE, Kind, Objection, refuse_blank
from mgmt.staff.approvals.store import Subject, event_value, propose, proposer_at_desk
from parental.store.schema.orders import approvals

SIGNED_WITHIN = timedelta(days=7)
_SAID = ("settings", "reason", "reference", "collateral", "expires_s", "proposer")


class Words(NamedTuple):
    """Whose proposal it is (mail), why, and by which ticket or letter."""

    proposer: str
    reason: str
    reference: str


class SettingsApprovals(Subject):
    """What two persons agree to of the settings of pages."""

    column = approvals.c.settings
    kinds: ClassVar = {SETTINGS: Kind(longest=SIGNED_WITHIN)}
    changed = "is of other settings or words than are here now"

    def words_of(self, _: Connection, row: Mapping[str, Any]) -> list[object]:
        return [SETTINGS, *(row[name] for name in _SAID)]

    def about(self, _: Connection, approval: Row[Any]) -> dict[str, Value]:
        return {"settings": event_value(names_in(approval.settings))}

    def noted(self, _: Connection, approval: Row[Any]) -> dict[str, Value]:
        return _noted(agreed_in(approval.settings), approval.reference)

    def why_changed(self, conn: Connection, approval: Row[Any]) -> str | None:
        if why := super().why_changed(conn, approval):
            return why
        try:
            return _why_unfit(agreed_in(approval.settings)) or why_changed(conn, approval.settings)
        except msgspec.DecodeError:
            return UNREADABLE

    def outdated(self, conn: Connection, proposal: Row[Any], _: int) -> Objection | None:
        why = why_changed(conn, proposal.settings)
        return None if why is None else Objection(why, "look at the settings, and propose it again")


PAGES = SettingsApprovals()


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
    by = proposer_at_desk(conn, words.proposer, through, at, PAGES.rows, "settings")
    refuse_blank(words._asdict(), ("reason", "reference"))
    agreed = _agreed(conn, of_file, said, at, check_pages)
    row = {
        "kind": SETTINGS,
        "settings": json_of(agreed),
        "reason": words.reason,
        "reference": words.reference,
        "collateral": f"all pages show: {', '.join(sorted(agreed.said))}",
        "expires_s": int((at + SIGNED_WITHIN).timestamp()),
    }
    noted = {**_noted(agreed, words.reference), "reason": event_value(words.reason)}
    return propose(conn, PAGES, row, by, at, noted)


# ----------------------------------------------------------------------------------------------------------------------


def _agreed(
    conn: Connection, of_file: Settings, said: DeskSettings, at: datetime, check_pages: CheckPages
) -> SettingsAgreement:
    changed, known = changes(conn, of_file, said, at, check_pages), newest_changes(conn)
    before = values_of(desk_over_file(of_file, said_by_desk(conn)))
    after = values_of(desk_over_file(of_file, said_with(conn, changed)))
    return SettingsAgreement(
        {name: before[name] for name in changed},
        {name: after[name] for name in changed},
        {name: getattr(said, name) for name in changed},
        {name: since_of(known, name) for name in changed},
    )


def _noted(agreed: SettingsAgreement, reference: str) -> dict[str, Value]:
    """What the ledger says of it: what pages show, before and after, which everyone may read."""
    shown = {"before": shown_text(agreed.before), "after": shown_text(agreed.after)}
    return {**shown, "reference": event_value(reference)}


def _why_unfit(agreed: SettingsAgreement) -> str | None:
    """Raises msgspec.ValidationError for values that no page shows."""
    names = set(agreed.said)
    if not names or any(set(each) != names for each in (agreed.before, agreed.after, agreed.since)):
        return "is not of the same settings before and after"
    read_said({name: text for name in names if (text := agreed.text_of(name)) is not None})
    return None
