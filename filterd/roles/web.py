"""The web role: API, parent's page and desk."""

import asyncio
from dataclasses import replace
from pathlib import Path

from filterd.config import Config
from filterd.config.web_settings import helplines_of, settings_of
from filterd.control.client import ControlClient
from filterd.database.access import open_for_web
from filterd.keys import desk_key, people_key
from filterd.process.api_certificate import follow_certificate, tls_of
from filterd.process.http_listener import HttpLimits, HttpListener
from filterd.process.lifecycle import stop_requested, tell_we_live
from filterd.process.log_level import follow_log_level
from mgmt.app import create_app
from mgmt.app_context import serve_helplines

# A client may be a reverse proxy with everybody behind it.
LIMITS = HttpLimits(n_connections=800, n_of_client=100, header_s=10.0, longest_s=None, n_headers=48)


async def live(config: Config, config_file: Path, index: int) -> int:
    """Serve the API, the parent's page and the desk until SIGTERM."""
    del index
    stopping = stop_requested()
    engine = await open_for_web(config)
    tls = tls_of(config.api)
    settings = replace(settings_of(config), phone_key=people_key(config.state_dir))
    key = desk_key(config.state_dir)
    app = create_app(settings, engine, ControlClient(config.run_dir), desk_key=key)
    listener = HttpListener("api", app, LIMITS, tls)
    await listener.bind(config.api.listen)
    async with asyncio.TaskGroup() as group:
        listener.start(group)
        following = follow_log_level(config, config_file, lambda changed: serve_helplines(app, helplines_of(changed)))
        tasks = [group.create_task(tell_we_live()), group.create_task(following)]
        if tls is not None:
            tasks.append(group.create_task(follow_certificate(config.api, tls)))
        await stopping.wait()
        for task in tasks:
            task.cancel()
        await listener.close()
    engine.dispose()
    return 0
