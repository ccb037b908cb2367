import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection
from pathlib import Path

import pytest
from sqlalchemy import create_engine
from support.system.ports import free_port

from dns.base.message import Question, read_message, write_message
from dns.base.wire_format import NOERROR, NOTIFY, SOA
from filterd.config import read_config
from filterd.control import notify_listener
from filterd.control.base.context import Context
from filterd.control.lists import Lists
from filterd.control.notify_listener import NotifyListener

APEX = b"\3rpz\4test\0"
NOTIFICATION = write_message(7, NOTIFY << 11, [Question(APEX, SOA)])


class PlayedLists(Lists):
    """Lists of which each pull takes as long as the test wants."""

    def __init__(self, folder: Path, notify: str) -> None:
        (folder / "state").mkdir()
        text = f"""
state_dir: state
dns: {{upstreams: ["192.0.2.53:53"]}}
lists:
  - {{id: z, zone: rpz.test, primaries: ["127.0.0.1:53"], format: rpz, tier: security}}
transfers: {{notify: [{notify}]}}
"""
        config = read_config(text.encode(), "x", folder)
        self.context = Context(config, folder / "f.yaml", create_engine("sqlite://"))
        self.pulled: list[list[str]] = []
        self.may_end = asyncio.Event()
        self.fault: OSError | None = None

    def of_zone(self, apex: bytes) -> list[str]:
        return ["z"] if apex == APEX else []

    async def pull(self, ids: Collection[str]) -> None:
        self.pulled.append(list(ids))
        await self.may_end.wait()
        if self.fault is not None:
            raise self.fault


@contextlib.asynccontextmanager
async def watching(lists: PlayedLists) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(NotifyListener(lists.context, lists).run())
        yield
        task.cancel()


async def tell(port: int) -> int:
    """Tell over TCP, which says when somebody listens."""
    while True:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionRefusedError:
            await asyncio.sleep(0.01)
            continue
        writer.write(len(NOTIFICATION).to_bytes(2, "big") + NOTIFICATION)
        answer = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
        writer.close()
        await writer.wait_closed()
        return read_message(answer).rcode


async def settle(lists: PlayedLists, n: int) -> None:
    async with asyncio.timeout(60):
        while len(lists.pulled) < n:  # noqa: ASYNC110  # a stand-in has no event for it
            await asyncio.sleep(0.01)


async def test_a_zone_that_is_told_of_is_pulled_and_at_most_once_more_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify_listener, "PAUSE_S", 0.01)
    port = free_port()
    lists = PlayedLists(tmp_path, f'"127.0.0.1:{port}"')
    async with watching(lists):
        for _ in range(10):
            assert await tell(port) == NOERROR
            await asyncio.sleep(0.02)
        await settle(lists, 2)
        assert lists.pulled == [["z"], ["z"]]
        lists.may_end.set()
        await asyncio.sleep(0.05)
        await tell(port)
        await settle(lists, 3)


async def test_an_address_that_is_not_there_is_refused_and_is_no_fault_once_it_is(tmp_path: Path) -> None:
    port = free_port()
    lists = PlayedLists(tmp_path, f'"127.0.0.1:{port}"')
    taken = await asyncio.start_server(lambda *_: None, "127.0.0.1", port)
    with pytest.raises(OSError, match="in use"):
        await NotifyListener(lists.context, lists).run()
    taken.close()
    await taken.wait_closed()
    lists.context.faults["notify"] = "in use"
    async with watching(lists):
        assert await tell(port) == NOERROR
        assert "notify" not in lists.context.faults


async def test_a_pull_that_fails_is_a_fault_which_ends_with_the_listening(tmp_path: Path) -> None:
    port = free_port()
    lists = PlayedLists(tmp_path, f'"127.0.0.1:{port}"')
    lists.fault = OSError("the primary refuses")
    lists.may_end.set()
    async with watching(lists):
        await tell(port)
        async with asyncio.timeout(60):
            while "zones" not in lists.context.faults:  # noqa: ASYNC110  # a dict cannot be awaited
                await asyncio.sleep(0.01)
        assert lists.context.faults["zones"] == "the primary refuses"

    assert lists.context.faults == {}
