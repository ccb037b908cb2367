"""Turns of the streams' event loop: who has more to do than a little waits here, and clients come in turn.

    a connection has done a little → wait() → a few that wait are called in each turn of the event loop, one of a client

An event loop calls everything that is ready before it looks for more: with hundreds of busy connections, a new one
would wait for all of them at each of its steps.  So a turn of the loop is kept short, however many are busy, and a
client with many connections has no more of it than one with a single one.

Invariants: at most CALLED go on in one turn of the loop; of the clients that wait, each is called before any is called
again; one that leaves holds no one up.
Cost: 3 µs a wait.
"""

import asyncio
from collections import deque
from typing import Final

from dns.front.streams.fair_selector import FairSelector
from rules.base.clients import Client

# Each does a millisecond's work at most, mostly less.  With one alone, the loop's own work would be as much.
CALLED: Final = 2


class Turns:
    """Those who wait for their turn in one event loop.   selector  the loop's; None: it reads all that is ready"""

    def __init__(self, selector: FairSelector | None = None) -> None:
        self.selector = selector
        self._waiting: dict[Client, deque[asyncio.Future[None]]] = {}  # the next one first

    async def wait(self, client: Client) -> None:
        """Let the others go on; returns when it is this client's turn."""
        loop = asyncio.get_running_loop()
        called: asyncio.Future[None] = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._call, loop)
        self._waiting.setdefault(client, deque()).append(called)
        await called

    def _call(self, loop: asyncio.AbstractEventLoop) -> None:
        n_called = 0
        while self._waiting and n_called < CALLED:
            called = self._next()
            if not called.done():  # its connection has ended
                called.set_result(None)
                n_called += 1
        if self._waiting:
            loop.call_soon(self._call, loop)

    def _next(self) -> "asyncio.Future[None]":
        """The one that has waited for longest, of the client whose turn it is; that client is the last then."""
        client, waiting = next(iter(self._waiting.items()))
        del self._waiting[client]
        called = waiting.popleft()
        if waiting:
            self._waiting[client] = waiting
        return called
