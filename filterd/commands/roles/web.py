"""The web role: the desk's door and the families', each with a listener, names, limits and a certificate of its own."""

import asyncio
import ssl
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aiohttp import web
from sqlalchemy import Engine

from dns.base.endpoints import Endpoint
from filterd.audit.archive_client import ArchiveClient
from filterd.box.keys import desk_key, people_key
from filterd.box.places import reader_socket
from filterd.commands.roles.api_certificate import follow_certificate, names_of, tls_of
from filterd.config import Config
from filterd.config.desk_file import read_desk
from filterd.config.family import Family
from filterd.config.schema import Api
from filterd.config.sms import replies_of, sms_of
from filterd.config.web_settings import family_settings_of, settings_of
from filterd.control.client import ControlClient
from filterd.images.lists.letter_client import LetterReader
from filterd.process.database.access import open_for_web
from filterd.process.http_listener import HttpLimits, HttpListener
from filterd.process.lifecycle import stop_requested, tell_we_live
from filterd.process.log_level import follow_log_level
from mgmt.web.desk.app import create_app
from mgmt.web.kit.app_context import serve_pages
from mgmt.web.kit.doors import Door, Hosts

# A client may be a reverse proxy with everyone behind it.
DESK_LIMITS = HttpLimits(n_connections=800, n_of_client=100, header_s=10.0, longest_s=None, n_headers=48)
# A telephone opens a handful and comes again; a page and a tap are over in seconds.
FAMILY_LIMITS = HttpLimits(n_connections=800, n_of_client=100, header_s=10.0, longest_s=600.0, n_headers=48)


@dataclass(frozen=True)
class _OpenDoor:
    """A door that has its addresses."""

    section: Api | Family
    hosts: Hosts
    tls: ssl.SSLContext | None
    app: web.Application
    listener: HttpListener

    def following(self) -> Iterator[Coroutine[Any, Any, None]]:
        """What keeps its certificate fresh."""
        if self.tls is not None:
            yield follow_certificate(self.section, self.tls, self.hosts)


async def live(config: Config, config_file: Path, index: int) -> int:
    """Serve both doors until SIGTERM."""
    del index
    stopping = stop_requested()
    engine = await open_for_web(config, stopping)
    if engine is None:
        return 0
    doors = [await _open(config, engine, door) for door in _doors_of(config)]

    def take(changed: Config) -> None:
        for door in doors:
            serve_pages(door.app, settings_of(changed), read_desk(changed))

    take(config)
    async with asyncio.TaskGroup() as group:
        for door in doors:
            door.listener.start(group)
        following = [each for door in doors for each in door.following()]
        running = (tell_we_live(), follow_log_level(config, config_file, take), *following)
        tasks: list[asyncio.Task[None]] = [group.create_task(each) for each in running]
        await stopping.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*(door.listener.close() for door in doors))
    engine.dispose()
    return 0


def _doors_of(config: Config) -> tuple[Door, ...]:
    return (Door.DESK, Door.FAMILY) if config.family.listen else (Door.BOTH,)


async def _open(config: Config, engine: Engine, door: Door) -> _OpenDoor:
    is_family = door is Door.FAMILY
    section: Api | Family = config.family if is_family else config.api
    listen: tuple[Endpoint, ...] = section.listen
    tls, hosts = tls_of(section), Hosts(section.hosts)
    hosts.certify(names_of(section))
    settings = family_settings_of(config) if is_family else settings_of(config)
    settings = replace(settings, phone_key=people_key(config.state_dir))
    # Of before there were two doors: a proxy may call the one by names that stand nowhere.
    is_nameless = door is Door.BOTH and not section.hosts and tls is None
    app = create_app(
        settings,
        engine,
        ControlClient(config.run_dir),
        door=door,
        hosts=None if is_nameless else hosts,
        desk_key=None if is_family else desk_key(config.state_dir),
        sms=None if door is Door.DESK else sms_of(config),
        replies=None if door is Door.DESK else replies_of(config),
        archive=ArchiveClient(config.run_dir),
        letters=None if is_family else LetterReader(reader_socket(config.run_dir)),
    )
    name = "family" if is_family else "api"
    listener = HttpListener(name, app, FAMILY_LIMITS if is_family else DESK_LIMITS, tls)
    await listener.bind(listen)
    return _OpenDoor(section, hosts, tls, app, listener)
