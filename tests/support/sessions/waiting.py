"""Waiting in a test that has an event loop of its own."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from filterd.lab.patience import Patience


async def until(found: Callable[[], object]) -> None:
    """Return once `found` is true."""
    patience = Patience(60)
    while not found():
        assert not patience.is_over(), "waited 60 s in vain"
        await asyncio.sleep(0.01)


@asynccontextmanager
async def running(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Have work that never ends go on meanwhile."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(work)
        yield
        task.cancel()
