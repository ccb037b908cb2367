"""Programs of a place: their output goes to files, and all are stopped with the place.

Invariants: nothing that was started here outlives `stop`; every program has a process group of its own, which goes
with it.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from filterd.box.errors import MissingPart
from filterd.lab.addresses import Addresses
from filterd.lab.patience import Patience

STOP_S = 8.0  # filterd itself gives its roles 5 s; then all is killed
TAIL_LINES = 15

Running = subprocess.Popen[bytes]
Done = subprocess.CompletedProcess[str]


class Place(Protocol):
    """Where programs run: the namespaces of the lab, or this box."""

    directory: Path
    addresses: Addresses

    def run(self, node: str, argv: Sequence[str], stdin: str | None = None, timeout_s: float = 30.0) -> Done: ...

    def popen(self, node: str, argv: Sequence[str], log: str = "") -> Running: ...

    def stop(self, program: Running) -> None: ...


class Programs:
    """The programs that run in the background, and their logs in `logs`."""

    def __init__(self, logs: Path) -> None:
        self.logs = logs
        self._running: list[Running] = []

    def start(self, argv: Sequence[str], name: str) -> Running:
        """Start a program; its output goes to `logs`/`name`.log."""
        self.logs.mkdir(parents=True, exist_ok=True)
        with (self.logs / f"{name}.log").open("ab") as log:
            program = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, process_group=0)
        self._running.append(program)
        return program

    def stop(self, program: Running) -> None:
        """Stop a program and its process group: SIGTERM, and SIGKILL after STOP_S."""
        if program in self._running:
            self._running.remove(program)
        if program.poll() is None:
            program.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):  # then it is killed with its group, next line
                program.wait(STOP_S)
        with contextlib.suppress(ProcessLookupError):  # the usual case: nothing is left of the group
            os.killpg(program.pid, signal.SIGKILL)
        program.wait()

    def stop_all(self) -> None:
        """Stop every program, the newest first."""
        for program in reversed(self._running.copy()):
            self.stop(program)


def run(argv: Sequence[str], stdin: str | None = None, timeout_s: float = 30.0) -> Done:
    """Run a program to its end; returns its output, and the caller checks the exit code.   Raises MissingPart."""
    try:
        return subprocess.run(
            argv, input=stdin or "", capture_output=True, text=True, timeout=timeout_s, errors="replace"
        )
    except (FileNotFoundError, PermissionError) as absent:  # the second: a folder of PATH is not ours to search
        raise MissingPart(
            f"{argv[0]}: not on this box; nothing was run; install the package that brings it"
        ) from absent


def wait_until(holds: Callable[[], bool], what: str, within_s: float = 60.0, every_s: float = 0.02) -> float:
    """Poll until `holds()`; returns the seconds it took.

    within_s  not counting those in which a program of this machine waited for a core
    Raises TimeoutError naming `what`."""
    began, patience = time.monotonic(), Patience(within_s)
    while not holds():
        if patience.is_over():
            raise TimeoutError(f"{what}: not within {within_s:g} s")
        time.sleep(every_s)
    return time.monotonic() - began


def is_alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not.   Source: proc_pid_stat(5)."""
    try:
        return Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:  # it is gone, or goes while we read
        return False


def tail(path: Path, n_lines: int = TAIL_LINES) -> str:
    """The last lines of a log, or why none exist."""
    if not path.is_file():
        return f"{path}: no such log"
    return "\n".join(path.read_text(errors="replace").splitlines()[-n_lines:])
