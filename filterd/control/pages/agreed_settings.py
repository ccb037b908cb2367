"""What two persons of the desk have agreed that pages shall say: control puts it in force, once.

    approvals of settings, proven → a row of desk_settings for each name → shown (filterd.control.pages.page_settings)

Invariants: web's word changes nothing; what the desk has changed since it was proposed stays as it is; what is in force
is proven once, and a signer who leaves takes nothing back; of what does not fit, the ledger says so.
"""

import logging
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from mgmt.registers.settings.agreement import agreed_in
from mgmt.registers.settings.proposals import PAGES
from mgmt.registers.settings.store import put_agreed
from mgmt.staff.approvals.proof import Proof, Signers
from mgmt.staff.approvals.settlement import end_approval, end_unsigned, settle_approvals

log = logging.getLogger("filterd.control.service")


def look(conn: Connection, proof: Proof, now_s: int, at: datetime) -> None:
    """Put in force what two persons have agreed to, and end what is over or not believed.

    conn  may write;   now_s  by the trusted clock"""

    def put(approval: Row[Any], signers: Signers) -> None:
        put_agreed(conn, agreed_in(approval.settings), approval, signers.actors, at)
        log.warning("settings: changed by %s and %s", approval.proposer, approval.approver)
        end_approval(conn, PAGES, approval, None, at)

    settle_approvals(conn, PAGES, proof, now_s, at, put)
    end_unsigned(conn, PAGES, now_s, at)
