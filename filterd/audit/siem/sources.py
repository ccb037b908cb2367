"""Where records come from: blocks from the archive, events of the ledger from control; a page at a time, as frames.

Invariants: a page ends where the next one begins; who has the records decides what may leave, not this role.
"""

import socket
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

from msgspec import Struct

from filterd.audit.archive_messages import NextRecords, RecordsFrom
from filterd.audit.siem.bodies import BODIES
from filterd.audit.siem.cursor import Position
from filterd.audit.siem.syslog import NONE, framed, message
from filterd.box.places import ARCHIVE, CONTROL, archive_socket, control_socket
from filterd.config.siem import BLOCKS, LEDGER, Siem
from filterd.process.codec import FailureReply
from filterd.process.control_messages import EventsFrom, NextEvents
from filterd.process.json_socket import NoAnswer, ask
from mgmt.ledger.event import time_text

TIMEOUT_S = 60.0  # a page out of a large file
NOW = -1
T = TypeVar("T", bound=Struct)


class NoRecords(Exception):
    """Who has the records does not give them; the text says why."""


class Page(NamedTuple):
    """Records of a stream.   frames  octets;   n  how many;   after  behind them;   since_s  time of the first, unix

    waiting  how many there are from the first of these on;   gone  destroyed by age before they were asked for"""

    frames: bytes
    n: int
    after: Position
    waiting: int
    gone: int = 0
    since_s: float | None = None


class Source(Protocol):
    """Who has the records of a stream."""

    async def page(self, at: Position, most: int) -> Page:
        """The records from a position on, `most` of them or fewer.   Raises NoRecords"""
        ...


class Blocks:
    """Records of blocks, of the archive."""

    def __init__(self, run_dir: Path, body: str) -> None:
        self._path, self._body, self._host = archive_socket(run_dir), BODIES[body][0], socket.gethostname()

    async def page(self, at: Position, most: int) -> Page:
        found = await _asked(self._path, ARCHIVE, RecordsFrom(at.number, at.index, most), NextRecords)
        frames = [framed(message(each.time, self._host, "block", self._body(each))) for each in found.records]
        since_s = datetime.fromisoformat(found.records[0].time).timestamp() if frames else None
        after = Position(found.number, found.index)
        return Page(b"".join(frames), len(frames), after, found.waiting, found.gone, since_s)


class LedgerEvents:
    """Events of the ledger, of control."""

    def __init__(self, run_dir: Path, body: str) -> None:
        self._path, self._body, self._host = control_socket(run_dir), BODIES[body][1], socket.gethostname()

    async def page(self, at: Position, most: int) -> Page:
        found = await _asked(self._path, CONTROL, EventsFrom(at.number, most), NextEvents)
        frames = [framed(message(_time(each.time_ms), self._host, "ledger", self._body(each))) for each in found.events]
        since_s = found.events[0].time_ms / 1000 if frames else None
        return Page(b"".join(frames), len(frames), Position(found.number), found.waiting, 0, since_s)


SOURCES: dict[str, Callable[[Path, str], Source]] = {BLOCKS: Blocks, LEDGER: LedgerEvents}


def sources_of(siem: Siem, run_dir: Path) -> dict[str, Source]:
    """Those of the streams that are sent."""
    return {name: SOURCES[name](run_dir, siem.body) for name in siem.send}


async def first_position(source: Source, begin: str) -> Position:
    """Where a stream begins that was never sent.   Raises NoRecords"""
    return Position(0) if begin == "oldest" else (await source.page(Position(NOW), 1)).after


def _time(time_ms: int) -> str:
    """As a header has it; of an instant that no calendar has, which only a damaged ledger holds, none."""
    try:
        return time_text(time_ms)
    except (ValueError, OverflowError, OSError):
        return NONE


async def _asked(path: Path, role: str, request: Struct, kind: type[T]) -> T:
    try:
        reply = await ask(path, role, request, kind, TIMEOUT_S)
    except NoAnswer as reason:
        raise NoRecords(f"{role}: {reason}") from reason
    if isinstance(reply, FailureReply):
        raise NoRecords(f"{role}: {reply.reason}")
    return reply
