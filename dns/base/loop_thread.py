"""The thread of a data plane loop, and the hand-over of tables to it: the same for the DNS front and the packet gate.

    run() = thread(loop.run) with a companion coroutine, until either ends or the caller cancels

Invariants: what ends the loop is raised as it is; the loop is stopped and its thread joined before run() returns.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Final, Protocol

from dns.base.thread_priority import come_first
from fastpath.images.tables import Handoff, TableSet

SWAP_PATIENCE_S: Final = 5.0
SWAP_POLL_S: Final = 0.001


class Loop(Protocol):
    """A nogil loop: DnsLoop, GateLoop, TapLoop."""

    @property
    def n_turns(self) -> int:
        """Turns so far; at least one a second, also when idle."""

    def run(self) -> None:
        """Serve until stop()."""

    def stop(self) -> None:
        """End run() in its thread."""

    def wake(self) -> None:
        """Have the loop check for new tables at once."""


class LoopThread:
    """One loop, the thread that it runs in, and the tables that it serves.

    begin   what its thread does first: how it is scheduled"""

    def __init__(self, loop: Loop, handoff: Handoff, name: str, begin: Callable[[], None] = come_first) -> None:
        self._loop, self._handoff, self._name, self._begin = loop, handoff, name, begin

    def give(self, tables: TableSet) -> None:
        """Serve `tables` from the first turn on: before run()."""
        self._handoff.give(tables)

    async def use(self, tables: TableSet) -> None:
        """Serve `tables`, or newer ones given meanwhile; returns once the loop does.

        tables   newer than any given before
        Raises TimeoutError where the loop does not take them in 5 s."""
        ticket = self._handoff.give(tables)
        self._loop.wake()
        async with asyncio.timeout(SWAP_PATIENCE_S):
            while self._handoff.taken() < ticket:  # noqa: ASYNC110  # the loop has no way to call Python
                await asyncio.sleep(SWAP_POLL_S)

    async def run(self, companion: Coroutine[Any, Any, None]) -> None:
        """Run the loop, and `companion` with it.   Raises what ends either of them."""
        main = asyncio.get_running_loop()
        ended: asyncio.Future[None] = main.create_future()
        thread = threading.Thread(target=self._serve, args=(main, ended), name=self._name, daemon=True)
        thread.start()
        # Held here and not in a TaskGroup, which would wrap what ends the loop.
        task = asyncio.ensure_future(companion)  # noqa: TID251
        try:
            await asyncio.wait((ended, task), return_when=asyncio.FIRST_COMPLETED)
            for done in (ended, task):
                if done.done():
                    done.result()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            self._loop.stop()
            thread.join()

    def _serve(self, main: asyncio.AbstractEventLoop, ended: "asyncio.Future[None]") -> None:
        self._begin()
        try:
            self._loop.run()
        except Exception as reason:  # the thread's edge: run() raises it again
            main.call_soon_threadsafe(_settle, ended, reason)


def _settle(ended: "asyncio.Future[None]", reason: Exception) -> None:
    if not ended.done():
        ended.set_exception(reason)
