"""Runs filterd's own commands as jobs: processes that give way to the workers.

Invariants: a job ends with its coroutine, at the latest.
"""

import asyncio
import contextlib
import sys
from collections.abc import Awaitable
from typing import NamedTuple, TypeVar

T = TypeVar("T")


class JobExit(NamedTuple):
    """How a job ended."""

    exit_code: int  # negative: the signal that killed it
    stderr: str
    stdout: str = ""  # where it is asked for


async def together(*works: Awaitable[T]) -> list[T]:
    """What all of them give, once all have ended; raises what the first one of them raised."""
    found: list[T] = []
    for each in await asyncio.gather(*works, return_exceptions=True):
        if isinstance(each, BaseException):
            raise each
        found.append(each)
    return found


async def start_job(arguments: list[str], niceness: int, *, keeps_stdout: bool) -> asyncio.subprocess.Process:
    """Start `filterd ARGUMENTS…`, which says on stderr what is wrong."""
    command = ["nice", "-n", str(niceness), sys.executable, "-P", "-m", "filterd", *arguments]
    quiet = asyncio.subprocess.DEVNULL
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        *command, stdin=quiet, stdout=pipe if keeps_stdout else quiet, stderr=pipe
    )


async def run_job(
    arguments: list[str], niceness: int, timeout_s: float | None = None, *, keeps_stdout: bool = False
) -> JobExit:
    """Run `filterd ARGUMENTS…`.   Raises TimeoutError: it was killed then."""
    process = await start_job(arguments, niceness, keeps_stdout=keeps_stdout)
    try:
        async with asyncio.timeout(timeout_s):
            stdout, stderr = await process.communicate()
    except BaseException:
        with contextlib.suppress(ProcessLookupError):  # it has just ended
            process.kill()
        await process.wait()
        raise
    said = (stdout or b"").decode(errors="replace")
    return JobExit(process.returncode or 0, stderr.decode(errors="replace").strip(), said)
