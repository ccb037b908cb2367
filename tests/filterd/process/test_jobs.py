import asyncio
import contextlib
import os
import time
from pathlib import Path
from typing import Any

import pytest

from filterd.process.jobs import run_job, together

pytestmark = pytest.mark.services


async def test_a_job_ends_with_its_exit_code_and_what_it_said() -> None:
    ended = await run_job(["check-config", "/nowhere.yaml"], 0)

    assert ended.exit_code == 2
    assert "/nowhere.yaml" in ended.stderr


async def test_a_job_that_is_well_says_nothing() -> None:
    assert await run_job(["canon"], 5) == (0, "", "")


async def test_what_a_job_prints_is_there_where_it_is_asked_for() -> None:
    ended = await run_job(["services", "list", "--json"], 5, keeps_stdout=True)

    assert (ended.exit_code, ended.stderr) == (0, "") and "youtube" in ended.stdout


async def test_what_is_done_together_has_ended_when_one_of_it_fails() -> None:
    ended = []

    async def work(number: int, *, after: int | None = None) -> Any:
        while after is not None and after not in ended:  # noqa: ASYNC110  # a list cannot be awaited
            await asyncio.sleep(0.001)
        ended.append(number)
        if number == 1:
            raise ValueError(number)
        return number

    async with asyncio.timeout(60):
        assert await together(work(2, after=0), work(0)) == [2, 0]
        with pytest.raises(ValueError, match="1"):
            await together(work(3, after=1), work(1))
    assert ended == [0, 2, 1, 3]


async def test_a_job_past_its_time_is_killed(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "never.yaml")

    with pytest.raises(TimeoutError):
        await run_job(["check-config", str(tmp_path / "never.yaml")], 0, timeout_s=0.3)

    assert not jobs_of(str(tmp_path))


async def test_a_job_ends_with_the_coroutine_that_waits_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "never.yaml")
    async with asyncio.TaskGroup() as group:
        task = group.create_task(run_job(["check-config", str(tmp_path / "never.yaml")], 0))
        deadline = time.monotonic() + 60
        while not jobs_of(str(tmp_path)):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)
        task.cancel()

    assert not jobs_of(str(tmp_path))


def jobs_of(word: Any) -> Any:
    """The processes with `word` in their command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has just ended
            if word.encode() in path.read_bytes():
                found.append(path)
    return found
