"""What two persons of the desk have agreed that pages shall say: control puts it in force, once.

    approvals of settings, proven → a row of desk_settings for each name → shown (filterd.control.pages.page_settings)

Invariants: web's word changes nothing; what the desk has changed since it was proposed stays as it is; what is in force
is proven once, and a signer who leaves takes nothing back; of what does not fit, the ledger says so.
"""

import logging
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, exists, select

from mgmt.orders.approvals import DESK, OF_SETTINGS, approvals_given, note_given, why_not_agreed
from mgmt.orders.decisions import end_approval, give_signed
from mgmt.orders.held_settings import SETTINGS, SettingsAgreement, agreed_in, digest_of, why_changed
from mgmt.orders.proof import Proof, signers_of, why_unproven
from mgmt.registers.settings.proposals import SIGNED_WITHIN, noted_of
from mgmt.registers.settings.store import put_agreed, read_said
from parental.schema.orders import approvals

log = logging.getLogger("filterd.control.service")


def has_open(conn: Connection) -> bool:
    """Whether look() may have something to do."""
    return bool(conn.execute(select(exists().where(OF_SETTINGS, approvals.c.lapsed_ms.is_(None)))).scalar_one())


def look(conn: Connection, proof: Proof, now_s: int, at: datetime) -> None:
    """Put in force what two persons have agreed to, and end what is over or not believed.

    conn  may write;   now_s  by the trusted clock"""
    give_signed(conn, now_s, at, OF_SETTINGS)
    for approval in approvals_given(conn, OF_SETTINGS):
        fault = _fault_of(approval) or why_unproven(conn, approval, proof) or why_changed(conn, approval)
        signers = signers_of(conn, approval, approval.approved_s) if fault is None else fault
        if fault is None and not isinstance(signers, str) and approval.expires_s > now_s:
            agreed = agreed_in(approval)
            note_given(conn, approval, at, signers.actors, **noted_of(approval, agreed))
            put_agreed(conn, agreed, approval, signers.actors, at)
            log.warning("settings: changed by %s and %s", approval.proposer, approval.approver)
        end_approval(conn, approval, signers if isinstance(signers, str) else None, at)
    is_over = approvals.c.lapsed_ms.is_(None), approvals.c.approved_s.is_(None), approvals.c.expires_s <= now_s
    for proposal in conn.execute(select(approvals).where(OF_SETTINGS, *is_over)).all():
        end_approval(conn, proposal, None, at)


def _fault_of(approval: Row[Any]) -> str | None:
    """Why control does not believe an approval of settings; None where it does.   No matter what the row holds, nothing
    is raised."""
    try:
        if approval.kind != SETTINGS or approval.way != DESK:
            return "is of a kind that there is not, or not signed at a desk"
        if not 0 < approval.expires_s - approval.proposed_s <= SIGNED_WITHIN.total_seconds():
            return f"is for longer than {SIGNED_WITHIN.days} days"
        if why := why_not_agreed(approval):
            return why
        if approval.digest != digest_of(dict(approval._mapping)):
            return "is of other settings or words than are here now"
        return _why_unfit(agreed_in(approval))
    except (TypeError, AttributeError, ValueError, msgspec.DecodeError):
        return "holds what no approval holds"


def _why_unfit(agreed: SettingsAgreement) -> str | None:
    """Raises msgspec.ValidationError for values that no page shows."""
    names = set(agreed.said)
    if not names or any(set(each) != names for each in (agreed.before, agreed.after, agreed.since)):
        return "is not of the same settings before and after"
    read_said({name: text for name in names if (text := agreed.text_of(name)) is not None})
    return None
