"""Runs the tasks of control: each in turns of its own, and all of them in one way.

    wait ─→ its steps, one after the other ─→ wait …
                └fails→ logged once, counted, a fault of the status until the same step succeeds

Invariants: a step that fails ends neither its task nor the role, and the steps behind it are done; what fails between
steps is a fault with the name of the task, which goes on later; tasks start in the order of their table and stop in the
other one, each once the one before it has ended.
"""

import asyncio
import contextlib
import math
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from filterd.control.base.context import Context, guarded

P = TypeVar("P")  # what the work of a table needs

BEGIN_AGAIN_S = 60.0  # after a failure that is not a step's

Wait = Callable[[P, float], Awaitable[None]]  # for the next turn: so many seconds at most


@dataclass(frozen=True, slots=True)
class Step(Generic[P]):
    """One piece of work.

    fault    its name in the status, as long as it fails;   means  what an operator has to expect then
    work     returns the seconds until it is due again, where it knows;   is_due  else the step is left out"""

    fault: str
    means: str
    work: Callable[[P], Awaitable[float | None]]
    is_due: Callable[[P], bool] = lambda _: True


async def pause(_: object, longest_s: float) -> None:
    """Wait for the whole time."""
    await asyncio.sleep(longest_s)


def until(event_of: Callable[[P], asyncio.Event], least_s: float = 0.0) -> Wait[P]:
    """A wait that an event ends sooner, but no sooner than `least_s` after the last turn."""

    async def wait(parts: P, longest_s: float) -> None:
        event = event_of(parts)
        await asyncio.sleep(least_s)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(event.wait(), None if math.isinf(longest_s) else longest_s)
        event.clear()

    return wait


@dataclass(frozen=True, slots=True)
class Task(Generic[P]):
    """Steps that are done again and again.

    every_s     between two turns, at most; infinite: when its wait ends;   wait  for the next turn
    first_s     before the first turn, at most;   mend_s  between two turns where a step has failed, if not every_s
    begin       steps that are done once, before
    is_wanted   else it does nothing, and has no faults
    changed     is set when it may be wanted or not, or has to begin again: what it does then is cancelled"""

    name: str
    does: str
    every_s: float
    steps: tuple[Step[P], ...]
    wait: Wait[P] = pause
    first_s: float = 0.0
    mend_s: float | None = None
    begin: tuple[Step[P], ...] = ()
    is_wanted: Callable[[P], bool] = lambda _: True
    changed: Callable[[P], asyncio.Event] | None = field(default=None, kw_only=True)


class TaskRunner(Generic[P]):
    """The tasks of a table, with what they work on."""

    def __init__(self, context: Context, parts: P, tasks: Sequence[Task[P]]) -> None:
        self._context, self._parts, self._tasks = context, parts, tasks
        context.failures.update({task.name: 0 for task in tasks})

    async def run(self, stopping: asyncio.Event, live: Callable[[], Coroutine[object, object, None]]) -> None:
        """Run all of them until `stopping`.   live  tells that this process lives; it begins and stops last"""
        async with asyncio.TaskGroup() as group:
            running = [group.create_task(self._run(task), name=task.name) for task in self._tasks]
            living = group.create_task(live())
            await stopping.wait()
            for each in (*reversed(running), living):
                each.cancel()
                await asyncio.wait((each,))

    # ------------------------------------------------------------------------------------------------------------------

    async def _run(self, task: Task[P]) -> None:
        if task.changed is None:
            await self._take_turns(task)
            return
        changed = task.changed(self._parts)
        while True:
            changed.clear()
            # Held here and not in a TaskGroup, which would take its end for a fault.
            turns = asyncio.ensure_future(self._take_turns(task))  # noqa: TID251
            try:
                await changed.wait()
            finally:
                turns.cancel()
                await asyncio.wait((turns,))

    async def _take_turns(self, task: Task[P]) -> None:
        own = f"task {task.name}"
        if not task.is_wanted(self._parts):
            for fault in (own, *(step.fault for step in (*task.begin, *task.steps))):
                self._context.faults.pop(fault, None)
            return

        async def begin() -> None:
            await self._take_turn(task, task.begin)
            if task.steps and task.first_s:
                await task.wait(self._parts, task.first_s)

        async def take_next() -> None:
            wait_s = await self._take_turn(task, task.steps)
            await task.wait(self._parts, wait_s)

        await self._is_done(task, own, begin)
        while task.steps:
            if not await self._is_done(task, own, take_next):
                await asyncio.sleep(BEGIN_AGAIN_S)

    async def _take_turn(self, task: Task[P], steps: Sequence[Step[P]]) -> float:
        """Do each step that is due; the seconds until the next turn, at most."""
        wait_s, has_failed = task.every_s, False

        async def work() -> None:
            nonlocal wait_s
            due_s = await step.work(self._parts)
            wait_s = wait_s if due_s is None else min(wait_s, max(due_s, 0.0))

        for step in steps:
            if step.is_due(self._parts) and not await self._is_done(task, step.fault, work):
                has_failed = True
        return task.mend_s if has_failed and task.mend_s is not None else wait_s

    async def _is_done(self, task: Task[P], fault: str, work: Callable[[], Awaitable[object]]) -> bool:
        """Do it; where it fails, that is a fault, and counted."""
        is_done = await guarded(self._context.faults, fault, work)
        self._context.failures[task.name] += not is_done
        return is_done
