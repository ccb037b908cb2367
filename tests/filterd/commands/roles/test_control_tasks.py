import asyncio
import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from support.control.box import make

from dns.base.errors import UpstreamFailure
from filterd.audit.drain import Ledger
from filterd.commands.roles.control_tasks import TASKS, Parts
from filterd.control.base.clock import Clock
from filterd.control.base.midnight import Midnight
from filterd.control.locks import Locks
from filterd.control.record_drain import RecordDrain
from filterd.control.service import Control
from filterd.control.task_runner import Task, TaskRunner, pause
from filterd.control.watches.box import BoxWatch
from filterd.kernel.ruleset import rules_of_config
from filterd.process.codec import FailureReply
from filterd.process.control_messages import PolicyUpdate, SettingsUpdate
from parental.store.database import open_database

TIMEOUT_S = 60


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    opened = open_database(tmp_path / "f.db")
    yield opened
    opened.dispose()


@pytest.fixture
def parts(place: Path, engine: Engine) -> Iterator[Parts]:
    """Of a box without a gate, and with a database of its own."""
    control = make(place, engine)
    drain = RecordDrain(control.context, control.publisher, Ledger(engine, bytes(32), "gw"))
    config, rules = control.config, rules_of_config(control.config)
    box, clock = BoxWatch(control.context), Clock(engine)
    yield Parts(config, rules, control, clock, engine, engine, box, drain, asyncio.Event())
    drain.close()


def task_of(name: str) -> Task[Parts]:
    return next(task for task in TASKS if task.name == name)


def test_each_task_has_a_name_of_its_own_and_says_what_it_does_and_what_its_failures_mean() -> None:
    assert max(Counter(task.name for task in TASKS).values()) == 1
    for task in TASKS:
        steps = (*task.begin, *task.steps)
        assert task.does and steps and all(step.fault and step.means for step in steps)


def test_a_fault_stands_for_the_failure_of_one_task() -> None:
    tasks_of = Counter(fault for task in TASKS for fault in {step.fault for step in (*task.begin, *task.steps)})

    # The lists are compiled at the start, behind what has to wait for it, and taken in from then on.
    assert [fault for fault, n in tasks_of.items() if n > 1] == ["lists"]


def test_a_task_without_a_period_waits_for_an_event() -> None:
    assert [task.name for task in TASKS if task.steps and math.isinf(task.every_s) and task.wait is pause] == []
    assert [task.name for task in TASKS if task.every_s <= 0] == []


async def test_on_a_box_without_gate_zones_and_other_gateways_what_is_for_them_does_nothing(parts: Parts) -> None:
    idle = {task.name for task in TASKS if not task.is_wanted(parts)}

    assert idle >= {"notifications", "rpz", "corridor", "suspects", "box", "others", "gateways"}


async def test_a_reload_that_fails_is_told_and_the_next_one_is_done(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopping = asyncio.Event()

    async def reload(control: Control) -> FailureReply:
        parts.hangup.set()
        if not control.faults:
            raise OSError("no disk")
        assert control.faults == {"reload": "no disk"}
        stopping.set()
        return FailureReply()

    async def live() -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(Control, "reload", reload)
    parts.hangup.set()
    async with asyncio.timeout(TIMEOUT_S):
        await TaskRunner(parts.control.context, parts, [task_of("reload")]).run(stopping, live)

    assert (parts.control.faults, parts.control.context.failures) == ({}, {"reload": 1})


async def test_a_tap_that_moves_a_lock_wakes_the_task_of_the_locks(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def answer(_: Control, request: object) -> FailureReply:
        return FailureReply(type(request).__name__)

    monkeypatch.setattr(Control, "answer", answer)
    monkeypatch.setattr(Locks, "is_due_earlier", True)

    await parts.answer(SettingsUpdate())
    before = parts.wake.is_set()
    reply = await parts.answer(PolicyUpdate())

    assert (before, parts.wake.is_set(), reply) == (False, True, FailureReply("PolicyUpdate"))


@pytest.mark.parametrize("fails", [False, True])
async def test_new_weeks_wake_the_task_of_the_locks_also_where_some_could_not_be_made(
    parts: Parts, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    async def tend(*_: object) -> float:
        if fails:
            raise OSError("no disk")
        return 0.2

    monkeypatch.setattr(Midnight, "tend", tend)
    [step] = task_of("weeks").steps

    try:
        assert await step.work(parts) == 1.0
    except OSError:
        assert fails

    assert parts.wake.is_set()


async def test_a_corridor_that_cannot_be_asked_for_says_what_to_do(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> float:
        raise UpstreamFailure("127.0.0.1:53: refused")

    monkeypatch.setattr(Locks, "open_corridor", fail)
    [step] = task_of("corridor").steps

    with pytest.raises(OSError, match=r"refused; its sites may be shut .* add us to /dns/clients"):
        await step.work(parts)
