"""What the application carries to its endpoints, and the two ways an endpoint reaches the database."""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypeVar

import msgspec
from aiohttp import web
from msgspec import Struct
from sqlalchemy import Connection, Engine

from mgmt.contract.control import Control
from mgmt.contract.fields import sendable
from mgmt.registers.records.block_archive import Archive
from mgmt.registers.settings.page_settings import Settings
from mgmt.registers.settings.precedence import desk_over_file
from mgmt.registers.settings.shapes import DeskSettings
from parental.store import database
from parental.store.database import reading
from rules.base.budget import RequestBudget
from rules.base.protected import ProtectedNames

Clock = Callable[[], datetime]
T = TypeVar("T")

SETTINGS: web.AppKey[Settings] = web.AppKey("settings", Settings)  # in force
OF_FILE: web.AppKey[Settings] = web.AppKey("of_file", Settings)  # as the configuration alone has them
ENGINE: web.AppKey[Engine] = web.AppKey("engine", Engine)
CONTROL: web.AppKey[Control] = web.AppKey("control", Control)
PROTECTED: web.AppKey[ProtectedNames] = web.AppKey("protected", ProtectedNames)
CLOCK: web.AppKey[Clock] = web.AppKey("clock")
ARCHIVE: web.AppKey[Archive] = web.AppKey("archive", Archive)  # absent: records are rows of the database
TICKETS: web.AppKey[RequestBudget] = web.AppKey("tickets", RequestBudget)  # tries of their codes


def utc_now() -> datetime:
    return datetime.now(UTC)


def begin_settings(app: web.Application, settings: Settings) -> None:
    """Show what the configuration has."""
    app[SETTINGS], app[OF_FILE] = settings, replace(settings)


def serve_pages(app: web.Application, of_file: Settings, said: DeskSettings) -> None:
    """Show what the configuration and, above it, the desk say of the pages, from now on."""
    app[OF_FILE].serve_pages(of_file)
    app[SETTINGS].serve_pages(desk_over_file(of_file, said))


async def read(request: web.Request, work: Callable[[Connection], T]) -> T:
    """Run `work` on one moment of the database, in a thread: the loop goes on meanwhile."""
    return await read_in(request.app[ENGINE], work)


async def write(request: web.Request, work: Callable[[Connection], T]) -> T:
    """Run `work` in one writing transaction, in a thread; on a full disk it may run twice."""
    return await write_in(request.app[ENGINE], work)


async def read_in(engine: Engine, work: Callable[[Connection], T]) -> T:
    """read(), where there is no request."""

    def run() -> T:
        with reading(engine) as conn:
            return work(conn)

    return await asyncio.to_thread(run)


async def write_in(engine: Engine, work: Callable[[Connection], T]) -> T:
    """write(), where there is no request."""
    return await asyncio.to_thread(database.write, engine, work)


def json_response(body: Struct, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """A JSON answer that no cache stores."""
    said = {"Cache-Control": "no-store", **(headers or {})}
    return web.Response(body=json_octets(body), status=status, content_type="application/json", headers=said)


def json_octets(body: Struct) -> bytes:
    """A Struct as JSON."""
    try:
        return msgspec.json.encode(body)
    except UnicodeEncodeError:  # control names a file whose name is no UTF-8
        return sendable(json.dumps(msgspec.to_builtins(body), ensure_ascii=False)).encode()
