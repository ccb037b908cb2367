"""Tickets at the splash: who asks from a line's address opens what follows the profile of that address.

Invariants: the profile is that of the address in the images in force, no matter what a form says; a ticket is used in
the transaction that writes the grant, and what is published comes after; a household's tries are counted here, too, so
that a splash that is taken over guesses no faster than a visitor.
"""

import time
from datetime import datetime

from sqlalchemy import Connection, Engine

from fastpath.images.tables import TableSet
from filterd.control.pages.whose import HouseholdProfile, whose
from mgmt.contract.control import TicketOutcome
from parental.calendar import tickets
from parental.people.household import By, note
from parental.store.database import reading, writing
from parental.store.errors import NoPerson, NotNow
from rules.base.budget import RequestBudget

UNKNOWN, KEPT = TicketOutcome("unknown", 0), TicketOutcome("kept", 0)


class SplashTickets:
    """Takes the tickets that visitors type."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._tries = RequestBudget(tickets.N_TRIES, tickets.WINDOW_S)

    def use(self, tables: TableSet, code: str, address: str, at: datetime) -> TicketOutcome:
        """Use the ticket of a code for an address.   Blocking.   Raises DatabaseFault; ValueError for a bad address"""
        profile = tables.decide(None, address, int(at.timestamp())).subscriber
        with reading(self._engine) as conn:
            asker = whose(conn, profile)
        if asker is None or self._tries.wait_s(str(asker.account), time.monotonic()):
            return UNKNOWN
        try:
            with writing(self._engine) as conn:
                return TicketOutcome("open", _use(conn, asker, code, at))
        except NoPerson:
            return UNKNOWN
        except NotNow:
            return KEPT


def _use(conn: Connection, asker: HouseholdProfile, code: str, at: datetime) -> int:
    minutes = tickets.use(conn, asker.account, asker.profile, code, at)
    note(conn, asker.account, By("ticket", ""), "ticket used", asker.about(), at)
    return minutes
