"""The metrics door: /metrics for Prometheus, /livez and /readyz for health checks, by plain HTTP.

    /readyz   200 where the workers that this box has can serve      /readyz/dns, /readyz/gate   those of one role

Invariants: nothing here changes anything; however many ask, the box is looked at once a second at most, and so are its
workers; a body is not read; an answer holds no person, no client and no name that was asked for.
Source: the text format of Prometheus and OpenMetrics 1.0, both written by prometheus_client.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from filterd.commands.roles.exporter.look import Look
from filterd.commands.roles.exporter.ready import Ready
from filterd.commands.roles.exporter.samples import LookCollector

FRESH_S = 1.0
T = TypeVar("T")


class Newest(Generic[T]):
    """The newest look at something, for all who ask."""

    def __init__(self, look_now: Callable[[], Awaitable[T]]) -> None:
        self._look_now = look_now
        self._looking = asyncio.Lock()
        self._seen: T | None = None
        self._at = 0.0

    async def newest(self) -> T:
        """A look that is a second old at most."""
        async with self._looking:
            if self._seen is None or time.monotonic() - self._at > FRESH_S:
                self._seen = await self._look_now()
                self._at = time.monotonic()
            return self._seen


LOOKS: web.AppKey[Newest[Look]] = web.AppKey("looks", Newest)
READY: web.AppKey[Newest[Ready]] = web.AppKey("ready", Newest)


def create_metrics(
    look_now: Callable[[], Awaitable[Look]], ready_now: Callable[[], Awaitable[Ready]]
) -> web.Application:
    """The application."""
    app = web.Application()
    app[LOOKS], app[READY] = Newest(look_now), Newest(ready_now)
    app.router.add_get("/metrics", _metrics)
    app.router.add_get("/livez", _live)
    app.router.add_get("/readyz", _ready)
    app.router.add_get("/readyz/{role:dns|gate}", _ready)
    return app


async def _metrics(request: web.Request) -> web.Response:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(LookCollector(await request.app[LOOKS].newest()))
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return web.Response(body=encode(registry), headers={"Content-Type": content_type, **_HEADERS})


async def _live(_: web.Request) -> web.Response:
    return _said(200, ["ok"])


async def _ready(request: web.Request) -> web.Response:
    """503 where the data plane, or a role of it, cannot serve; 404 for a role that this box does not have."""
    seen = await request.app[READY].newest()
    role = request.match_info.get("role")
    if role is not None and role not in seen.unfit:
        return _said(404, [f"{role}: this box has none; nothing asked; see /{role}/workers"])
    unfit = [each for name, said in seen.unfit.items() if role in (None, name) for each in said]
    return _said(503 if unfit else 200, [*(unfit or ["ok"]), *seen.beside])


def _said(status: int, lines: list[str]) -> web.Response:
    return web.Response(status=status, text="".join(f"{line}\n" for line in lines), headers=_HEADERS)


_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
