"""Control side of a worker: it opens images for its front, and answers worker.sock.

A front is one nogil loop in a thread with the sockets it needs: DnsFront of dns.front.front, GateFront of
filterd.commands.roles.packet_gate.front.
Invariants: the worker reads the manifest itself at its start, so control may be dead; where that, or what it names, is
torn, the last one that was on the disk (settled.json); an image that it serves already
is neither read nor checked again (a base of ten million names takes 40 ms); an image that is refused changes
nothing, and stands in every status until a good one comes; `use` says ok only once the loop itself has swapped.
What the front does for connections of clients is no part of its turns: it hangs without ending the worker.
The images are open before the front takes its sockets or its queue, so it judges from the first packet on.
Only what control wrote is opened, by a name in the folder of images: a request has no path to lead elsewhere.
Where a change of the configuration needs another front, that one takes the sockets of the first, with the same images;
what cannot be taken leaves the first as it is, and is said.
"""

import asyncio
import contextlib
import gc
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from msgspec import UNSET

from dns.base.thread_priority import give_way
from fastpath.images.image import Image
from fastpath.images.tables import TableSet
from fastpath.people.session_levels import open_sessions, sessions_generation, with_sessions
from fastpath.report.counters import read_classes, read_counters
from fastpath.report.spool import Reporter
from filterd.box.accounts import trusted
from filterd.box.keys import hold_image_key
from filterd.box.places import IMAGES, SESSION_IMAGES, SESSIONS_MANIFEST, SPOOL, counters_folder, worker_socket
from filterd.process.codec import FailureReply
from filterd.process.json_socket import serve
from filterd.process.lifecycle import stop_requested, tell_we_live
from filterd.process.messages import WORKER_REQUESTS, ConfigDigest, Configure, InUse, Status, Use, WorkerStatus
from filterd.process.readiness import BEAT_S
from rules.base.manifest import MANIFEST, SETTLED

TAKE_OVER_S = 10.0  # for the last turn of one loop and the first of the next, on a loaded machine
TAKE_OVER_POLL_S = 0.001
SESSIONS_S = 0.02  # between two looks at the manifest of sessions, 3 us each
NO_SESSIONS_S = 1.0

log = logging.getLogger("filterd.process.worker")


class Front(Protocol):
    """One nogil loop and its sockets."""

    def give(self, tables: TableSet) -> None:
        """Serve `tables` from the first packet on: before run()."""

    async def use(self, tables: TableSet) -> None:
        """Serve `tables`; returns once the loop does.   Raises TimeoutError where it does not."""

    async def run(self) -> None:
        """Serve until cancelled."""

    @property
    def n_turns(self) -> int:
        """Turns of the loop so far; one a second at least, as long as it lives."""

    def upstreams(self) -> dict[str, bool]:
        """Upstream → whether it answers; none of a front that asks no one."""

    def connections(self) -> dict[str, int]:
        """Transport → connections of clients that are open now."""


class Setup(Protocol):
    """What a worker knows of its configuration."""

    def take(self) -> Front | None:
        """Read the accepted configuration; a front for what it changes, None where the running one does.

        Raises what keeps it from being taken: then all is as it was."""

    @property
    def digest(self) -> str:
        """Of the configuration that was taken last."""


def make_reporter(state_dir: Path, run_dir: Path, worker: str, part: str = "") -> Reporter:
    """The counters and the spool of one loop of a worker.   part  of its name, where it is not the worker's first"""
    name = worker + part
    spool = state_dir / SPOOL / name
    counters = counters_folder(run_dir, worker)
    counters.mkdir(parents=True, exist_ok=True)
    spool.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Reporter(counters / name, spool)


class Worker:
    """One worker's control side."""

    def __init__(self, name: str, state_dir: Path, run_dir: Path, front: Front, setup: Setup | None = None) -> None:
        self.name = name
        self._front, self._setup = front, setup
        self._running: asyncio.Future[None]
        self._images = state_dir / IMAGES
        self._state_dir, self._run_dir = state_dir, run_dir
        self._tables = TableSet()
        self._refused: str | None = None
        self._sessions = state_dir / SESSION_IMAGES / SESSIONS_MANIFEST
        self._seen_sessions: tuple[int, int] | None = None
        self._refused_sessions: str | None = None
        self._using = asyncio.Lock()
        self._n_turns, self._is_taking_over = -1, False
        self._starts = 0

    async def run(self) -> None:
        """Run the front until SIGTERM, with the images that the manifest names; raises what ends the front."""
        socket = worker_socket(self._run_dir, self.name)
        self._starts = counted_start(socket.with_name("starts"))
        seen = _stamp(self._images / MANIFEST)
        if seen is not None:
            await self._use_first()
        else:
            self._refused = (
                f"images: {self._images / MANIFEST} does not exist; when_no_images decides; wait for control to compile"
            )
        # Held here and not in a TaskGroup: what ends the front is raised as it is.
        self._running = asyncio.ensure_future(self._front.run())  # noqa: TID251
        stopping = asyncio.ensure_future(stop_requested().wait())  # noqa: TID251
        server = await serve(socket, "worker", WORKER_REQUESTS, self.answer)
        living = asyncio.ensure_future(tell_we_live(self.is_turning))  # noqa: TID251
        following = asyncio.ensure_future(self._follow_sessions())  # noqa: TID251
        beating = asyncio.ensure_future(self._beat())  # noqa: TID251
        try:
            if _stamp(self._images / MANIFEST) != seen:  # what control has published since, it could not tell us
                await self._use(MANIFEST)
            while True:
                running = self._running
                await asyncio.wait((running, stopping), return_when=asyncio.FIRST_COMPLETED)
                if stopping.done() or running is self._running:
                    break
        finally:
            server.close()
            socket.unlink(missing_ok=True)
            for task in (living, stopping, following, beating):
                task.cancel()
        if self._running.done():
            self._running.result()
            raise RuntimeError(f"worker {self.name}: its loop has ended unexpectedly")
        self._running.cancel()
        await asyncio.wait((self._running,))

    def is_turning(self) -> bool:
        """Whether the loop has made a turn since this was asked last.  If not, it hangs: only a restart helps."""
        if self._is_taking_over:  # one loop ends and the next begins: at most TAKE_OVER_S
            return True
        before, self._n_turns = self._n_turns, self._front.n_turns
        if before == self._n_turns:
            log.error("worker %s: its loop hangs; the watchdog is not fed; it will be restarted", self.name)
        return before != self._n_turns

    async def answer(self, request: Status | Use | Configure) -> WorkerStatus | InUse | ConfigDigest | FailureReply:
        """One request of the worker socket."""
        match request:
            case Status():
                return self.status()
            case Use(manifest):
                return await self._use(manifest)
            case Configure():
                return await self._configure()

    def status(self) -> WorkerStatus:
        """What this worker serves, what it last refused, and what it has counted."""
        return WorkerStatus(
            name=self.name,
            pid=os.getpid(),
            starts=self._starts,
            generations=self._tables.generations,
            refused=self._refused or self._refused_sessions,
            sessions=sessions_generation(self._tables) or UNSET,
            counters=counted(self._run_dir, self.name),
            ja4_classes=classes_counted(self._run_dir, self.name),
            upstreams=self._front.upstreams(),
            connections=self._front.connections(),
        )

    async def _use_first(self) -> None:
        """Serve what the manifest names; where a power cut has torn that, what was on the disk before."""
        await self._use(MANIFEST, is_running=False)
        if self._refused is not None and (self._images / SETTLED).exists():
            why = self._refused
            if not isinstance(await self._use(SETTLED, is_running=False), FailureReply):
                self._refused = f"{why}; now those of {SETTLED}, without the last changes; control writes them again"
                log.warning("%s", self._refused)

    async def _use(self, manifest: str, is_running: bool = True) -> InUse | FailureReply:
        async with self._using:  # tables must be given in the order in which they were opened
            try:
                hold_image_key(self._state_dir)  # control makes it, perhaps after this worker has started
                tables = await asyncio.to_thread(
                    _open_gently, self._images / manifest, self._tables, self._open_sessions
                )
                if is_running:
                    await self._front.use(tables)
                else:
                    self._front.give(tables)
            except TimeoutError:
                self._refused = f"worker {self.name}: its loop took no new images in time"
            except (OSError, ValueError, KeyError, TypeError, AttributeError) as reason:  # a manifest may hold anything
                self._refused = f"{reason}; still serving names {'/'.join(map(str, self._tables.generations['names']))}"
            else:
                self._tables, self._refused = tables, None
                return InUse(tables.generations)
        log.warning("%s", self._refused)
        return FailureReply(refused=self._refused)

    async def _beat(self) -> None:
        """Give the counters file the time of now, each second in which the loop turns (filterd.process.readiness)."""
        before = 0
        while True:
            if self._front.n_turns != before:
                before = self._front.n_turns
                with contextlib.suppress(OSError):  # without it, the worker is taken for dead, and serves all the same
                    os.utime(_counters(self._run_dir, self.name))
            await asyncio.sleep(BEAT_S)

    async def _follow_sessions(self) -> None:
        """Serve the sessions that the radius role publishes, at every change of its manifest.

        It reaches no socket here: who hears strangers needs no way to the workers."""
        while True:
            is_there = self._sessions.parent.exists()
            await asyncio.sleep(SESSIONS_S if is_there else NO_SESSIONS_S)
            is_new = is_there and _stamp(self._sessions) != self._seen_sessions
            if is_new and any(self._tables.images):  # what was never served waits for the first images
                await self._take_sessions()

    async def _take_sessions(self) -> None:
        async with self._using:
            levels = await asyncio.to_thread(self._open_sessions)
            tables = with_sessions(self._tables, levels)
            try:
                await self._front.use(tables)
            except TimeoutError:
                self._seen_sessions = None
                self._refused_sessions = f"worker {self.name}: its loop took no new sessions in time; tried again"
                log.warning("%s", self._refused_sessions)
            else:
                self._tables = tables

    def _open_sessions(self) -> list[Image | None]:
        """The levels of sessions.   Those that cannot be used keep nothing else from being served: older ones stay."""
        give_way()  # as for all images
        self._seen_sessions, known = _stamp(self._sessions), self._tables.sessions
        if self._seen_sessions is None:
            return known
        try:
            opened = open_sessions(self._sessions, known, trusted(("radius",)))
            TableSet(sessions=opened)  # raises where they contradict each other
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as reason:
            self._refused_sessions = f"{reason}; still serving older sessions; restart the radius role"
            log.warning("%s", self._refused_sessions)
            return known
        self._refused_sessions = None
        return opened

    async def _configure(self) -> ConfigDigest | FailureReply:
        if self._setup is None:
            return FailureReply(
                refused=f"worker {self.name}: started without a configuration; nothing changed; restart it"
            )
        async with self._using:
            try:
                front = self._setup.take()
                if front is not None:
                    await self._take_over(front)
            except (OSError, ValueError) as reason:
                log.warning("configuration: %s; not taken", reason)
                return FailureReply(refused=f"worker {self.name}: {reason}")
        return ConfigDigest(self._setup.digest)

    async def _take_over(self, front: Front) -> None:
        """Serve with another front from now on; returns once it does.   Raises TimeoutError where that takes long."""
        front.give(self._tables)
        self._front = front
        self._running = asyncio.ensure_future(_after(self._running, front))  # noqa: TID251
        self._is_taking_over, self._n_turns = True, -1
        try:
            await self._until_it_turns(front)
        except TimeoutError as late:
            raise TimeoutError(f"its next loop has made no turn in {TAKE_OVER_S:.0f} s; look at the load") from late
        finally:
            self._is_taking_over = False

    async def _until_it_turns(self, front: Front) -> None:
        async with asyncio.timeout(TAKE_OVER_S):
            while not front.n_turns and not self._running.done():  # noqa: ASYNC110  # the loop cannot call Python
                await asyncio.sleep(TAKE_OVER_POLL_S)
        # The front before refers to itself, by what its streams ask: its cache would stay until Python looks for such.
        await asyncio.to_thread(gc.collect)


async def _after(before: "asyncio.Future[None]", front: Front) -> None:
    """Run a front once the one before it has ended."""
    before.cancel()
    await asyncio.wait((before,))
    del before  # what it was cancelled with leads to its front
    await front.run()


def _stamp(manifest: Path) -> tuple[int, int] | None:
    """What is another one once a manifest has been written again; None where none exists."""
    try:
        status = manifest.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns


def _open_gently(manifest: Path, known: TableSet, open_levels: Callable[[], Sequence[Image | None]]) -> TableSet:
    """Open images in this thread of a pool, behind the loop: both are on one core."""
    give_way()
    return with_sessions(TableSet.open(manifest, known.images, trusted(("control",))), open_levels())


def counted(run_dir: Path, name: str) -> dict[str, int]:
    """The counters of a worker: of its loop, and of its TCP and TLS streams (`dns-0-tcp`)."""
    total: dict[str, int] = {}
    for path in (_counters(run_dir, name), _counters(run_dir, name, "-tcp")):
        if path.exists():
            for counter, value in read_counters(path).items():
                total[counter] = total.get(counter, 0) + value
    return total


def classes_counted(run_dir: Path, name: str) -> dict[str, int]:
    """Hellos that a worker has counted, by class of software; none where it counts nothing by class."""
    path = _counters(run_dir, name)
    return read_classes(path) if path.exists() else {}


def counted_start(file: Path) -> int:
    """Count one more start in a file; which one it is.   One that cannot be read begins again at 1."""
    try:
        before = int(file.read_text())
    except (OSError, ValueError):
        before = 0
    with contextlib.suppress(OSError):  # a full disk stops no worker
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{before + 1}\n")
    return before + 1


def _counters(run_dir: Path, worker: str, part: str = "") -> Path:
    return counters_folder(run_dir, worker) / f"{worker}{part}"
