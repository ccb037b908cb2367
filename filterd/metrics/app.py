"""The metrics door: /metrics for Prometheus, /livez and /readyz for health checks, by plain HTTP.

Invariants: nothing here changes anything; however many ask, the box is looked at once a second at most; a body is not
read; an answer holds no person, no client and no name that was asked for.
Source: the text format of Prometheus and OpenMetrics 1.0, both written by prometheus_client.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from filterd.metrics.look import Look
from filterd.metrics.samples import LookCollector

FRESH_S = 1.0
LookNow = Callable[[], Awaitable[Look]]


class Looks:
    """The newest look at the box."""

    def __init__(self, look_now: LookNow) -> None:
        self._look_now = look_now
        self._looking = asyncio.Lock()
        self._seen: Look | None = None
        self.last_unfit: list[str] | None = None  # None: control has not answered yet
        self._at = 0.0

    async def newest(self) -> Look:
        """A look that is a second old at most."""
        async with self._looking:
            if self._seen is None or time.monotonic() - self._at > FRESH_S:
                self._seen = await self._look_now()
                self._at = time.monotonic()
                if self._seen.unfit is not None:
                    self.last_unfit = self._seen.unfit
            return self._seen


LOOKS: web.AppKey[Looks] = web.AppKey("looks", Looks)


def create_metrics(look_now: LookNow) -> web.Application:
    """The application."""
    app = web.Application()
    app[LOOKS] = Looks(look_now)
    app.router.add_get("/metrics", _metrics)
    app.router.add_get("/livez", _live)
    app.router.add_get("/readyz", _ready)
    return app


async def _metrics(request: web.Request) -> web.Response:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(LookCollector(await request.app[LOOKS].newest()))
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return web.Response(body=encode(registry), headers={"Content-Type": content_type, **_HEADERS})


async def _live(_: web.Request) -> web.Response:
    return _said(200, ["ok"])


async def _ready(request: web.Request) -> web.Response:
    """503 where the data plane cannot serve.   While control does not answer: as it was when it last did."""
    seen = await request.app[LOOKS].newest()
    known = request.app[LOOKS].last_unfit
    unfit = known if known is not None else ["control has not answered yet; the state of the workers is not known"]
    silent = [] if seen.control else ["control does not answer: as it was when it last did"]
    return _said(503 if unfit else 200, [*(unfit or ["ok"]), *silent])


def _said(status: int, lines: list[str]) -> web.Response:
    return web.Response(status=status, text="".join(f"{line}\n" for line in lines), headers=_HEADERS)


_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
