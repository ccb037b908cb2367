import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from dns.front.streams.stream_thread import StreamsHang, StreamThread
from dns.front.streams.turns import Turns
from fastpath.report.counters import Counters

Serve = Callable[[Turns], Coroutine[None, None, None]]


@asynccontextmanager
async def running(serve: Serve, counters: Counters) -> AsyncIterator[None]:
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        task = group.create_task(StreamThread(serve, counters).run())
        yield
        task.cancel()


async def until(is_so: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not is_so():  # noqa: ASYNC110  # of another thread
            await asyncio.sleep(0.01)


@pytest.fixture
def counters(tmp_path: Path) -> Counters:
    return Counters(tmp_path / "counters")


def spin() -> None:
    while True:
        pass


async def test_streams_run_in_a_thread_of_their_own_that_ends_with_them(counters: Counters) -> None:
    threads = list[str]()

    async def serve(_: Turns) -> None:
        threads.append(threading.current_thread().name)
        await asyncio.Event().wait()

    async with running(serve, counters):
        await until(lambda: threads)

    assert threads == ["dns-streams"]
    assert "dns-streams" not in [thread.name for thread in threading.enumerate()]


async def test_what_hangs_is_ended_counted_and_logged_and_the_rest_goes_on(
    counters: Counters, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("dns.front.streams.stream_thread.HANG_S", 60.0)
    ended, n_turns = list[str](), list[int]()

    async def hang() -> None:
        # only while it hangs: on a busy machine the thread, which gives way to others, may begin and go on late
        monkeypatch.setattr("dns.front.streams.stream_thread.HANG_S", 1.0)
        try:
            spin()
        except StreamsHang:
            monkeypatch.setattr("dns.front.streams.stream_thread.HANG_S", 60.0)
            ended.append(threading.current_thread().name)

    async def serve(_: Turns) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(hang())
            while True:
                n_turns.append(len(ended))
                await asyncio.sleep(0.01)

    async with running(serve, counters):
        await until(lambda: n_turns and n_turns[-1])

    assert (ended, counters.values()["dns_streams_hung"]) == (["dns-streams"], 1)
    assert "dns streams: no turn for" in caplog.text and "ended; started again" not in caplog.text


async def test_streams_that_fail_start_again(
    counters: Counters, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("dns.front.streams.stream_thread.RESTART_S", 0.01)
    starts = list[int]()

    async def serve(_: Turns) -> None:
        starts.append(1)
        if len(starts) < 3:
            raise KeyError("a fault")
        await asyncio.Event().wait()

    async with running(serve, counters):
        await until(lambda: len(starts) == 3)

    assert caplog.text.count("their thread has ended; started again") == 2
    assert "KeyError: 'a fault'" in caplog.text
