"""A list server on the loopback, with a test authority and client certificates made by openssl."""

import asyncio
import contextlib
import ssl
import subprocess
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Authority:
    """A certificate authority in a folder."""

    folder: Path

    @property
    def certificate(self) -> Path:
        return self.folder / "ca.pem"

    def issue(self, name: str, also: str = ",DNS:localhost,IP:127.0.0.1") -> tuple[Path, Path]:
        """A certificate for `name` and the loopback, with its key."""
        key, request, certificate = (self.folder / f"{name}.{end}" for end in ("key", "csr", "pem"))
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName=DNS:{name}{also}\n")
        openssl("req", "-new", *NEW_KEY, "-keyout", key, "-out", request, "-subj", f"/CN={name}")
        openssl(
            "x509",
            "-req",
            "-in",
            request,
            "-CA",
            self.certificate,
            "-CAkey",
            self.folder / "ca.key",
            "-CAcreateserial",
            "-days",
            "2",
            "-extfile",
            extensions,
            "-out",
            certificate,
        )
        return certificate, key


NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def openssl(*words: str | Path) -> None:
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


def authority(folder: Path) -> Authority:
    folder.mkdir()
    openssl(
        "req",
        "-x509",
        *NEW_KEY,
        "-keyout",
        folder / "ca.key",
        "-out",
        folder / "ca.pem",
        "-days",
        "2",
        "-subj",
        "/CN=lab",
        "-addext",
        "basicConstraints=critical,CA:TRUE",
        "-addext",
        "keyUsage=keyCertSign",
    )
    return Authority(folder)


def server_context(issued: tuple[Path, Path], clients: Authority | None = None) -> ssl.SSLContext:
    """TLS of a server; clients: who issues the certificates that it wants to see."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*issued)
    if clients is not None:
        context.load_verify_locations(clients.certificate)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


@contextlib.asynccontextmanager
async def serving(answer: Answer, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """A server that lets `answer` answer; gives its URL."""
    server = web.Server(answer)  # type: ignore[arg-type]  # aiohttp's own type knows only its plain response
    runner = web.ServerRunner(server, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}/list.txt"
    finally:
        await runner.cleanup()


@contextlib.contextmanager
def serving_apart(answer: Answer, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """The same in a thread of its own, for tests that start processes and wait for them."""
    started, stopping = threading.Event(), asyncio.Event()
    where: list[str] = []
    loop = asyncio.new_event_loop()

    async def live() -> None:
        async with serving(answer, tls) as url:
            where.append(url)
            started.set()
            await stopping.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(live(),))
    thread.start()
    started.wait()
    try:
        yield where[0]
    finally:
        loop.call_soon_threadsafe(stopping.set)
        thread.join()
        loop.close()


class Shelved:
    """A server's list: its text, an ETag that follows it, and what it was asked."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.asked: list[int] = []  # the statuses that were given
        self.status = 200

    async def answer(self, request: web.Request) -> web.StreamResponse:
        etag = f'"{hash(self.text):x}"'
        response = web.Response(text=self.text, status=self.status, headers={"ETag": etag})
        if self.status == 200 and request.headers.get("If-None-Match") == etag:
            response = web.Response(status=304, headers={"ETag": etag})
        self.asked.append(response.status)
        return response
