"""The metrics role: counters and health for Prometheus, in a process that works without control and web."""

import asyncio
from pathlib import Path

from filterd.commands.roles.exporter.app import create_metrics
from filterd.commands.roles.exporter.look import Look, look
from filterd.commands.roles.exporter.ready import Ready, ready
from filterd.config import Config
from filterd.process.http_listener import HttpLimits, HttpListener
from filterd.process.lifecycle import stop_requested, tell_we_live
from filterd.process.log_level import follow_log_level

# A few collectors, each with a connection that it keeps.
LIMITS = HttpLimits(n_connections=100, n_of_client=50, header_s=5.0, longest_s=None, n_headers=48)


async def live(config: Config, config_file: Path, index: int) -> int:
    """Answer until SIGTERM."""
    del index
    stopping = stop_requested()
    current = config

    def take(changed: Config) -> None:
        nonlocal current
        current = changed

    async def look_now() -> Look:
        return await look(current, config_file)

    async def ready_now() -> Ready:
        return await ready(current)

    listener = HttpListener("metrics", create_metrics(look_now, ready_now), LIMITS)
    await listener.bind(config.metrics.listen)
    async with asyncio.TaskGroup() as group:
        listener.start(group)
        tasks = [group.create_task(each) for each in (tell_we_live(), follow_log_level(config, config_file, take))]
        await stopping.wait()
        for task in tasks:
            task.cancel()
        await listener.close()
    return 0
