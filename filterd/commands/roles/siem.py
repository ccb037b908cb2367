"""The siem role: sends records of blocks and of the ledger to the operator's collector, by syslog over TLS."""

import asyncio
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Literal, cast

from filterd.audit.siem.collector import context_of
from filterd.audit.siem.cursor import Cursor
from filterd.audit.siem.sources import sources_of
from filterd.audit.siem.stream import Connect, Stream, connect_to
from filterd.box.places import CONTROL, SIEM, control_socket
from filterd.config import Config
from filterd.process.control_messages import SiemAck, SiemReport
from filterd.process.json_socket import NoAnswer, ask
from filterd.process.lifecycle import stop_requested, tell_we_live
from filterd.process.log_level import follow_log_level

LOOK_S = 1.0  # between two looks at a stream that has nothing
REPORT_S = 5.0

Name = Literal["blocks", "ledger"]


async def live(config: Config, config_file: Path, index: int) -> int:
    """Send until SIGTERM; where no collector is written, nothing."""
    del index
    stopping = stop_requested()
    streams = _streams(config)
    connect = connect_to(config.siem.server or "", partial(context_of, config.siem))
    work = [_send(stream, connect) for stream in streams]
    work += [_report(streams, config.run_dir), follow_log_level(config, config_file), tell_we_live()]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(each) for each in work]
        await stopping.wait()
        for task in tasks:
            task.cancel()
    return 0


def _streams(config: Config) -> list[Stream]:
    """What is sent.   Raises MissingPart, and OSError for certificates that cannot be used"""
    siem = config.siem
    if siem.server is None:
        return []
    context_of(siem)  # what cannot be used is said at the start
    cursor = Cursor(config.state_dir / SIEM)
    return [Stream(name, source, cursor, siem.begin) for name, source in sources_of(siem, config.run_dir).items()]


async def _send(stream: Stream, connect: Connect) -> None:
    while True:
        if not await stream.send_some(connect):
            await asyncio.sleep(LOOK_S)


async def _report(streams: list[Stream], run_dir: Path) -> None:
    """Tell control how it is; where control is away, later."""
    while True:
        report = SiemReport({cast(Name, stream.name): stream.said for stream in streams})
        with suppress(NoAnswer):
            await ask(control_socket(run_dir), CONTROL, report, SiemAck)
        await asyncio.sleep(REPORT_S)
