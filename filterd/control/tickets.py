"""Tickets at the splash: who asks from a line's address opens what follows the profile of that address.

Invariants: the profile is that of the address in the images in force, whatever a form says; a ticket is used in the
transaction that writes the grant, and what is published comes after; a household's tries are counted here, too, so that
a splash that is taken over guesses no faster than a visitor.
"""

import time
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, Engine, select

from fastpath.images.tables import TableSet
from mgmt.budget import RequestBudget
from mgmt.control_protocol import Ticketed
from parental.calendar import tickets
from parental.database import reading, writing
from parental.errors import NoPerson, NotNow
from parental.people.household import By, note
from parental.schema.lines import profiles
from parental.schema.people import children

UNKNOWN, KEPT = Ticketed("unknown", 0), Ticketed("kept", 0)


class SplashTickets:
    """Takes the tickets that visitors type."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._tries = RequestBudget(tickets.N_TRIES, tickets.WINDOW_S)

    def use(self, tables: TableSet, code: str, address: str, at: datetime) -> Ticketed:
        """Use the ticket of a code for an address.   Blocking.   Raises DatabaseFault; ValueError for a bad address"""
        profile = tables.decide(None, address, int(at.timestamp())).subscriber
        with reading(self._engine) as conn:
            whose = _whose(conn, profile)
        if whose is None or self._tries.wait_s(str(whose.account), time.monotonic()):
            return UNKNOWN
        try:
            with writing(self._engine) as conn:
                return Ticketed("open", _use(conn, whose, code, at))
        except NoPerson:
            return UNKNOWN
        except NotNow:
            return KEPT


class _Whose(NamedTuple):
    """A profile with its account, and the child whose it is."""

    profile: int
    account: int
    child: int | None


def _whose(conn: Connection, profile: int | None) -> _Whose | None:
    columns = profiles.c.id, profiles.c.account, children.c.id
    chosen = select(*columns).outerjoin(children, children.c.profile == profiles.c.id)
    row = conn.execute(chosen.where(profiles.c.id == profile)).one_or_none()
    return None if row is None else _Whose(*row)


def _use(conn: Connection, whose: _Whose, code: str, at: datetime) -> int:
    minutes = tickets.use(conn, whose.account, whose.profile, code, at)
    about = {"line": whose.profile} if whose.child is None else {"child": whose.child}
    note(conn, whose.account, By("ticket", ""), "ticket used", about, at)
    return minutes
