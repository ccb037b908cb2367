import asyncio
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from support.control.box import make, play, push

from filterd.box.places import CONTROL, SPLASH, control_socket, splash_socket
from filterd.config import Config
from filterd.control import database_wait
from filterd.control.base.context import DATABASE
from filterd.control.database_wait import DatabaseWait
from filterd.control.service import Control
from filterd.process.codec import FailureReply, Message
from filterd.process.control_messages import ClosureQuery, PolicyUpdate
from filterd.process.json_socket import ask
from filterd.process.messages import Status
from parental.store.errors import DatabaseAway, DatabaseFault, DatabaseTimeout, WrongRevision

AWAY = "database x: cannot be reached"
MEANWHILE = f"{AWAY}; {database_wait.MEANWHILE}"


class Box:
    """A control that waits; its database is away as often as `faults` has one."""

    def __init__(self, place: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
        self.control, self.engine = make(place, engine), engine
        self.faults: list[DatabaseFault] = []
        self.n_begun, self.stopping = 0, asyncio.Event()
        self.when_asked_again: Callable[[], Any] = lambda: None
        self.wait = DatabaseWait(self.control, self.begin)
        monkeypatch.setattr(database_wait, "open_for_control", self.open)
        monkeypatch.setattr(database_wait, "RETRY_S", 0.01)

    def begin(self) -> bool:
        self.n_begun += 1
        return self.n_begun == 1

    def open(self, _: Config) -> Engine:
        if self.faults:
            raise self.faults.pop()
        return self.engine


@pytest.fixture
def box(place: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Box:
    return Box(place, engine, monkeypatch)


async def test_a_database_that_is_there_is_not_waited_for_and_nothing_is_answered_before_the_start(box: Box) -> None:
    assert await box.wait.is_over(box.stopping)

    assert (box.n_begun, box.control.faults) == (0, {})
    assert not control_socket(box.control.config.run_dir).exists()


@pytest.mark.parametrize("kind", [DatabaseAway, DatabaseTimeout])
async def test_while_the_database_is_away_the_rules_are_looked_at_and_it_is_said_once(
    box: Box, kind: type[DatabaseFault], caplog: pytest.LogCaptureFixture
) -> None:
    box.faults = [kind(AWAY)] * 5

    assert await box.wait.is_over(box.stopping)

    box.wait.close()
    assert (box.n_begun, box.control.faults) == (5, {})
    assert caplog.text.count(MEANWHILE) == 1


async def test_meanwhile_control_says_that_it_lives_what_is_missing_and_what_it_does_not_do(
    box: Box, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run_dir = box.control.config.run_dir
    monkeypatch.setattr(box, "faults", _Endless())
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        with _Listener(tmp_path / "notify") as listener:
            waiting = group.create_task(box.wait.is_over(box.stopping))
            assert await asyncio.to_thread(listener.heard) == f"READY=1\nMAINPID={os.getpid()}"
        status: Any = await ask(control_socket(run_dir), CONTROL, Status(), Message)
        refused = await ask(control_socket(run_dir), CONTROL, PolicyUpdate(), Message)
        closed: Any = await ask(splash_socket(run_dir), SPLASH, ClosureQuery("listed.test", None), Message)
        box.stopping.set()
    assert waiting.result() is False
    box.wait.close()
    assert status["faults"][DATABASE] == MEANWHILE
    assert isinstance(refused, FailureReply) and refused.reason == MEANWHILE
    assert closed["reason"] == "default", "there are no images yet"


@pytest.mark.services
def test_the_images_of_the_control_before_explain_and_tell_suspects(
    place: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    push(engine, "ordered.test")

    async def nothing(_: Control) -> None:
        pass

    async def wait() -> tuple[str, bool]:
        box = Box(place, engine, monkeypatch)
        box.faults = [DatabaseAway(AWAY)]
        await box.wait.is_over(box.stopping)
        box.wait.close()
        return box.control.explainer.why_closed("ordered.test", None).reason, any(box.control.publisher.tables.images)

    play(place, engine, nothing)

    assert asyncio.run(wait()) == ("law", True)


async def test_what_no_time_mends_ends_the_wait(box: Box) -> None:
    box.faults = [WrongRevision("database x: it is empty"), DatabaseAway(AWAY)]

    with pytest.raises(WrongRevision, match="it is empty"):
        await box.wait.is_over(box.stopping)

    box.wait.close()


class _Endless(list[DatabaseFault]):
    """A database that stays away."""

    def __bool__(self) -> bool:
        return True

    def pop(self, _: Any = -1) -> DatabaseFault:
        return DatabaseAway(AWAY)


class _Listener:
    """Where a supervisor hears."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))

    def __enter__(self) -> "_Listener":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def heard(self) -> str:
        return self._socket.recv(4096).decode()
