"""Supervisor: starts every role of this box, restarts a role that ends, and ends with all of them.

Invariants: a role that ends is started again, after a pause that grows from 0.1 s to 5 s, or to a minute where no
traffic waits for it, and falls back when it has lived for 10 s; we are ready when the roles of the data plane are,
no matter what the others do, so that what cannot start keeps no one from filtering; every role has a process group of
its own, which is killed when the role has ended or we stop, so that nothing of it is left behind; the supervisor
touches no packet, no list and no database.  A role sends READY=1 and WATCHDOG=1 here as it would to systemd, and the
supervisor sends them to the process that started it.  A role that has not been ready yet may be silent; silence is
counted in our own looks, not by the clock, so that no role is killed because the whole machine stood still.
"""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from filterd.config.schema import Config
from filterd.process.passed_files import passed_files
from filterd.process.sd_notify import notify

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = {"dns": 5.0, "gate": 5.0}  # traffic waits for these
LONGEST_PAUSE_OF_OTHERS_S = 60.0
DATA_PLANE = ("dns", "gate")
SETTLED_S = 10.0  # a role that lived so long has not failed at its start
STOP_S = 5.0  # then it is killed
LOOK_S = 0.25
# A role that has been silent for so long is killed.  It says that it lives twice as often, a worker where its loop has
# made a turn since: so a gate that hangs is ended after 1 to 3.25 s.  As long as it hangs nothing is filtered, or no
# new flow gets through.  Its loop turns every 0.1 s, and has never been held up for longer than 0.13 s on a full core
# while bases of a million names were opened and taken on it (bench/gate_faults.py, swapping), 0.24 s where two busy
# programs shared that core.  A dns worker has its upstreams over TLS in the thread that says so; its clients' TLS has
# another.  Control, web, radius, archive and siem do long things, and delay no traffic; splash and metrics do none.
WATCHDOG_S = {"gate": 2.0, "dns": 5.0, "control": 30.0, "web": 30.0, "splash": 10.0, "metrics": 10.0}
WATCHDOG_S |= {"radius": 30.0, "archive": 30.0, "siem": 30.0}

log = logging.getLogger("filterd.process.supervisor")


@dataclass(slots=True)
class Child:
    """One role's process."""

    role: str
    index: int
    pid: int = 0
    is_ready: bool = False
    silent_s: float = 0.0
    name: str = field(init=False)

    def __post_init__(self) -> None:
        self.name = f"{self.role}-{self.index}"


def roles_of(config: Config) -> list[Child]:
    """What runs on this box: control, the doors and the archive once, dns and gate as often as the configuration
    says, radius where it listens, siem where a collector is written."""
    workers = [Child("dns", index) for index in range(config.dns.workers)]
    workers += [Child("gate", index) for index in range(config.gate.workers)]
    others = [Child(role, 0) for role in ("control", "web", "splash", "metrics", "archive")]
    others += [Child("radius", 0)] if config.radius.listen else []
    others += [Child("siem", 0)] if config.siem.server is not None else []
    return [*workers, *others]


def longest_pause_s(role: str) -> float:
    """The longest time between two starts of a role."""
    return LONGEST_PAUSE_S.get(role, LONGEST_PAUSE_OF_OTHERS_S)


def command_of(child: Child, config_file: Path, log_level: str | None = None) -> list[str]:
    """How a role is started.   log_level None: as the configuration says"""
    # -P: no module is ever taken from the working directory
    command = [sys.executable, "-P", "-m", "filterd", "run", "--config", str(config_file)]
    command += ["--role", child.role, "--index", str(child.index)]
    return command + (["--log-level", log_level] if log_level else [])


class Supervisor:
    """Runs `children` until `stop`."""

    def __init__(self, children: list[Child], command: Callable[[Child], list[str]], run_dir: Path) -> None:
        self._children, self._command, self._run_dir = children, command, run_dir
        self._stopping = asyncio.Event()
        self._was_ready = False
        self._was_whole = False

    async def run(self) -> None:
        """Start every child and keep it; returns when `stop` was called and all have ended."""
        self._run_dir.mkdir(parents=True, exist_ok=True)
        self._write_pid("filterd", os.getpid())
        notices = self._open_notices()
        loop = asyncio.get_running_loop()
        loop.add_reader(notices, self._read_notices, notices)
        try:
            async with asyncio.TaskGroup() as group:
                for child in self._children:
                    group.create_task(self._keep(child))
                group.create_task(self._watch())
        finally:
            loop.remove_reader(notices)
            notices.close()
            for name in ("notify.sock", "filterd.pid"):
                (self._run_dir / name).unlink(missing_ok=True)

    def stop(self) -> None:
        self._stopping.set()
        for child in self._children:
            self._signal(child, signal.SIGTERM)

    def pass_on(self, number: int) -> None:
        """Forward a signal to the control role, which alone re-reads lists."""
        for child in self._children:
            if child.role == "control":
                self._signal(child, number)

    # ------------------------------------------------------------------------------------------------------------------

    async def _keep(self, child: Child) -> None:
        pause_s = FIRST_PAUSE_S
        loop = asyncio.get_running_loop()
        while not self._stopping.is_set():
            started_at = loop.time()
            ended = await self._run_once(child)
            if self._stopping.is_set():
                return
            pause_s = FIRST_PAUSE_S if loop.time() - started_at >= SETTLED_S else pause_s
            log.warning(
                "role %s: ended with %s; restarting it in %.1f s; its lines above say why", child.name, ended, pause_s
            )
            self._tell()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause_s)
            pause_s = min(pause_s * 2, longest_pause_s(child.role))

    async def _run_once(self, child: Child) -> str:
        """Start the child, wait for its end, and remove what it leaves; says how it ended."""
        process = await asyncio.create_subprocess_exec(
            *self._command(child),
            env=self._environment(child),
            process_group=0,
            pass_fds=tuple(passed_files().values()) if child.role == "gate" else (),
        )
        child.pid, child.is_ready, child.silent_s = process.pid, False, 0.0
        self._write_pid(child.name, process.pid)
        if self._stopping.is_set():  # stop() came while the process was being made
            self._signal(child, signal.SIGTERM)
        code = await self._wait(process)
        with contextlib.suppress(ProcessLookupError):  # the usual case: its group is empty
            os.killpg(process.pid, signal.SIGKILL)
        child.pid, child.is_ready = 0, False
        (self._run_dir / f"{child.name}.pid").unlink(missing_ok=True)
        return f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"

    async def _wait(self, process: asyncio.subprocess.Process) -> int:
        """The exit code of a process, which is killed STOP_S after stop()."""
        async with asyncio.TaskGroup() as group:
            ended = group.create_task(process.wait())
            stopped = group.create_task(self._stopping.wait())
            await asyncio.wait((ended, stopped), return_when=asyncio.FIRST_COMPLETED)
            stopped.cancel()
            await asyncio.wait((ended,), timeout=STOP_S if self._stopping.is_set() else None)
            if not ended.done():
                log.warning("process %d: still there %.0f s after SIGTERM; killed; nothing to do", process.pid, STOP_S)
                process.kill()
            return await ended

    async def _watch(self) -> None:
        """Feed our own watchdog; kill a role that has gone silent: it is restarted like one that has died."""
        while not self._stopping.is_set():
            _send("WATCHDOG=1")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), LOOK_S)
            for child in self._children:
                child.silent_s += LOOK_S
                if child.pid and child.is_ready and child.silent_s > WATCHDOG_S[child.role]:
                    log.warning(
                        "role %s: silent for %.0f s (watchdog); killed and restarted; look at the load of this box",
                        child.name,
                        WATCHDOG_S[child.role],
                    )
                    self._signal(child, signal.SIGKILL)

    def _open_notices(self) -> socket.socket:
        path = self._run_dir / "notify.sock"
        path.unlink(missing_ok=True)
        notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        notices.bind(str(path))
        return notices

    def _read_notices(self, notices: socket.socket) -> None:
        states = dict(line.partition("=")[::2] for line in notices.recv(4096).decode(errors="replace").splitlines())
        for child in self._children:
            if states.get("MAINPID") == str(child.pid):
                child.silent_s = 0.0
                # A quick role may be ready before its number is noted here; it says that it lives only after that.
                if not child.is_ready and not states.keys().isdisjoint(("READY", "WATCHDOG")):
                    child.is_ready = True
                    self._tell()

    def _tell(self) -> None:
        """Tell log and systemd what is ready, where that has changed."""
        missing = [child.name for child in self._children if not child.is_ready]
        if not self._was_ready and not any(child.role in DATA_PLANE and not child.is_ready for child in self._children):
            self._was_ready = True
            _send("READY=1")
            if missing:
                log.info("ready, without %s yet: what cannot start says why; see: filterd status", " ".join(missing))
            if "control-0" in missing and any(child.role == "gate" for child in self._children):
                log.info(
                    "the gate's rules are those of before, or none: control installs them; see docs/operate/failures.md"
                )
        if self._was_ready:
            _send(f"STATUS=without {' '.join(missing)}, see: filterd status" if missing else "STATUS=all roles run")
        if not missing and not self._was_whole:
            log.info("all roles ready: %s", " ".join(child.name for child in self._children))
        self._was_whole = not missing

    def _environment(self, child: Child) -> dict[str, str]:
        # The package's own place first: a child must run the very code that its supervisor runs.
        search = [str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])]
        watchdog_us = int(WATCHDOG_S[child.role] * 1_000_000)
        ours = {"NOTIFY_SOCKET": str(self._run_dir / "notify.sock"), "WATCHDOG_USEC": str(watchdog_us)}
        kept = {name: value for name, value in os.environ.items() if name != "WATCHDOG_PID"}
        return kept | ours | {"PYTHONPATH": os.pathsep.join(search), "FILTERD_PARENT": str(os.getpid())}

    def _signal(self, child: Child, number: int) -> None:
        if child.pid:
            with contextlib.suppress(ProcessLookupError):  # it ended a moment ago; _run_once is about to see it
                os.kill(child.pid, number)

    def _write_pid(self, name: str, pid: int) -> None:
        (self._run_dir / f"{name}.pid").write_text(f"{pid}\n")


def _send(state: str) -> None:
    with contextlib.suppress(OSError):  # our own supervisor does not listen just now: the roles live on
        notify(state)
