"""Servers that speak DNS over TLS: real resolvers, and one that the test plays, so that it can lie.

The real ones know www.free.test (198.51.100.10) and big.test (a TXT of 3,000 octets).
"""

import asyncio
import contextlib
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from filterd.lab.patience import Patience

HOST = "127.0.0.1"
READY_S = 60.0
BIG = " ".join(f'"{"x" * 250}"' for _ in range(12))
Certificate = tuple[Path, Path]
Reply = Callable[[bytes, "Peer"], Awaitable[None]]

UNBOUND = """
server:
  directory: "{folder}"
  chroot: ""
  username: ""
  pidfile: ""
  use-syslog: no
  interface: {host}@{port}
  tls-port: {port}
  tls-service-pem: "{certificate}"
  tls-service-key: "{key}"
  access-control: 127.0.0.0/8 allow
  num-threads: 1
  trust-anchor-file: ""
  module-config: "iterator"
  pad-responses: yes
  local-zone: "." refuse
  local-zone: "test." static
  local-data: "www.free.test. 300 IN A 198.51.100.10"
  local-data: 'big.test. 300 IN TXT {big}'
remote-control:
  control-enable: no
"""

DNSDIST = """
setLocal("{host}:{plain}")
addTLSLocal("{host}:{port}", "{certificate}", "{key}", {{maxInFlight=64}})
setACL({{"127.0.0.0/8"}})
setSecurityPollSuffix("")
newServer({{address="{host}:{behind}", healthCheckMode="up"}})
"""

KRESD = """
net.listen("{host}", {port}, {{ kind = "tls" }})
net.tls("{certificate}", "{key}")
modules.unload("ta_signal_query")
modules.unload("ta_update")
trust_anchors.remove(".")
policy.add(policy.all(policy.STUB("{host}@{behind}")))
cache.size = 10 * MB
"""


@contextlib.contextmanager
def unbound(folder: Path, port: int, certificate: Certificate) -> Iterator["subprocess.Popen[bytes]"]:
    """A resolver over TLS."""
    text = UNBOUND.format(folder=folder, host=HOST, port=port, certificate=certificate[0], key=certificate[1], big=BIG)
    with running("unbound", folder, "unbound.conf", text, ("-d", "-c"), port) as process:
        yield process


@contextlib.contextmanager
def dnsdist(folder: Path, port: int, plain: int, behind: int, certificate: Certificate) -> Iterator[None]:
    """A balancer over TLS, whose resolver is at port `behind`."""
    text = DNSDIST.format(
        host=HOST, port=port, plain=plain, behind=behind, certificate=certificate[0], key=certificate[1]
    )
    with running("dnsdist", folder, "dnsdist.conf", text, ("--supervised", "--disable-syslog", "-C"), port):
        yield


@contextlib.contextmanager
def kresd(folder: Path, port: int, behind: int, certificate: Certificate) -> Iterator[None]:
    """Knot Resolver over TLS, whose resolver is at port `behind`."""
    text = KRESD.format(host=HOST, port=port, behind=behind, certificate=certificate[0], key=certificate[1])
    with running("kresd", folder, "kresd.conf", text, ("-n", "-c"), port):
        yield


@contextlib.contextmanager
def running(
    name: str, folder: Path, config: str, text: str, options: tuple[str, ...], port: int
) -> Iterator["subprocess.Popen[bytes]"]:
    program = shutil.which(name, path="/usr/sbin:/usr/local/sbin:/usr/bin")
    if program is None:
        pytest.skip(f"{name} is not installed")
    (folder / config).write_text(text)
    with (folder / f"{name}.log").open("ab") as log:
        argv = [program, *options, str(folder / config)]
        process = subprocess.Popen(argv, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        _wait_for(port, process, folder / f"{name}.log")
        yield process
    finally:
        process.terminate()
        process.wait(60)


def _wait_for(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    patience = Patience(READY_S)
    while process.poll() is None and not patience.is_over():
        with contextlib.suppress(OSError):
            socket.create_connection((HOST, port), 0.2).close()
            return
        time.sleep(0.02)
    raise AssertionError(f"{log.stem} did not come up:\n{log.read_text()[-2000:]}")


def _context(certificate: Certificate) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    context.set_alpn_protocols(["dot"])
    return context


class Peer:
    """One connection of a played server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def has_left(self) -> bool:
        return self.reader.at_eof() or self.writer.is_closing()

    def say(self, message: bytes) -> None:
        self.writer.write(len(message).to_bytes(2, "big") + message)


class PlayedTls:
    """A server that does with each query what `reply` says.   certificate None: over TCP;  port 0: any"""

    def __init__(self, certificate: Certificate | None, reply: Reply, port: int = 0) -> None:
        self.reply = reply
        self.port = port
        self.queries: list[bytes] = []
        self.n_connections = 0
        self.peers: list[Peer] = []
        self._context = _context(certificate) if certificate else None

    @contextlib.asynccontextmanager
    async def __call__(self) -> AsyncIterator["PlayedTls"]:
        """It listens while this lasts; its connections end with it."""
        server = await asyncio.start_server(self._serve, HOST, self.port, ssl=self._context)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for peer in self.peers:
                peer.writer.transport.abort()
            self.peers.clear()
            await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(reader, writer)
        self.peers.append(peer)
        self.n_connections += 1
        with contextlib.suppress(OSError, EOFError):
            while True:
                n = int.from_bytes(await reader.readexactly(2), "big")
                query = await reader.readexactly(n)
                self.queries.append(query)
                await self.reply(query, peer)
