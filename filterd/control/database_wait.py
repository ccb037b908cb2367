"""The wait for a database that cannot be reached at a start: what needs none is in force, and the rest is said.

    kernel's rules ─→ database ─there→ Control.start()
                         └away→ last images: suspects, reasons · sockets answered · READY ─→ tried again each second

Invariants: control is not restarted for want of its database, and takes nothing back that the kernel or the workers
have; a fault that no time fixes (another release, damage, a lost database) ends the role, and its rules stay.
"""

import asyncio
from collections.abc import Awaitable, Callable

from filterd.box.places import CONTROL, SPLASH, control_socket, splash_socket
from filterd.control.base.context import DATABASE, guarded
from filterd.control.service import Control
from filterd.process.codec import FailureReply
from filterd.process.control_messages import (
    CONTROL_REQUESTS,
    SPLASH_REQUESTS,
    ClosureQuery,
    ControlRequest,
    SplashRequest,
)
from filterd.process.database.access import open_for_control
from filterd.process.json_socket import serve
from filterd.process.lifecycle import tell_we_live
from filterd.process.messages import Status
from parental.store.errors import DatabaseAway, DatabaseTimeout

RETRY_S = 1.0
STARTING = "control: it is starting; nothing done; ask again in some seconds"
MEANWHILE = "the kernel's rules and the last images stay in force, nothing new is; tried again each second"


class DatabaseWait:
    """Control until its database is there.   begin  puts the kernel's rules in force; whether they were missing"""

    def __init__(self, control: Control, begin: Callable[[], bool]) -> None:
        self._control, self._begin = control, begin
        self._servers: list[asyncio.Server] = []
        self._living: asyncio.Future[None] | None = None
        self._has_images = False

    async def is_over(self, stopping: asyncio.Event) -> bool:
        """Wait for the database; False: control is to stop first.   Raises DatabaseFault that no time fixes"""
        opening = asyncio.ensure_future(self._open())  # noqa: TID251  # its end is no fault
        asked_to_stop = asyncio.ensure_future(stopping.wait())  # noqa: TID251
        try:
            await asyncio.wait((opening, asked_to_stop), return_when=asyncio.FIRST_COMPLETED)
            if opening.done():
                opening.result()
            return opening.done()
        finally:
            opening.cancel()
            asked_to_stop.cancel()

    async def live(self) -> None:
        """Tell that we live; where that was begun while the database was away, go on."""
        await (self._living or tell_we_live())

    def close(self) -> None:
        """Close the sockets of the wait, once those of control have taken their places."""
        for server in self._servers:
            server.close()

    # ------------------------------------------------------------------------------------------------------------------

    async def _open(self) -> None:
        faults = self._control.faults
        while (away := await asyncio.to_thread(self._why_away)) is not None:
            told = f"{away}; {MEANWHILE}"
            if faults.get(DATABASE) != told:
                self._control.context.note_fault(DATABASE, type(away)(told))
            await self._do_without()
            await asyncio.sleep(RETRY_S)
        for where in (DATABASE, "last images"):
            faults.pop(where, None)

    def _why_away(self) -> Exception | None:
        try:
            open_for_control(self._control.config).dispose()
        except (DatabaseAway, DatabaseTimeout) as reason:
            return reason
        return None

    async def _do_without(self) -> None:
        """Have in force, and answer, what needs no database."""
        faults, is_first = self._control.faults, self._living is None
        had_none = list[bool]()

        async def begin() -> None:
            had_none.append(await asyncio.to_thread(self._begin))

        await guarded(faults, "kernel rules", begin)  # another program may have flushed them
        if is_first:
            await guarded(faults, "last images", self._use_last)
        if self._has_images and (is_first or any(had_none)):
            await guarded(faults, "suspects", self._control.locks.suspect)
        if is_first:
            config = self._control.config
            self._servers.append(await serve(control_socket(config.run_dir), CONTROL, CONTROL_REQUESTS, self._answer))
            splash = await serve_splash(self._control, self._answer_splash)
            self._servers += [splash] if splash is not None else []
            self._living = asyncio.ensure_future(tell_we_live())  # noqa: TID251  # for as long as control lives

    async def _use_last(self) -> None:
        self._has_images = await asyncio.to_thread(self._control.publisher.use_last)
        await self._control.sessions.open()

    async def _answer(self, request: ControlRequest) -> object:
        if isinstance(request, Status):
            return await self._control.explainer.status()
        return FailureReply(self._control.faults.get(DATABASE, STARTING))

    async def _answer_splash(self, request: SplashRequest) -> object:
        if isinstance(request, ClosureQuery):
            return self._control.explainer.why_closed(request.name, request.address)
        return FailureReply(self._control.faults.get(DATABASE, STARTING))


async def serve_splash(control: Control, answer: Callable[[SplashRequest], Awaitable[object]]) -> asyncio.Server | None:
    """Answer the splash.   None: its folder is missing, and it shows pages without a reason."""
    try:
        return await serve(splash_socket(control.config.run_dir), SPLASH, SPLASH_REQUESTS, answer)
    except OSError as reason:
        mended = "run systemd-tmpfiles --create filterd.conf and restart control"
        control.context.note_fault("splash", OSError(f"{reason}; the splash gives no reasons; {mended}"))
        return None
