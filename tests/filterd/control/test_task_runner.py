"""Tasks are played with a table of the test's own; no wait of one is longer than the test."""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from filterd.config import read_config
from filterd.control import task_runner
from filterd.control.base.context import Context
from filterd.control.task_runner import Step, Task, TaskRunner, pause, until

TIMEOUT_S = 60
YAML = b'dns: {upstreams: ["192.0.2.53:53"]}'


@dataclass
class Played:
    """What the tasks of a test work on.   log  what was done, in order"""

    log: list[str] = field(default_factory=list)
    event: asyncio.Event = field(default_factory=asyncio.Event)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    failing: set[str] = field(default_factory=set)
    waits: list[float] = field(default_factory=list)
    is_wanted: bool = True


def event_of(played: Played) -> asyncio.Event:
    return played.event


WAKE = until(event_of)


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context(read_config(YAML, "x", tmp_path), tmp_path / "f.yaml", create_engine("sqlite://"))


def step(name: str, due_s: float | None = None, is_due: Callable[[Played], bool] = lambda _: True) -> Step[Played]:
    async def work(played: Played) -> float | None:
        played.log.append(name)
        if name in played.failing:
            raise OSError(f"{name}: no disk")
        return due_s

    return Step(name, "it is late", work, is_due)


def turns(n: int) -> Callable[[Played, float], Awaitable[None]]:
    """A wait that takes no time, and stops everything in place of the n-th."""

    async def wait(played: Played, longest_s: float) -> None:
        played.waits.append(longest_s)
        if len(played.waits) == n:
            played.stopping.set()
            await asyncio.Event().wait()

    return wait


async def run(context: Context, played: Played, *tasks: Task[Played]) -> None:
    async def live() -> None:
        await asyncio.Event().wait()

    async with asyncio.timeout(TIMEOUT_S):
        await TaskRunner(context, played, tasks).run(played.stopping, live)


async def test_a_step_that_fails_is_counted_logged_once_and_a_fault_and_the_steps_behind_it_are_done(
    context: Context, caplog: pytest.LogCaptureFixture
) -> None:
    played = Played(failing={"merge"})

    await run(context, played, Task("images", "", 5.0, (step("merge"), step("orders")), turns(3)))

    assert played.log == ["merge", "orders"] * 3
    assert (context.faults, context.failures) == ({"merge": "merge: no disk"}, {"images": 3})
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == [
        "merge: merge: no disk"
    ]


async def test_a_fault_ends_with_the_next_success_and_stays_counted(context: Context) -> None:
    played = Played(failing={"merge"})

    async def wait(played: Played, longest_s: float) -> None:
        played.failing.clear()
        await turns(2)(played, longest_s)

    await run(context, played, Task("images", "", 5.0, (step("merge"),), wait), Task("pulls", "", 5.0, ()))

    assert (context.faults, context.failures) == ({}, {"images": 1, "pulls": 0})


async def test_a_fault_of_the_program_ends_neither_its_task_nor_the_others(context: Context) -> None:
    played = Played()

    async def fail(_: Played) -> float | None:
        raise KeyError("expr")

    broken = Task("broken", "", 5.0, (Step("broken", "", fail),), turns(3))
    await run(context, played, broken, Task("well", "", math.inf, (step("well"),), WAKE))

    assert context.failures == {"broken": 3, "well": 0}
    assert (context.faults, played.log) == ({"broken": "KeyError: 'expr'"}, ["well"])


@pytest.mark.parametrize(
    ("steps", "wait_s"),
    [
        ((step("a"),), 30.0),
        ((step("a", 4.0), step("b", 9.0)), 4.0),
        ((step("a", 90.0),), 30.0),
        ((step("a", -1.0),), 0.0),
        ((step("bad"), step("b", 4.0)), 4.0),
    ],
)
async def test_the_next_turn_is_when_a_step_says_so_and_no_later_than_the_period(
    context: Context, steps: tuple[Step[Played], ...], wait_s: float
) -> None:
    played = Played(failing={"bad"})

    await run(context, played, Task("a", "", 30.0, steps, turns(1)))

    assert played.waits == [wait_s]


async def test_after_a_failure_the_next_turn_comes_as_late_as_the_task_says(context: Context) -> None:
    played = Played(failing={"ledger"})

    await run(context, played, Task("ledger", "", 1.0, (step("ledger", 0.5),), turns(1), mend_s=60.0))

    assert played.waits == [60.0]


async def test_a_step_that_is_not_due_is_left_out_and_its_fault_stands(context: Context) -> None:
    played = Played(failing={"rare"})
    rare = step("rare", is_due=lambda played: len(played.waits) == 0)

    await run(context, played, Task("a", "", 5.0, (rare, step("often")), turns(2)))

    assert played.log == ["rare", "often", "often"]
    assert context.faults == {"rare": "rare: no disk"}


async def test_what_is_done_once_comes_before_the_first_wait_and_the_first_wait_before_the_first_turn(
    context: Context,
) -> None:
    played = Played()
    task = Task("a", "", 5.0, (step("turn"),), turns(2), first_s=20.0, begin=(step("once"),))

    await run(context, played, task)

    assert (played.log, played.waits) == (["once", "turn"], [20.0, 5.0])


async def test_an_event_begins_a_turn_and_those_that_come_meanwhile_are_one_more(context: Context) -> None:
    played = Played()

    async def work(played: Played) -> float | None:
        played.log.append("turn")
        if len(played.log) == 1:
            played.event.set()
            played.event.set()
        else:
            played.stopping.set()
        return None

    task = Task("a", "", math.inf, (Step("a", "", work),), WAKE, first_s=math.inf)
    played.event.set()
    await run(context, played, task)

    assert played.log == ["turn", "turn"]


async def test_a_wait_for_an_event_ends_with_its_time(context: Context) -> None:
    played = Played()

    async with asyncio.timeout(TIMEOUT_S):
        await WAKE(played, 0.001)
        await pause(played, 0.001)

    assert not played.event.is_set()


@pytest.mark.parametrize("part", ["begin", "is_due", "wait"])
async def test_a_task_that_fails_between_its_steps_is_a_fault_of_its_own_until_it_has_gone_on(
    context: Context, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    monkeypatch.setattr(task_runner, "BEGIN_AGAIN_S", 0.0)
    played, said = Played(failing={part}), list[str]()

    def check(name: str) -> bool:
        if name in played.failing:
            played.failing.clear()
            raise KeyError(name)
        return True

    async def wait(played: Played, _: float) -> None:
        said.append(context.faults.get("task locks", ""))
        check("wait")
        if len(said) == 3:
            played.stopping.set()
            await asyncio.Event().wait()

    once, turn = step("a", is_due=lambda _: check("begin")), step("b", is_due=lambda _: check("is_due"))
    task = Task("locks", "", 5.0, (turn,), wait, begin=(once,), changed=lambda played: played.changed)
    await run(context, played, task)

    assert [each for each in said if each] == [f"KeyError: '{part}'"]
    assert (said[-1], context.faults, context.failures) == ("", {}, {"locks": 1})


async def test_where_its_configuration_has_changed_what_a_task_does_is_cancelled_and_begun_again(
    context: Context,
) -> None:
    played = Played()

    async def serve(played: Played) -> float | None:
        played.log.append("begun")
        if len(played.log) > 2:
            played.stopping.set()
        played.changed.set()
        try:
            await asyncio.Event().wait()
        finally:
            played.log.append("ended")
        return None

    await run(context, played, Task("zones", "", 5.0, (Step("rpz", "", serve),), changed=lambda each: each.changed))

    assert played.log == ["begun", "ended"] * 2


async def test_a_task_that_is_not_wanted_any_more_leaves_no_fault(context: Context) -> None:
    played = Played(failing={"notify"})

    async def wait(played: Played, _: float) -> None:
        played.is_wanted = False
        assert "notify" in context.faults
        played.changed.set()
        await asyncio.Event().wait()

    def is_wanted(played: Played) -> bool:
        if not played.is_wanted:
            played.stopping.set()
        return played.is_wanted

    task = Task(
        *("notifications", "", 10.0, (step("notify"),), wait),
        is_wanted=is_wanted,
        changed=lambda played: played.changed,
    )
    await run(context, played, task)

    assert (played.log, context.faults, context.failures) == (["notify"], {}, {"notifications": 1})


async def test_tasks_start_in_order_and_stop_in_the_other_one_and_the_sign_of_life_is_last_both_times(
    context: Context,
) -> None:
    played = Played()

    def named(name: str) -> Task[Played]:
        async def wait(played: Played, _: float) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0)  # what ends takes a while
                played.log.append(f"{name} ends")

        return Task(name, "", math.inf, (step(name),), wait)

    async def live() -> None:
        played.log.append("ready")
        played.stopping.set()
        try:
            await asyncio.Event().wait()
        finally:
            played.log.append("over")

    async with asyncio.timeout(TIMEOUT_S):
        await TaskRunner(context, played, [named("a"), named("b")]).run(played.stopping, live)

    assert played.log == ["a", "b", "ready", "b ends", "a ends", "over"]
