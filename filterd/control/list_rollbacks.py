"""Lists that two persons of the desk have agreed to take back to an earlier version: control does it, on each box.

    approvals of lists, proven → the list's state, once → the base that is compiled next

Invariants: an approval is carried out at most once on a box, which the list's own state says, and only where the
version that both persons have seen in force is; web's word changes nothing; of what does not fit, the ledger says so.
"""

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row

from filterd.control.base.context import Context
from filterd.images.lists.rails import proof_of
from filterd.images.lists.sources import shelf_of
from mgmt.ledger.event import CONTROL, SETTINGS, Event, Value
from mgmt.ledger.trusted_clock import UNKNOWN
from mgmt.registers.lists.rollbacks import LISTS
from mgmt.staff.approvals.proof import Proof
from mgmt.staff.approvals.settlement import end_unsigned, settle_approvals
from mgmt.staff.approvals.store import has_open
from parental.store.database import reading, writing
from rules.lists.versions import rolled_back_once

log = logging.getLogger("filterd.control.service")


class ListRollbacks:
    """Carries out what was agreed to at the desk."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def look(self) -> None:
        """Take lists back; they are in force with the next look at the lists.   Raises DatabaseFault"""
        for approval in await asyncio.to_thread(self._agreed):
            try:
                await asyncio.to_thread(self._carry_out, approval)
            except ValueError as reason:  # a state that cannot be read keeps no other list from going back
                self._context.note_fault(f"list {approval.list}", reason)

    def _agreed(self) -> Sequence[Row[Any]]:
        engine, now_s = self._context.engine, self._context.now_s()
        with reading(engine) as conn:
            if now_s == UNKNOWN or not has_open(conn, LISTS):
                return ()
        with writing(engine) as conn:
            return agreed(conn, proof_of(self._context.config), datetime.fromtimestamp(now_s, UTC))

    def _carry_out(self, approval: Row[Any]) -> None:
        """Raises ValueError for a list whose state cannot be read."""
        config = self._context.config
        entry = next((each for each in config.lists if each.id == approval.list), None)
        if entry is None:  # another gateway has it
            return
        shelf, by = shelf_of(config, entry), f"{approval.proposer} and {approval.approver}"
        before = shelf.kept()
        decision = approval.digest.hex()
        if decision in before.decided:
            return
        once = partial(rolled_back_once, by=by, decision=decision, before=approval.list_from, digest=approval.list_to)
        after = shelf.change(once)
        about: dict[str, Value] = {"list": entry.id, "approval": approval.id}
        if after.good is not None and not after.good.is_same(before.good):
            log.warning("list %s: rolled back by %s: version %s is good now", entry.id, by, after.good.sha256[:16])
            event = Event(SETTINGS, "list rolled back", CONTROL, about | {"version": after.good.sha256})
        else:
            why = "another version is in force by now, or the earlier one is not kept any more"
            log.warning("list %s: approval %d is not carried out: %s", entry.id, approval.id, why)
            event = Event(SETTINGS, "list not rolled back", CONTROL, about, {"reason": why})
        self._context.note_event(event)


def agreed(conn: Connection, proof: Proof, at: datetime) -> list[Row[Any]]:
    """The rollbacks that two persons have agreed to, as it proves itself now, by rising number.

    What was refused, is not believed or is over is ended.   conn  may write;   proof  that is asked of approvals
    at  by the trusted clock"""
    now_s = int(at.timestamp())
    believed = settle_approvals(conn, LISTS, proof, now_s, at).believed
    end_unsigned(conn, LISTS, now_s, at)
    return believed
