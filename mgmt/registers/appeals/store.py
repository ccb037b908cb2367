"""Appeals as the database has them: number, times, state and what was sealed, which this box cannot open.

    put ─→ waiting ─ claim ─→ handed over: sent ─→ answered, with a word
             ↑                not: again after a while, which doubles up to an hour
             └─────┘          there is no giving up: someone waits for it

Invariants: no column for who wrote it or what about; OUTCOMES do not tell whether an address was on a list, so that
no one who appeals learns it here; what was sealed is forgotten with the answer; so many wait, and no more are taken.
"""

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import starmap
from typing import NamedTuple

from sqlalchemy import Connection, delete, func, insert, or_, select, update

from mgmt.ledger.event import CONTROL, ORDERS, Actor, Event, Value
from mgmt.ledger.store import append
from mgmt.registers.appeals.sealed import looks_sealed
from mgmt.registers.records.wrong_blocks import LENGTH, LETTERS
from parental.store.schema.reports import appeals

WAITING, SENT, ANSWERED = STATES = ("waiting", "sent", "answered")
# unchanged: of an address that is on no list, too.
OUTCOMES = ("changed", "unchanged", "passed", "unreadable")
MAX_WAITING = 200  # for the mail server: 2.3 MB of mails
MAX_UNANSWERED = 2000  # at the one who passes them on
FIRST_WAIT_S, LONGEST_WAIT_S = 90, 3600
KEPT = timedelta(days=365)  # after the answer
MAX_FAULT_CHARACTERS = 300


class WaitingAppeal(NamedTuple):
    """One to be handed over."""

    id: int
    reference: str
    received_s: int
    sealed: bytes


class AppealView(NamedTuple):
    """An appeal as people of the box see it.   number  that its writer was given;   times  (aware)"""

    number: str
    state: str
    received: datetime
    sent: datetime | None
    outcome: str | None
    answered: datetime | None


def put_appeal(conn: Connection, sealed: bytes, now: datetime) -> str | None:
    """Keep one until it is sent; its number.   None: too many wait.   Raises ValueError for what is not sealed"""
    if not looks_sealed(sealed):
        raise ValueError("appeal: what came is not sealed; not kept")
    if n_of(conn, WAITING) >= MAX_WAITING or n_of(conn, WAITING, SENT) >= MAX_UNANSWERED:
        return None
    number = "".join(secrets.choice(LETTERS) for _ in range(LENGTH))
    at_s = int(now.timestamp())
    row = {"reference": number, "sealed": sealed, "state": WAITING, "received_s": at_s, "due_s": at_s, "tries": 0}
    conn.execute(insert(appeals).values(row))
    _note(conn, "appeal received", number, CONTROL, now)
    return number


def due(conn: Connection, at: datetime, limit: int) -> list[int]:
    """Those to be handed over now; also those of an hour that a clock which was set back has put far away."""
    now_s = int(at.timestamp())
    is_due = or_(appeals.c.due_s <= now_s, appeals.c.due_s > now_s + LONGEST_WAIT_S)
    chosen = select(appeals.c.id).where(appeals.c.state == WAITING, is_due).order_by(appeals.c.due_s, appeals.c.id)
    return list(conn.execute(chosen.limit(limit)).scalars())


def claim(conn: Connection, appeal: int, at: datetime) -> bool:
    """Take one of due() on; False: another gateway was faster."""
    row = conn.execute(select(appeals.c.tries).where(appeals.c.id == appeal, appeals.c.state == WAITING)).one_or_none()
    if row is None:
        return False
    wait_s = min(FIRST_WAIT_S << min(row.tries, 16), LONGEST_WAIT_S)
    mine = update(appeals).where(appeals.c.id == appeal, appeals.c.state == WAITING, appeals.c.tries == row.tries)
    return bool(conn.execute(mine.values(tries=row.tries + 1, due_s=int(at.timestamp()) + wait_s)).rowcount)


def find_waiting(conn: Connection, appeal: int) -> WaitingAppeal | None:
    """One that waits, with what was sealed."""
    chosen = select(*appeals.c[WaitingAppeal._fields]).where(appeals.c.id == appeal, appeals.c.state == WAITING)
    row = conn.execute(chosen).one_or_none()
    return None if row is None else WaitingAppeal._make(row)


def note_sent(conn: Connection, appeal: WaitingAppeal, at: datetime) -> None:
    """The mail server has taken it."""
    waits = update(appeals).where(appeals.c.id == appeal.id, appeals.c.state == WAITING)
    if conn.execute(waits.values(state=SENT, sent_s=int(at.timestamp()), fault=None)).rowcount:
        _note(conn, "appeal sent", appeal.reference, CONTROL, at)


def note_fault(conn: Connection, numbers: Sequence[int], fault: str) -> None:
    """Why the last try was none, of those that still wait."""
    waits = update(appeals).where(appeals.c.id.in_(numbers), appeals.c.state == WAITING)
    conn.execute(waits.values(fault=fault[:MAX_FAULT_CHARACTERS]))


def answer(conn: Connection, number: str, outcome: str, at: datetime, by: Actor) -> None:
    """Note what the owner of the list has answered, forget what was sealed, and answers of a year ago.

    Raises LookupError: none exists, or it was not sent yet;   ValueError: an outcome that is not of OUTCOMES"""
    if outcome not in OUTCOMES:
        raise ValueError(f"outcome {outcome!r:.40}: unknown; nothing noted; write one of {', '.join(OUTCOMES)}")
    conn.execute(delete(appeals).where(appeals.c.answered_s < int((at - KEPT).timestamp())))
    chosen = select(appeals.c.id, appeals.c.state, appeals.c.outcome).where(appeals.c.reference == number)
    row = conn.execute(chosen).one_or_none()
    if row is None or row.state == WAITING:
        found = "not found" if row is None else "it was not sent yet"
        raise LookupError(f"appeal {number!r:.40}: {found}; nothing noted; see filterd appeals list")
    values = {"state": ANSWERED, "outcome": outcome, "answered_s": int(at.timestamp()), "sealed": None}
    conn.execute(update(appeals).where(appeals.c.id == row.id).values(values))
    before: dict[str, Value] = {} if row.outcome is None else {"outcome before": row.outcome}
    _note(conn, "appeal answered", number, by, at, {"outcome": outcome, **before})


def shown(conn: Connection, limit: int) -> list[AppealView]:
    """Those that are not answered, the oldest first, and then those that are, the last one first."""
    of = appeals.c
    chosen = select(of.reference, of.state, of.received_s, of.sent_s, of.outcome, of.answered_s)
    chosen = chosen.order_by(of.answered_s.is_not(None), of.answered_s.desc(), of.id).limit(limit)
    return list(starmap(_shown, conn.execute(chosen)))


def n_of(conn: Connection, *states: str) -> int:
    """How many are in one of these states."""
    chosen = select(func.count(appeals.c.id)).where(appeals.c.state.in_(states))
    return conn.execute(chosen).scalar_one()


def fault_of_waiting(conn: Connection) -> tuple[int, str] | None:
    """(how many wait, why the newest of them that was tried was not taken).   None: nothing was refused"""
    chosen = select(appeals.c.fault).where(appeals.c.state == WAITING, appeals.c.fault.is_not(None))
    fault = conn.execute(chosen.order_by(appeals.c.id.desc()).limit(1)).scalar_one_or_none()
    return None if fault is None else (n_of(conn, WAITING), fault)


def _note(
    conn: Connection, action: str, number: str, by: Actor, at: datetime, said: dict[str, Value] | None = None
) -> None:
    append(conn, Event(ORDERS, action, by, {"appeal": number}, said or {}), at)


def _shown(
    number: str, state: str, received_s: int, sent_s: int | None, outcome: str | None, answered_s: int | None
) -> AppealView:
    sent, answered = (None if s is None else datetime.fromtimestamp(s, UTC) for s in (sent_s, answered_s))
    return AppealView(number, state, datetime.fromtimestamp(received_s, UTC), sent, outcome, answered)
