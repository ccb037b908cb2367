"""The thread of the streams: an event loop of its own, behind the UDP loop, watched by the worker's main thread.

    run() = thread(event loop(serve())), started again when it ends, until cancelled

A thousand connections may keep the streams busy for seconds.  So they share an event loop with nothing else: control
requests, the watchdog and the upstreams of the UDP loop have the main thread's.  What holds the streams up for HANG_S
is ended by an exception in their thread.  Nearly always that is one connection, and the others go on.

Invariants: what the streams do or fail to do ends neither the UDP loop nor the worker; each fault is logged and
counted; serve() has ended before run() returns, unless it hangs.
Source: Python's C API, PyThreadState_SetAsyncExc.
"""

import asyncio
import contextlib
import ctypes
import logging
import sys
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Final

from dns.base.thread_priority import give_way
from dns.front.streams.fair_selector import FairSelector
from dns.front.streams.turns import Turns
from fastpath.report.counters import Counters

LOOK_S: Final = 0.25
# Counted in our own looks, not by the clock: nothing is ended because the whole machine stood still.  A turn of a
# thousand busy connections takes less than a second, on a tenth of a core less than ten.
HANG_S: Final = 10.0
# How long the main thread waits for the interpreter while the streams are busy, each time it has something to do.
SWITCH_S: Final = 0.001
RESTART_S: Final = 0.5
STOP_S: Final = 2.0
# A thirtieth of a busy core.  With a tenth, the loop would often have had its share when it is woken: it would wait
# for the kernel's next tick then, 4 ms.
STREAMS_NICENESS: Final = 15

log = logging.getLogger("dns.front.streams.stream_thread")


class StreamsHang(Exception):
    """Raised in the streams' thread, in what holds them up."""


class StreamThread:
    """Runs `serve` in a thread of its own.   serve: makes a new coroutine at every start, for that loop's turns"""

    def __init__(self, serve: Callable[[Turns], Coroutine[Any, Any, None]], counters: Counters) -> None:
        self._serve = serve
        self._counters = counters
        self._n_turns = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = threading.Event()

    async def run(self) -> None:
        """Serve until cancelled."""
        sys.setswitchinterval(SWITCH_S)
        while True:
            self._loop = None
            self._stopping.clear()
            thread = threading.Thread(target=self._live, name="dns-streams", daemon=True)
            thread.start()
            try:
                await self._watch(thread)
            finally:
                await self._stop(thread)
            log.error("dns streams: their thread has ended; started again in %.1f s; please report it", RESTART_S)
            await asyncio.sleep(RESTART_S)

    async def _watch(self, thread: threading.Thread) -> None:
        """Look whether the streams' loop turns, until the thread has ended."""
        seen, silent_s = self._n_turns, 0.0
        while thread.is_alive():
            await asyncio.sleep(LOOK_S)
            seen, silent_s = self._n_turns, 0.0 if seen != self._n_turns else silent_s + LOOK_S
            if silent_s >= HANG_S:
                silent_s = 0.0
                self._counters.add("dns_streams_hung")
                log.error(
                    "dns streams: no turn for %.0f s; what they work on is ended; UDP goes on; please report it", HANG_S
                )
                _raise_in(thread, StreamsHang)

    async def _stop(self, thread: threading.Thread) -> None:
        self._stopping.set()
        if self._loop is not None and self._task is not None:  # else it looks at the event first
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._task.cancel)
        await asyncio.to_thread(thread.join, STOP_S)

    def _live(self) -> None:
        give_way(STREAMS_NICENESS)
        turns = Turns(selector := FairSelector())
        try:
            with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner:
                runner.run(self._turn(turns))
        except asyncio.CancelledError:
            return
        except Exception:  # the thread's edge: run() starts it again
            log.exception("dns streams: internal error")

    async def _turn(self, turns: Turns) -> None:
        self._task, self._loop = asyncio.current_task(), asyncio.get_running_loop()
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(self._serve(turns))
            while not serving.done() and not self._stopping.is_set():
                self._n_turns += 1
                await asyncio.sleep(LOOK_S)
            serving.cancel()


def _raise_in(thread: threading.Thread, what: type[Exception]) -> None:
    """Raise an exception in a thread, as soon as it runs Python."""
    assert thread.ident is not None
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(what))
