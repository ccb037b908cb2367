"""What was done in a household, and by whom: its own record, which every caregiver sees and no one changes.

It is no part of the audit ledger: auditors never see it, and it goes with its age (filterd.audit.retention).
Invariant: an event keeps the name that its child had, so that no other name, and no end of it, rewrites what was done.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, func, insert, select

from parental.store.schema.people import children, household_events

PAGE = 100


class By(NamedTuple):
    """Who did something.   kind  caregiver, token, …;   name  which one;   role  that it had"""

    kind: str
    name: str
    role: str = ""


class Event(NamedTuple):
    """What was done.   about  JSON: numbers, and names of devices;   child_name  that its child had then"""

    id: int
    time_s: int
    by_kind: str
    by_name: str
    by_role: str
    action: str
    about: str
    child_name: str | None


def note(conn: Connection, account: int, by: By, action: str, about: Mapping[str, object], at: datetime) -> None:
    """Write down what was done.   conn: the transaction of the change;   about  numbers, and names of devices"""
    row = {"by_kind": by.kind, "by_name": by.name, "by_role": by.role, "child_name": _child_name(conn, about)}
    said = json.dumps(dict(about), sort_keys=True)
    conn.execute(
        insert(household_events).values(account=account, time_s=int(at.timestamp()), action=action, about=said, **row)
    )


def _child_name(conn: Connection, about: Mapping[str, object]) -> str | None:
    if "child" not in about:
        return None
    return conn.execute(select(children.c.nickname).where(children.c.id == about["child"])).scalar_one_or_none()


def history(conn: Connection, account: int, before: int | None = None) -> list[Event]:
    """The newest PAGE events of a household, of numbers below `before`, the newest first."""
    chosen = select(*household_events.c[Event._fields]).where(household_events.c.account == account)
    if before is not None:
        chosen = chosen.where(household_events.c.id < before)
    return list(map(Event._make, conn.execute(chosen.order_by(household_events.c.id.desc()).limit(PAGE))))


def count_of(conn: Connection, account: int, about: Mapping[str, object], since_s: int) -> Mapping[str, int]:
    """What was done about exactly this since a time: action → how often."""
    mine = household_events.c.account == account, household_events.c.about == json.dumps(dict(about), sort_keys=True)
    chosen = select(household_events.c.action, func.count()).where(*mine, household_events.c.time_s >= since_s)
    return {action: n for action, n in conn.execute(chosen.group_by(household_events.c.action))}


def told_since(conn: Connection, account: int, action: str, since_s: int) -> list[tuple[int, dict[str, Any]]]:
    """What was said of an action since a time, with its time."""
    mine = household_events.c.account == account, household_events.c.action == action
    chosen = select(household_events.c.time_s, household_events.c.about).where(*mine)
    rows = conn.execute(chosen.where(household_events.c.time_s >= since_s))
    return [(row.time_s, json.loads(row.about)) for row in rows]


def forget(conn: Connection, before_s: int, limit: int) -> int:
    """Delete at most `limit` events of before a time; how many."""
    old = select(household_events.c.id).where(household_events.c.time_s < before_s).limit(limit)
    return conn.execute(delete(household_events).where(household_events.c.id.in_(old))).rowcount
