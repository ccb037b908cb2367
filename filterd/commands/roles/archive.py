"""The archive role: keeps records of blocks as files, and finds them.   It needs filterd[audit].

Invariants: without that, the role lives, and tells each client what to install: a box that only filters has no process
that dies again and again.
"""

import asyncio
import logging
from pathlib import Path
from typing import Protocol

from filterd.audit.archive_messages import ARCHIVE_REQUESTS
from filterd.box.places import ARCHIVE, BLOCKS, archive_socket
from filterd.config import Config
from filterd.process.codec import FailureReply
from filterd.process.json_socket import Answer, serve
from filterd.process.lifecycle import stop_requested, tell_we_live
from filterd.process.log_level import follow_log_level
from filterd.process.sd_notify import notify

log = logging.getLogger("filterd.commands.roles.archive")


class Records(Protocol):
    """What the role serves."""

    @property
    def answer(self) -> Answer: ...
    async def tend(self) -> None: ...
    def close(self) -> None: ...


class AbsentArchive:
    """Stands for an archive whose libraries are missing.   fault  what everyone is answered"""

    def __init__(self, missing: ImportError) -> None:
        self.fault = (
            f"{missing}; batches wait, and no record is found; install filterd[audit], and restart the role archive"
        )

    async def answer(self, request: object) -> FailureReply:
        del request
        return FailureReply(self.fault)

    async def tend(self) -> None:
        """Nothing: control goes on writing batches, which wait."""

    def close(self) -> None:
        """Nothing is open."""


async def live(config: Config, config_file: Path, index: int) -> int:
    """Keep records until SIGTERM."""
    del index
    stopping = stop_requested()
    archive = _opened(config.state_dir / BLOCKS)
    place = archive_socket(config.run_dir)
    server = await serve(place, ARCHIVE, ARCHIVE_REQUESTS, archive.answer)
    try:
        async with asyncio.TaskGroup() as group:
            work = (archive.tend(), follow_log_level(config, config_file), tell_we_live())
            tasks = [group.create_task(each) for each in work]
            await stopping.wait()
            for task in tasks:
                task.cancel()
    finally:
        server.close()
        place.unlink(missing_ok=True)
        archive.close()
    return 0


def _opened(folder: Path) -> Records:
    try:
        from filterd.audit.archive.archive_service import Archive
    except ImportError as reason:
        absent = AbsentArchive(reason)
        log.error("%s", absent.fault)
        notify(f"STATUS={absent.fault}")
        return absent
    return Archive(folder)
