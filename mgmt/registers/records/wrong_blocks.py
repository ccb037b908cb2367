"""Reports of visitors that something is blocked by mistake: a queue for the desk, with a clock.

    splash → control → a report with its reference → the desk's answer → who knows the reference reads it

Invariants: no column for who reported, nor for the name where the reason is the law: such a name may be confidential;
the same name for the same reason is one report until it is answered; so many wait for an answer, for each reason, and
no more are taken.
"""

import secrets
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, delete, func, insert, select, update

from mgmt.contract.control import LAW, Report
from mgmt.ledger.event import ORDERS, Actor, Event, Value
from mgmt.ledger.store import append
from parental.store.schema.reports import wrong_blocks

REASONS = (LAW, "category", "security")  # a family's own choice is no mistake of ours
OPENED = "opened"  # said only where control says so: mgmt.web.kit.open_check
OUTCOMES = (OPENED, "kept", "passed")
ANSWER_WORKING_DAYS = 2  # decided: a wrong block is answered within two working days
MAX_WAITING = 500  # of one reason: weeks of work for a desk
KEPT = timedelta(days=365)  # after the answer
PAGE = 200
LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # no digit is taken for a letter
LENGTH = 8  # 40 bits

_waits = wrong_blocks.c.outcome.is_(None)
_REPORT = wrong_blocks.c["reference", "reason", "name", "reported_s", "due", "outcome", "answered_s"]


def report_mistake(conn: Connection, reason: str, name: str | None, now: datetime, zone: str) -> Report | None:
    """Write a report down, or count it with the one that waits already; None where too many wait.

    Raises ValueError for a reason that is not one of REASONS."""
    if reason not in REASONS:
        raise ValueError(f"report: reason {reason!r:.40} is no block of ours; nothing written down")
    name = None if reason == LAW else name
    waiting = select(*_REPORT).where(_waits, wrong_blocks.c.reason == reason, wrong_blocks.c.name == name)
    found = conn.execute(waiting).first() if name is not None else None
    if found is not None:
        same = wrong_blocks.c.reference == found.reference
        conn.execute(update(wrong_blocks).where(same).values(times=wrong_blocks.c.times + 1))
        return _report(*found)
    if n_waiting(conn, reason) >= MAX_WAITING:
        return None
    return _write(conn, reason, name, now, zone)


def find_report(conn: Connection, reference: str) -> Report | None:
    """The report of a reference, however it is written."""
    wanted = "".join(c for c in reference.upper() if c.isalnum())
    row = conn.execute(select(*_REPORT).where(wrong_blocks.c.reference == wanted)).one_or_none()
    return None if row is None else _report(*row)


def answer_report(conn: Connection, reference: str, outcome: str, now: datetime, by: Actor) -> Report | None:
    """Note the desk's answer, with an event that names no visitor and no name, and forget answers of a year ago; None
    for an unknown reference."""
    before = int((now - KEPT).timestamp())
    conn.execute(delete(wrong_blocks).where(wrong_blocks.c.answered_s < before))
    row = conn.execute(select(wrong_blocks).where(wrong_blocks.c.reference == reference)).one_or_none()
    if row is None:
        return None
    conn.execute(
        update(wrong_blocks).where(wrong_blocks.c.id == row.id).values(outcome=outcome, answered_s=int(now.timestamp()))
    )
    said: dict[str, Value] = {"outcome": outcome, "reason": row.reason, "times": row.times, "due": row.due}
    if row.outcome is not None:
        said["outcome before"] = row.outcome
    append(conn, Event(ORDERS, "wrong block answered", by, {"report": row.id}, said), now)
    return find_report(conn, reference)


def iter_reports(conn: Connection, after: int = 0) -> Iterator[tuple[int, int, Report]]:
    """(number, times reported, report) of at most PAGE reports, the oldest first."""
    of = wrong_blocks.c
    rows = conn.execute(select(of.id, of.times, *_REPORT).where(of.id > after).order_by(of.id).limit(PAGE))
    for number, times, *said in rows:
        yield number, times, _report(*said)


def waiting_reports(conn: Connection, limit: int) -> list[tuple[int, Report]]:
    """(times reported, report) of those that wait, whose day comes first before the others."""
    of = wrong_blocks.c
    chosen = select(of.times, *_REPORT).where(_waits).order_by(of.due, of.id).limit(limit)
    return [(times, _report(*said)) for times, *said in conn.execute(chosen)]


def answered_reports(conn: Connection, limit: int) -> list[tuple[int, Report]]:
    """(times reported, report) of those that were answered, the last one first."""
    of = wrong_blocks.c
    chosen = select(of.times, *_REPORT).where(~_waits).order_by(of.answered_s.desc(), of.id.desc()).limit(limit)
    return [(times, _report(*said)) for times, *said in conn.execute(chosen)]


def n_waiting(conn: Connection, reason: str) -> int:
    return conn.execute(
        select(func.count()).select_from(wrong_blocks).where(_waits, wrong_blocks.c.reason == reason)
    ).scalar_one()


def n_late(conn: Connection, today: date) -> int:
    """Reports whose answer was due before today."""
    return conn.execute(
        select(func.count()).select_from(wrong_blocks).where(_waits, wrong_blocks.c.due < today.isoformat())
    ).scalar_one()


def answer_due(asked: date) -> date:
    """Two working days on; Saturday and Sunday are not counted."""
    due, left = asked, ANSWER_WORKING_DAYS
    while left:
        due += timedelta(days=1)
        left -= due.weekday() < 5
    return due


def _write(conn: Connection, reason: str, name: str | None, now: datetime, zone: str) -> Report:
    reference = "".join(secrets.choice(LETTERS) for _ in range(LENGTH))
    due = answer_due(now.astimezone(ZoneInfo(zone)).date())
    seconds = int(now.timestamp())
    conn.execute(
        insert(wrong_blocks).values(
            reference=reference, reason=reason, name=name, reported_s=seconds, due=due.isoformat(), times=1
        )
    )
    return Report(reference, reason, name, datetime.fromtimestamp(seconds, UTC), due)


def _report(
    reference: str,
    reason: str,
    name: str | None,
    reported_s: int,
    due: str,
    outcome: str | None,
    answered_s: int | None,
) -> Report:
    reported = datetime.fromtimestamp(reported_s, UTC)
    answered = None if answered_s is None else datetime.fromtimestamp(answered_s, UTC)
    return Report(reference, reason, name, reported, date.fromisoformat(due), outcome, answered)
