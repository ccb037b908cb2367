"""Waiting in a test that has an event loop of its own."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any


async def until(found: Callable[[], object]) -> None:
    """Return once `found` is true."""
    async with asyncio.timeout(60):
        while not found():  # noqa: ASYNC110  # what is waited for is a file, or a plain attribute
            await asyncio.sleep(0.01)


@asynccontextmanager
async def running(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Have work that never ends go on meanwhile."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(work)
        yield
        task.cancel()
