"""Runs command lines of filterd in children of support.system.stem: none of them waits for imports.

For tests of what commands do.  How the program starts, is signalled and is confined is asked of real ones: see
tests/filterd/test_cli.py, tests/filterd/process/test_jobs.py, and every daemon.
"""

import atexit
import contextlib
import functools
import json
import os
import signal
import socket
import subprocess
import sys
from asyncio import get_running_loop
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import filterd

CODE_OCTETS = 16


def run(
    arguments: Sequence[str], env: Mapping[str, str], timeout_s: float | None = None
) -> "subprocess.CompletedProcess[str]":
    """`filterd ARGUMENTS…` to its end, as subprocess.run() gives it.   Raises subprocess.TimeoutExpired."""
    with _memory() as out, _memory() as err, _child(arguments, env, 0, out, err) as line:
        line.settimeout(timeout_s)
        try:
            code = _code(line.recv(CODE_OCTETS))
        except TimeoutError:
            raise subprocess.TimeoutExpired(list(arguments), timeout_s or 0.0) from None
        return subprocess.CompletedProcess(list(arguments), code, _text(out), _text(err))


async def start_job(arguments: Sequence[str], niceness: int, *, keeps_stdout: bool) -> "Job":
    """In the place of filterd.process.jobs.start_job()."""
    return Job(arguments, niceness, keeps_stdout)


class Job:
    """As much of asyncio.subprocess.Process as a job needs."""

    def __init__(self, arguments: Sequence[str], niceness: int, keeps_stdout: bool) -> None:
        self.returncode: int | None = None
        self._keeps_stdout = keeps_stdout
        with contextlib.ExitStack() as opened:
            self._out, self._err = opened.enter_context(_memory()), opened.enter_context(_memory())
            self._line = opened.enter_context(_child(arguments, os.environ, niceness, self._out, self._err))
            self._line.setblocking(False)
            self._opened = opened.pop_all()

    async def communicate(self) -> tuple[bytes | None, bytes]:
        """What it has said, once it has ended."""
        code = _code(await get_running_loop().sock_recv(self._line, CODE_OCTETS))
        with self._opened:
            said = _all(self._out) if self._keeps_stdout else None, _all(self._err)
        self.returncode = code
        return said

    async def wait(self) -> int | None:
        if self.returncode is None:
            await self.communicate()
        return self.returncode

    def kill(self) -> None:
        if self.returncode is None:
            self._line.send(bytes([signal.SIGKILL]))


@functools.cache
def _stem() -> socket.socket:
    """What leads to the stem of this process."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        program = Path(__file__).with_name("stem.py")
        process = subprocess.Popen(
            [sys.executable, "-P", program, str(theirs.fileno())],
            env=os.environ | {"PYTHONPATH": str(Path(filterd.__file__).parents[1])},
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
        )
    atexit.register(process.wait)
    atexit.register(ours.close)  # before: it ends then
    return ours


@contextlib.contextmanager
def _child(
    arguments: Sequence[str], env: Mapping[str, str], niceness: int, out: BinaryIO, err: BinaryIO
) -> Iterator[socket.socket]:
    """A child that runs a command line, ended with the block."""
    sys.audit("subprocess.Popen", sys.executable, list(arguments), None, None)  # also where the stem is there
    ours, theirs = socket.socketpair()
    with ours:
        with theirs, _memory() as request, Path(os.devnull).open("rb") as nothing:
            wanted = {
                "arguments": list(arguments),
                "env": dict(env),
                "directory": str(Path.cwd()),
                "niceness": niceness,
            }
            request.write(json.dumps(wanted).encode())
            request.seek(0)
            socket.send_fds(_stem(), [b"\n"], [each.fileno() for each in (request, nothing, out, err, theirs)])
        yield ours


def _memory() -> BinaryIO:
    return os.fdopen(os.memfd_create("filterd-test"), "w+b", buffering=0)


def _all(file: BinaryIO) -> bytes:
    file.seek(0)
    return file.read()


def _text(file: BinaryIO) -> str:
    """With ends of lines as subprocess.run(text=True) gives them."""
    return _all(file).decode().replace("\r\n", "\n").replace("\r", "\n")


def _code(said: bytes) -> int:
    assert said, "the stem has ended"
    return int(said)
