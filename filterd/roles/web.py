"""The web role: API and parent's page, and the splash, each on its own listeners."""

import asyncio
import logging
import ssl
from collections.abc import Sequence
from pathlib import Path

from aiohttp import web

from dns.upstreams.endpoints import Endpoint
from filterd.config import Config
from filterd.config.web_settings import settings_of
from filterd.control.client import ControlClient
from filterd.places import database_file
from filterd.process.api_certificate import follow_certificate, tls_of
from filterd.process.lifecycle import stop_requested, tell_we_live
from filterd.process.log_level import follow_log_level
from mgmt.app import create_app
from mgmt.splash.app import create_splash
from parental.database import open_database

SHUTDOWN_S = 2.0  # an order that waits for its receipt is stored already; the asker repeats it

log = logging.getLogger("filterd.web")


async def live(config: Config, config_file: Path, index: int) -> int:
    """Serve API and splash until SIGTERM."""
    del index
    stopping = stop_requested()
    engine = open_database(database_file(config.state_dir))
    settings, control = settings_of(config), ControlClient(config.run_dir)
    tls = tls_of(config.api)
    runners = [
        await _serve(create_app(settings, engine, control), config.api.listen, tls),
        await _serve(create_splash(settings, control), config.splash.listen, None),
    ]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(tell_we_live()), group.create_task(follow_log_level(config, config_file))]
        if tls is not None:
            tasks.append(group.create_task(follow_certificate(config.api, tls)))
        await stopping.wait()
        for task in tasks:
            task.cancel()
    for runner in runners:
        await runner.cleanup()
    engine.dispose()
    return 0


async def _serve(app: web.Application, listen: Sequence[Endpoint], tls: ssl.SSLContext | None) -> web.AppRunner:
    # No access log: it would hold addresses and what they asked for (semantics §9).
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_S)
    await runner.setup()
    for endpoint in listen:
        try:
            await web.TCPSite(runner, endpoint.host, endpoint.port, ssl_context=tls, reuse_address=True).start()
        except OSError as reason:
            reason.add_note(
                f"web listen {endpoint}: not bound; is the address on this box, and the port free and allowed"
            )
            raise
    return runner
