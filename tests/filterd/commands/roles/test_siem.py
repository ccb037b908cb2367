"""The role as a whole: blocks and events of a real daemon, sent to rsyslog."""

import asyncio
import json
import os
import random
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from support.block_proof import Store
from support.database.sqlite import make_database
from support.system.certificates import make_certificate
from support.system.daemon import DEADLINE_S, Daemon, eventually
from support.system.syslog_servers import Rsyslog, has_rsyslog

import filterd
from filterd.audit.archive.archive_service import Archive
from filterd.audit.archive_messages import ARCHIVE_REQUESTS
from filterd.box.places import ARCHIVE, CONTROL, archive_socket, control_socket
from filterd.config import Config, read_config
from filterd.control.base.context import Context
from filterd.control.watches.siem import SiemWatch
from filterd.process.control_messages import CONTROL_REQUESTS, EventsFrom, SiemAck, SiemReport
from filterd.process.json_socket import serve
from mgmt.ledger.event import STAFF, Actor, Event
from mgmt.ledger.store import append_all
from parental.store.database import open_database, writing

pytestmark = [pytest.mark.services, pytest.mark.skipif(not has_rsyslog, reason="rsyslog is not installed")]
N_EVENTS, N_BLOCKS = 3000, 160


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Rsyslog]:
    found = Rsyslog(tmp_path / "collector")
    yield found
    found.stop()


@pytest.fixture
def box(tmp_path: Path, there: Rsyslog) -> Iterator[Daemon]:
    folder = tmp_path / "box"
    folder.mkdir()
    running = Daemon(folder)
    siem = {"server": there.server, "ca": str(there.ca), "begin": "oldest", "alarm_after": "60s"}
    said = json.loads(running.config.read_text()) | {"siem": siem}
    running.config.write_text(json.dumps(said))
    running.start()
    yield running
    running.stop()


def uid(body: dict[str, Any]) -> str:
    return str(body["metadata"]["uid"])


def blocks(found: list[dict[str, Any]]) -> int:
    """How many blocks there were, each record counted once."""
    return sum({uid(body): body["count"] for body in found if body["class_uid"] in (4001, 4003)}.values())


def said_of(box: Daemon) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(box.run("status", "--config", str(box.config), "--json").stdout)
    return found


@asynccontextmanager
async def sources(folder: Path) -> AsyncIterator[SiemWatch]:
    """An archive and a control with N_EVENTS and N_BLOCKS records, at their sockets; what control knows of the role."""
    make_database(folder / "filterd.db")
    engine = open_database(folder / "filterd.db")
    with writing(engine) as conn:
        events = [Event(STAFF, "token created", Actor("account", "root"), {"token": n}) for n in range(N_EVENTS)]
        append_all(conn, events, datetime.now(UTC))
    watch = SiemWatch(Context(config_of(folder, {"server": "siem.example:6514"}), folder / "x", engine))

    async def answer(request: EventsFrom | SiemReport) -> object:
        if isinstance(request, EventsFrom):
            return await asyncio.to_thread(watch.events, request)
        watch.note(request)
        return SiemAck()

    with Store(folder) as store:
        store.fill(N_BLOCKS // 4)
        with closing(Archive(store.path)) as archive:
            servers = [
                await serve(archive_socket(folder / "run"), ARCHIVE, ARCHIVE_REQUESTS, archive.answer),
                await serve(control_socket(folder / "run"), CONTROL, CONTROL_REQUESTS, answer),
            ]
            try:
                yield watch
            finally:
                for server in servers:
                    server.close()
                engine.dispose()


def said_to(folder: Path, siem: dict[str, Any]) -> bytes:
    said = {"state_dir": str(folder / "state"), "run_dir": str(folder / "run")}
    return json.dumps(said | {"dns": {"upstreams": ["192.0.2.53:53"]}, "siem": siem}).encode()


def config_of(folder: Path, siem: dict[str, Any]) -> Config:
    return read_config(said_to(folder, siem), "test", folder)


async def started(folder: Path, there: Rsyslog, trusted: Path | None = None, **more: str) -> asyncio.subprocess.Process:
    """The role alone.   more  of its environment"""
    config = folder / "filterd.yaml"
    config.write_bytes(said_to(folder, {"server": there.server, "ca": str(trusted or there.ca), "begin": "oldest"}))
    command = [sys.executable, "-P", "-m", "filterd", "run", "--config", str(config), "--role", "siem"]
    env = {**os.environ, "PYTHONPATH": str(Path(filterd.__file__).parents[1]), "FILTERD_PARENT": str(os.getpid())}
    env |= more
    return await asyncio.create_subprocess_exec(*command, env=env)


def is_open(port: int) -> bool:
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", port)) == 0


def has_all(there: Rsyslog) -> bool:
    """Whether every record has come."""
    return len({uid(body) for body in there.bodies()}) == N_EVENTS + N_BLOCKS


def has_lines_or_all(there: Rsyslog, n: int) -> bool:
    n_there = len(there.lines())
    return n_there >= n or (n_there >= N_EVENTS + N_BLOCKS and has_all(there))


async def until(look: Callable[[], bool], what: str) -> None:
    """Wait, while the sockets of this process are answered."""
    await asyncio.to_thread(eventually, look, what)


def test_a_collector_that_was_away_gets_every_block_and_event_once_it_is_back(box: Daemon, there: Rsyslog) -> None:
    for number in range(5):
        box.ask(f"{number}.listed.test")
    eventually(lambda: said_of(box).get("siem", {}).get("blocks", {}).get("waiting"), "a block that waits")

    def said() -> str:
        lines = box.run("status", "--config", str(box.config)).stdout.splitlines()
        return next((line for line in lines if line.startswith("siem blocks: ")), "")

    # a report may fall between the block and the try to send it
    refused = "Connection refused; it is tried again"
    line = eventually(lambda: found if refused in (found := said()) else "", "why it waits")
    assert line.startswith("siem blocks: 0 sent, ")

    there.start()
    found = there.await_bodies(lambda bodies: blocks(bodies) == 5)
    there.stop()
    for number in range(5, 9):
        box.ask(f"{number}.listed.test")
    there.start()
    found = there.await_bodies(lambda bodies: blocks(bodies) == 9)

    rules = {body["firewall_rule"]["name"] for body in found if "firewall_rule" in body}
    assert rules == {"listed.test"}
    text = there.out.read_text()
    assert "subscriber" not in text and "0.listed.test" not in text
    found = there.await_bodies(lambda bodies: any(body["class_uid"] == 3004 for body in bodies))
    numbers = dict.fromkeys(body["metadata"]["sequence"] for body in found if body["class_uid"] == 3004)
    assert list(numbers) == list(range(len(numbers))), "in their order, but for what came twice"


@pytest.mark.parametrize("seed", [1, 2])
async def test_a_role_that_is_killed_in_the_middle_loses_nothing_nor_where_the_collector_ends_too(
    tmp_path: Path, there: Rsyslog, seed: int
) -> None:
    """Archive and control are real, and in this process; the role has one of its own."""
    chance = random.Random(seed)
    there.start()
    async with sources(tmp_path):
        for _ in range(4):
            role = await started(tmp_path, there)
            more = len(there.lines()) + chance.randint(1, 900)
            # a fast role has sent the rest before it is killed, and has no more messages for the next life
            await until(partial(has_lines_or_all, there, more), "some more messages")
            role.kill()
            await role.wait()
            if chance.random() < 0.5:
                there.stop()
                there.start()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
            heard.bind(str(tmp_path / "notify"))
            heard.settimeout(DEADLINE_S)
            role = await started(tmp_path, there, NOTIFY_SOCKET=str(tmp_path / "notify"))
            # It may have nothing left to send; SIGTERM ends it well once it is ready.
            assert b"READY=1" in await asyncio.to_thread(heard.recv, 1000)
        await until(partial(has_all, there), "every record")
        role.terminate()
        assert await role.wait() == 0

    found = [uid(body) for body in there.bodies()]
    assert {f"ledger/{number}" for number in range(N_EVENTS)} < set(found)
    assert len(found) < 3 * (N_EVENTS + N_BLOCKS), "what comes twice is a part of it"


async def test_a_certificate_that_is_not_the_collectors_stops_everything_and_is_said(
    tmp_path: Path, there: Rsyslog
) -> None:
    there.start()
    await until(lambda: is_open(there.port), "rsyslog")
    (tmp_path / "other").mkdir()
    trusted, _ = make_certificate(tmp_path / "other", "localhost")
    async with sources(tmp_path) as watch:
        role = await started(tmp_path, there, trusted)
        await until(lambda: set(watch.streams) == {"blocks", "ledger"}, "what the role says")
        await until(
            lambda: all("its certificate is refused" in (each.fault or "") for each in watch.streams.values()),
            "its fault",
        )
        role.terminate()
        await role.wait()

    said = watch.streams["ledger"]
    assert "its certificate is refused: self-signed certificate" in (said.fault or "")
    assert (said.sent, said.waiting) == (0, N_EVENTS)
    assert there.lines() == []
