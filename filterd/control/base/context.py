"""What the parts of the control role share: configuration, database, standing faults.

Invariants: a reload replaces `config`, and every part reads it from here each time; a fault stays until the same work
succeeds, and is logged once however often it recurs.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from filterd.box.errors import ApiRefusal
from filterd.config import Config
from filterd.control.base.start_faults import OF_THE_BOX
from mgmt.ledger.event import Event
from mgmt.ledger.store import append
from mgmt.ledger.trusted_clock import UNKNOWN
from parental.store.database import writing
from parental.store.errors import DatabaseFault

DATABASE = "database"  # the fault of it, while control waits for it at its start

log = logging.getLogger("filterd.control.service")


@dataclass(slots=True)
class Context:
    """Shared state.   faults  what failed → why;   failures  task → how often a step of it has failed

    now_s  what time it is, to decide by it: Clock.now_s() of filterd.control.base.clock; UNKNOWN: nothing is decided"""

    config: Config
    config_file: Path
    engine: Engine
    faults: dict[str, str] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)
    now_s: Callable[[], int] = lambda: UNKNOWN

    def note_event(self, event: Event) -> None:
        """Write down, in the ledger, what was done outside of the database; where that fails, it is a fault."""
        try:
            with writing(self.engine) as conn:
                append(conn, event, datetime.now(UTC))
            self.faults.pop("ledger events", None)
        except (DatabaseFault, SQLAlchemyError, ValueError) as reason:
            self.note_fault("ledger events", ValueError(f"{event.action}: done, and not in the ledger: {reason}"))

    def note_fault(self, where: str, reason: Exception) -> None:
        """Note a fault that a client gets as its reply; it stands in the status, too."""
        self.faults[where] = str(reason)
        log.warning("%s: %s", where, reason)


async def guarded(faults: dict[str, str], where: str, work: Callable[[], Awaitable[object]]) -> bool:
    """Do what may fail without ending the role: the fault stands until the same work succeeds.   Whether it has"""
    try:
        await work()
    except (*OF_THE_BOX, OSError, ApiRefusal) as reason:  # a full disk, too, is no fault of the program
        if faults.get(where) != str(reason):
            log.error("%s: %s", where, reason)
        faults[where] = str(reason)
    except Exception as reason:  # the edge: what is in force stays in force
        fault = f"{type(reason).__name__}: {reason}"
        if faults.get(where) != fault:  # logged once, however often it is tried
            log.exception("%s", where)
        faults[where] = fault
    else:
        faults.pop(where, None)
        return True
    return False
