"""Has orders put in force in the background: a push is a proposal, and only who wants to wait for what becomes of it.

Invariants: one publication at a time, and one more for all that was asked meanwhile, so that a hundred pushes at once
are two publications; control writes down what is in force, and tries again what fails (filterd.control.retries).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from aiohttp import web

from mgmt.contract.control import receive
from mgmt.contract.errors import NotInForce
from mgmt.web.kit.app_context import CONTROL
from parental.store.errors import DatabaseFault

CLOSE_S = 1.0

log = logging.getLogger(__name__)


class Publications:
    """Publishes one after the other.   publish  raises NotInForce, DatabaseFault"""

    def __init__(self, publish: Callable[[], Awaitable[None]]) -> None:
        self._publish = publish
        self._next: asyncio.Future[str | None] | None = None
        self._running: asyncio.Task[None] | None = None

    def ask(self) -> "asyncio.Future[str | None]":
        """A publication that begins after this; what it ends with: None, or why it is not in force."""
        loop = asyncio.get_running_loop()
        if self._next is None:
            self._next = loop.create_future()
        if self._running is None:
            self._running = loop.create_task(self._run())  # held here until it ends
        return self._next

    async def close(self) -> None:
        """End what runs; what was pushed is stored, and control publishes it."""
        if self._running is not None:
            running, self._next = self._running, None
            await asyncio.wait([running], timeout=CLOSE_S)  # what is in the database ends in milliseconds
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    async def _run(self) -> None:
        try:
            while self._next is not None:
                asked, self._next = self._next, None
                asked.set_result(await self._reason())
        finally:
            self._running = None

    async def _reason(self) -> str | None:
        try:
            await self._publish()
        except (NotInForce, DatabaseFault) as reason:
            log.warning("orders: %s", reason)
            return reason.detail if isinstance(reason, NotInForce) else "the database gives no answer; see the log"
        return None


PUBLICATIONS: web.AppKey[Publications] = web.AppKey("publications", Publications)


def add_publications(app: web.Application) -> None:
    """Publish for this application until it ends."""

    async def publish() -> None:
        await receive(app[CONTROL].orders_changed())

    async def close(_: web.Application) -> None:
        await app[PUBLICATIONS].close()

    app[PUBLICATIONS] = Publications(publish)
    app.on_cleanup.append(close)
