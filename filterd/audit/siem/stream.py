"""One stream of records: a connection's worth at a time, and the cursor behind it once the collector has taken that.

    page → frames → … → taken → cursor

Invariants: the cursor never passes what was not taken; at most MOST records are sent again where a connection breaks, a
few where it is bad from the beginning; in memory is one page.   A collector that is away or slow holds up nothing but
this.
"""

import logging
import ssl
import time
from collections.abc import Awaitable, Callable

from filterd.audit.siem.collector import Collector, CollectorFailure
from filterd.audit.siem.cursor import Cursor, Position
from filterd.audit.siem.sources import NoRecords, Page, Source, first_position
from filterd.process.control_messages import MOST_FAULT, StreamStatus

LEAST, MOST = 50, 5000  # records of a connection: after a failure, and after many that went well
PAGE = 500
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0

log = logging.getLogger("filterd.audit.siem")

Connect = Callable[[], Awaitable[Collector]]


class Stream:
    """What is sent of one source."""

    def __init__(self, name: str, source: Source, cursor: Cursor, begin: str) -> None:
        self.name = name
        self._source, self._cursor, self._begin = source, cursor, begin
        self._window, self._pause_s, self._next_s = LEAST, FIRST_PAUSE_S, 0.0
        self._n_sent = self._n_gone = self._waiting = 0
        self._since_s: float | None = None  # time of the oldest record that waits, unix
        self._seen_s: float | None = None  # when it was found so, by the monotonic clock
        self._fault: str | None = None

    @property
    def said(self) -> StreamStatus:
        """How it is."""
        return StreamStatus(
            sent=self._n_sent, waiting=self._waiting, oldest_s=self._oldest_s(), gone=self._n_gone, fault=self._fault
        )

    async def send_some(self, connect: Connect) -> bool:
        """Send what there is, one connection's worth; whether more may wait."""
        if time.monotonic() < self._next_s:
            return False
        try:
            n = await self._send(connect)
        except (CollectorFailure, NoRecords) as reason:
            self._fail(str(reason))
            return False
        except OSError as reason:  # the cursor could not be written: what was taken is sent again
            self._fail(f"cursor: {reason.strerror or reason}; make room in its folder")
            return False
        except Exception as reason:  # the edge: what one stream cannot read ends neither the other one nor the role
            log.debug("%s", self.name, exc_info=True)
            self._fail(f"{type(reason).__name__}: {reason!s:.200}")
            return False
        if self._fault is not None:
            log.info("%s: sent again", self.name)
        self._fault, self._pause_s = None, FIRST_PAUSE_S
        return n > 0

    # ------------------------------------------------------------------------------------------------------------------

    async def _send(self, connect: Connect) -> int:
        at = self._cursor.of(self.name)
        if at is None:
            at = await first_position(self._source, self._begin)
            self._cursor.move(self.name, at)
            log.info("%s: sending begins with %d", self.name, at.number)
        page = await self._source.page(at, min(PAGE, self._window))
        self._see(page)
        if not page.n:
            if page.waiting and page.after == at:
                raise NoRecords(f"none is given of {page.waiting} that wait from {at.number} on; look at what has them")
            self._pass(at, page.after, 0, page.gone)
            return 0
        collector = await connect()
        try:
            n, gone, after = await self._deliver(collector, page)
        finally:
            collector.close()
        self._pass(at, after, n, gone)
        self._window = min(MOST, 2 * self._window)
        return n

    async def _deliver(self, collector: Collector, page: Page) -> tuple[int, int, Position]:
        """Send pages on a connection, and have them taken; how many records, how many were gone, and what is next."""
        n, gone = 0, 0
        while True:
            await collector.send(page.frames)
            n, gone, after = n + page.n, gone + page.gone, page.after
            if n >= self._window:
                break
            page = await self._source.page(after, min(PAGE, self._window - n))
            if not page.n:
                break
        await collector.finish()
        return n, gone, after

    def _see(self, page: Page) -> None:
        self._waiting, self._since_s = page.waiting, page.since_s
        if page.n and self._seen_s is None:
            self._seen_s = time.monotonic()

    def _pass(self, at: Position, after: Position, n: int, gone: int) -> None:
        """Go on behind what was taken, or is gone."""
        if after != at:
            self._cursor.move(self.name, after)
        if gone:
            self._n_gone += gone
            log.error("%s: %d records were destroyed by age before they were sent", self.name, gone)
        self._n_sent += n
        self._waiting, self._seen_s = max(0, self._waiting - n), None
        self._since_s = self._since_s if self._waiting else None

    def _fail(self, fault: str) -> None:
        if fault[:MOST_FAULT] != self._fault:
            log.warning("%s: %s; nothing is lost, it is tried again", self.name, fault)
        self._fault, self._window = fault[:MOST_FAULT], LEAST
        self._seen_s = self._seen_s or time.monotonic()
        self._next_s = time.monotonic() + self._pause_s
        self._pause_s = min(LONGEST_PAUSE_S, 2 * self._pause_s)

    def _oldest_s(self) -> float:
        """By the records' own time, or by ours since they were found, where the wall clock was set back."""
        by_wall = 0.0 if self._since_s is None else time.time() - self._since_s
        by_ours = 0.0 if self._seen_s is None else time.monotonic() - self._seen_s
        return max(by_wall, by_ours)


def connect_to(server: str, context_of: Callable[[], ssl.SSLContext]) -> Connect:
    """How a stream connects; the files are read each time, so that a renewed certificate is used."""

    async def connect() -> Collector:
        try:
            context = context_of()
        except OSError as reason:
            raise CollectorFailure(f"certificates: {reason}") from reason
        return await Collector.connected(server, context)

    return connect
