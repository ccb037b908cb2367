"""A web server in Python that says which requests are for a listed host.   web_program.py PORT LISTED KIND

KIND   reads: http.server, whose application reads bodies · leaves: one that does not, as many do not · aiohttp
"""

import asyncio
import http.server
import sys
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

SERVED, OTHER = b"=served=", b"other"


def is_listed(values: Iterable[str], listed: str) -> bool:
    """Whether a host that an application would go by is the listed one."""
    for value in values:
        host = value.strip().rpartition("@")[2].partition(":")[0].removesuffix(".").lower()
        if host == listed or host.endswith("." + listed):
            return True
    return False


def authority(method: str, target: str) -> str:
    """The host in a request's target, as Werkzeug reads it."""
    if method == "CONNECT":
        return target
    try:
        parts = urlsplit(target)
    except ValueError:
        return ""
    return parts.netloc if parts.scheme else ""


class Handler(http.server.BaseHTTPRequestHandler):
    """Takes any method, as frameworks do."""

    protocol_version = "HTTP/1.1"
    listed: str
    reads_bodies: bool

    def _answer(self) -> None:
        hosts = self.headers.get_all("Host", []) if self.headers else []
        hosts = [*hosts, authority(self.command, self.path)]
        if self.reads_bodies:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
        answer = SERVED if is_listed(hosts, self.listed) else OTHER
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def __getattr__(self, name: str) -> Callable[[], None]:
        """Any method is answered."""
        if not name.startswith("do_"):
            raise AttributeError(name)
        return self._answer

    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""


class Server(http.server.ThreadingHTTPServer):
    """Waits for no connection at its end."""

    daemon_threads = True
    request_queue_size = 1024


def serve_aiohttp(port: int, listed: str) -> None:
    async def answer(request: web.BaseRequest) -> web.Response:
        hosts = request.headers.getall("Host", [])
        return web.Response(
            body=SERVED if is_listed([*hosts, authority(request.method, request._message.path)], listed) else OTHER
        )

    async def serve() -> None:
        runner = web.ServerRunner(web.Server(answer))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()
        await asyncio.Event().wait()

    asyncio.run(serve())


if __name__ == "__main__":
    port, listed, kind = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    if kind == "aiohttp":
        serve_aiohttp(port, listed)
    Handler.listed, Handler.reads_bodies = listed, kind == "reads"
    Server(("127.0.0.1", port), Handler).serve_forever()
