"""The splash role: the page on port 80, in a process that strangers may keep busy, and that holds nothing."""

import asyncio
import contextlib
import logging
from functools import partial
from pathlib import Path

from aiohttp import web

from filterd.config import Config
from filterd.config.desk_file import read_desk
from filterd.config.web_settings import settings_of
from filterd.control.client import ReasonsClient
from filterd.process.http_listener import HttpLimits, HttpListener
from filterd.process.lifecycle import stop_requested, tell_we_live
from filterd.process.log_level import follow_log_level
from mgmt.contract.control import ControlFailure
from mgmt.web.kit.app_context import serve_pages
from mgmt.web.splash.app import BUDGET, create_splash, serve_clients
from rules.base.budget import N_NAMES, NameBudget

# One request for each connection, answered in milliseconds: what is older than these seconds has no visitor.
LIMITS = HttpLimits(n_connections=800, n_of_client=64, header_s=5.0, longest_s=10.0, n_headers=48)
TELL_S = 60.0

log = logging.getLogger("filterd.splash")


async def live(config: Config, config_file: Path, index: int) -> int:
    """Serve the splash until SIGTERM."""
    del index
    stopping = stop_requested()
    reasons = ReasonsClient(config.run_dir)
    app = create_splash(settings_of(config), reasons)
    _take(app, config)
    listener = HttpListener("splash", app, LIMITS)
    await listener.bind(config.splash.listen)
    async with asyncio.TaskGroup() as group:
        listener.start(group)
        following = follow_log_level(config, config_file, partial(_take, app))
        tasks = [group.create_task(each) for each in (tell_we_live(), following, _alarm(app[BUDGET], reasons))]
        await stopping.wait()
        for task in tasks:
            task.cancel()
        await listener.close()
    return 0


def _take(app: web.Application, changed: Config) -> None:
    serve_clients(app, changed.dns.clients)
    serve_pages(app, settings_of(changed), read_desk(changed))


async def _alarm(budget: NameBudget, reasons: ReasonsClient) -> None:
    """Tell once a minute that someone tries names; never who, and which."""
    untold = 0
    while True:
        await asyncio.sleep(TELL_S)
        if not (beyond := budget.take_beyond()) and not untold:
            continue
        log.warning("splash: %d questions beyond %d names of one client; not answered; see status", beyond, N_NAMES)
        untold += beyond
        with contextlib.suppress(ControlFailure):  # reported in the next minute
            await reasons.probed(untold)
            untold = 0
