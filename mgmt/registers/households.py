"""What is done to an account's people, written down twice in the transaction of the change.

    people   the ledger of events, which auditors read: numbers alone
    all      the household's own record (parental.people.household), which its caregivers read, and no one else

Invariants: a household's choice, such as a child, its rules or a pause, stands in its own record alone.
"""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection

from mgmt.ledger.event import PEOPLE, Actor, Event, Value
from mgmt.ledger.store import append
from parental.people.accounts import account_of
from parental.people.household import By, note


def record(conn: Connection, account: int, actor: Actor, action: str, about: Mapping[str, int], at: datetime) -> None:
    """Write down a change of an account's people.   about  numbers of lines and caregivers"""
    told: dict[str, Value] = {"account": account, **about}
    append(conn, Event(PEOPLE, action, actor, told), at)
    note(conn, account, By(actor.kind, actor.name, actor.role), action, about, at)


def note_choice(
    conn: Connection, account: int, actor: Actor, action: str, about: Mapping[str, int | str], at: datetime
) -> None:
    """Write down what a household chose, in its own record."""
    note(conn, account, By(actor.kind, actor.name, actor.role), action, about, at)


def note_choice_of_line(conn: Connection, line: int, actor: Actor, action: str, at: datetime) -> None:
    """The same, of a line; nothing where there is no such line."""
    account = account_of(conn, line)
    if account is not None:
        note_choice(conn, account, actor, action, {"line": line}, at)
