"""A clock that decides what is old, over or due, and that no step of the wall clock can fool, nor any event's time.

What was the time is kept in the database for each node, with the clock that counts since the start of the machine
(CLOCK_BOOTTIME) and the number of that start.  While the machine runs, time goes on by that counter, wherever the wall
clock goes; after another start the wall clock is believed where it is at most MAX_OFF_S after what was known, and not
before it.

Invariants: a step forward makes nothing older, a step back makes nothing younger, for as long as the machine runs; what
cannot be known is not decided: ClockStep, until the wall clock is right again or a person confirms it.
"""

import socket
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, delete, func, insert, select

from mgmt.ledger.event import SETTINGS, Actor, Event
from mgmt.ledger.store import append, last_time_ms
from parental.store.schema.ledger import clock_marks
from parental.store.schema.records import blocks

UNKNOWN = 0  # unix seconds: what time it is is not known, and nothing is decided by it
TOLERANCE_S = 60.0  # between two looks, an hour apart at most: sixteen times what slewing can gain in it
MAX_OFF_S = 7 * 86_400.0  # a machine that was off for longer gets its time confirmed
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
MEND = "if it is right now: filterd audit clock --confirm"


class Clocks(NamedTuple):
    """What a machine says: its name, unix seconds, seconds since its start, and which start that was."""

    node: str
    wall_s: float
    boot_s: float
    boot_id: str


class TrustedTime(NamedTuple):
    """The time, and by how much the wall clock is off since a step; 0.0: it agrees."""

    time_s: float
    step_s: float


class ClockStep(ValueError):
    """The time is not known; nothing is decided by it."""


def read_clocks() -> Clocks:
    return Clocks(
        socket.gethostname(), time.time(), time.clock_gettime(time.CLOCK_BOOTTIME), BOOT_ID.read_text().strip()
    )


def begin(conn: Connection, clocks: Clocks) -> None:
    """Give a database that knows no time the newest one in its records.   conn: may write

    To be called before anything of this start is written: that may have the time of a wrong clock."""
    if _mark(conn, clocks.node) is None:
        since_s = _last_written_s(conn)
        _remember(conn, Clocks(clocks.node, since_s, 0.0, "") if since_s else clocks, None)


def look(conn: Connection, clocks: Clocks) -> TrustedTime:
    """What time it is, remembered for the next look, an hour later.   conn: may write.   Raises ClockStep."""
    begin(conn, clocks)
    mark = _mark(conn, clocks.node)
    assert mark is not None
    if mark.boot_id == clocks.boot_id:
        known_s = mark.time_s + max(0.0, clocks.boot_s - mark.boot_s)
        step_s = clocks.wall_s - known_s
        if abs(step_s) <= TOLERANCE_S:
            known_s, step_s = clocks.wall_s, 0.0
    else:
        known_s, step_s = clocks.wall_s, 0.0
        if not -TOLERANCE_S <= clocks.wall_s - mark.time_s <= MAX_OFF_S:
            raise ClockStep(
                f"clock: {iso(clocks.wall_s)}, and filterd last ran at {iso(mark.time_s)}; nothing is forgotten; {MEND}"
            )
    _remember(conn, clocks._replace(wall_s=known_s), mark.ahead_since_s)
    return TrustedTime(known_s, step_s)


def known(conn: Connection, clocks: Clocks) -> float | None:
    """What time it is; None: it is not known.   Else as look()."""
    try:
        return look(conn, clocks).time_s
    except ClockStep:
        return None


def behind(conn: Connection, clocks: Clocks) -> float:
    """Seconds that the wall clock is behind what is known, at least; 0.0: it is not.   Else as look()."""
    try:
        return max(0.0, -look(conn, clocks).step_s)
    except ClockStep:
        mark = _mark(conn, clocks.node)
        assert mark is not None
        return max(0.0, float(mark.time_s) + clocks.boot_s - clocks.wall_s)  # for as long it has run since


def confirm(conn: Connection, clocks: Clocks, by: Actor) -> None:
    """Believe the wall clock as it is now; an event says who said so."""
    mark = _mark(conn, clocks.node)
    _remember(conn, clocks, None if mark is None else mark.ahead_since_s)
    said = {"before": None if mark is None else iso(mark.time_s)}
    append(conn, Event(SETTINGS, "clock confirmed", by, {"time": iso(clocks.wall_s)}, said), _at(clocks.wall_s))


def ahead_for_s(conn: Connection, node: str, now_s: float, is_ahead: bool) -> float:
    """For how long there have been records of a time that has not come; remembered.   is_ahead: whether there are"""
    mark = _mark(conn, node)
    assert mark is not None
    since_s = (mark.ahead_since_s or int(now_s)) if is_ahead else None
    _remember(conn, Clocks(node, mark.time_s, mark.boot_s, mark.boot_id), since_s)
    return 0.0 if since_s is None else now_s - since_s


def iso(time_s: float) -> str:
    return _at(time_s).isoformat(timespec="seconds").replace("+00:00", "Z")


def _at(time_s: float) -> datetime:
    return datetime.fromtimestamp(time_s, UTC)


def _mark(conn: Connection, node: str) -> Row[Any] | None:
    return conn.execute(select(clock_marks).where(clock_marks.c.node == node)).one_or_none()


def _remember(conn: Connection, clocks: Clocks, ahead_since_s: int | None) -> None:
    conn.execute(delete(clock_marks).where(clock_marks.c.node == clocks.node))
    row = {"time_s": clocks.wall_s, "boot_s": clocks.boot_s, "boot_id": clocks.boot_id}
    conn.execute(insert(clock_marks).values(node=clocks.node, ahead_since_s=ahead_since_s, **row))


def _last_written_s(conn: Connection) -> float:
    """The newest time in ledger and records, of a database that has none yet; 0.0: there is nothing."""
    newest = conn.execute(select(func.max(blocks.c.time_s))).scalar_one() or 0
    return max(float(newest), last_time_ms(conn) / 1000)
