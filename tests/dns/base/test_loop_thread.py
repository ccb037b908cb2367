import asyncio
import threading

import pytest

from dns.base.loop_thread import LoopThread
from fastpath.images.tables import Handoff


class PlayedLoop:
    """Stands for a nogil loop: it runs until it is stopped, or raises at once."""

    def __init__(self, reason: Exception | None = None) -> None:
        self.reason, self.stopped = reason, threading.Event()
        self.n_turns = 0

    def run(self) -> None:
        if self.reason is not None:
            raise self.reason
        self.stopped.wait(30)

    def stop(self) -> None:
        self.stopped.set()

    def wake(self) -> None:
        """There are no tables to look for."""


async def forever() -> None:
    await asyncio.Event().wait()


async def test_what_ends_the_loop_is_raised_as_it_is_and_ends_the_companion() -> None:
    ended = asyncio.Event()

    async def companion() -> None:
        try:
            await forever()
        finally:
            ended.set()

    with pytest.raises(PermissionError, match="queue 7"):
        await LoopThread(PlayedLoop(PermissionError("queue 7")), Handoff(), "loop").run(companion())

    assert ended.is_set()


async def test_what_ends_the_companion_stops_the_loop_and_is_raised() -> None:
    loop = PlayedLoop()

    async def fails() -> None:
        raise OSError("no socket")

    with pytest.raises(OSError, match="no socket"):
        await LoopThread(loop, Handoff(), "loop").run(fails())

    assert loop.stopped.is_set()


async def test_a_cancelled_run_leaves_no_thread() -> None:
    loop = PlayedLoop()
    running = LoopThread(loop, Handoff(), "the loop that is cancelled").run(forever())

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await running

    assert loop.stopped.is_set()
    assert "the loop that is cancelled" not in [thread.name for thread in threading.enumerate()]
