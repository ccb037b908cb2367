"""TCP servers that say which names they completed.   python recorder.py CERTIFICATE KEY LOG PLACE…

PLACE: see serve().  LOG gets one line of JSON for each ClientHello whose server_name
OpenSSL has accepted, and one for each Host and authority that a request had: [address and port of the client, name].
"""

import asyncio
import http.server
import json
import socket
import ssl
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO, cast

TLS_PORT, HTTP_PORT = 443, 80
BACKLOG = 4096
READ_OCTETS = 4096
TCP_FASTOPEN_NO_COOKIE = 34  # <linux/tcp.h>
IPPROTO_MPTCP = 262  # <linux/in.h>


class Log:
    """Lines of JSON, each written at once."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def note(self, client: tuple[str, int], name: str) -> None:
        self._file.write(json.dumps([*client, name]) + "\n")
        self._file.flush()


class TlsServer(asyncio.BufferedProtocol):
    """One connection.  Its handshake goes as far as the client lets it.

    It reads little at a time, so one that is closed in a flood is reset, as by most servers."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._buffer = bytearray(READ_OCTETS)
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_side=True)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        # the callback of the context has nothing but this object
        self._tls.client = transport.get_extra_info("peername")[:2]  # type: ignore[attr-defined]

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self._in.write(self._buffer[:nbytes])
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:  # it has sent an alert that says why
            self._transport.write(self._out.read())
            self._transport.close()
            return
        self._transport.write(self._out.read())


class HttpServer(http.server.BaseHTTPRequestHandler):
    """Python's own HTTP server: takes what browsers never send."""

    protocol_version = "HTTP/1.1"
    log: Log

    def _answer(self) -> None:
        client = self.client_address[:2]
        for host in self.headers.get_all("Host", []) if self.headers else []:
            self.log.note(client, host.strip())
        if not self.path.startswith("/"):
            self.log.note(client, self.path.partition("://")[2].partition("/")[0] or self.path)
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def __getattr__(self, name: str) -> Callable[[], None]:
        """Any method is answered."""
        if not name.startswith("do_"):
            raise AttributeError(name)
        return self._answer

    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""


def context_of(certificate: str, key: str, log: Log) -> ssl.SSLContext:
    """A server's context that logs each name as OpenSSL hands it out."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    def seen(tls: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        log.note(tls.client, name or "")  # type: ignore[attr-defined]

    context.sni_callback = seen
    return context


class ManyConnections(http.server.ThreadingHTTPServer):
    """An HTTP server at an address of either family."""

    daemon_threads = True
    request_queue_size = BACKLOG

    def __init__(self, address: str) -> None:
        self.address_family = family_of(address)
        super().__init__((address, HTTP_PORT), HttpServer)


def family_of(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def listening(address: str, kind: str) -> socket.socket:
    """A listening socket.   kind   fast: it takes data on a SYN, without a cookie (RFC 7413); multipath: RFC 8684"""
    one = socket.socket(family_of(address), socket.SOCK_STREAM, IPPROTO_MPTCP if kind == "multipath" else 0)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.bind((address, TLS_PORT))
    one.listen(BACKLOG)
    if kind == "fast":
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, BACKLOG)
        one.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, 1)
    return one


async def serve(certificate: str, key: str, log: Log, places: list[str]) -> None:
    """places: tls@ADDRESS, fast@ADDRESS (TLS with fast open), multipath@ADDRESS (TLS, too) or http@ADDRESS."""
    HttpServer.log = log
    context = context_of(certificate, key, log)
    loop = asyncio.get_running_loop()
    for kind, address in (place.split("@") for place in places):
        if kind == "http":
            threading.Thread(target=ManyConnections(address).serve_forever, daemon=True).start()
        else:
            await loop.create_server(lambda: TlsServer(context), sock=listening(address, kind))
    log.note(("ready", 0), "")
    await asyncio.Event().wait()


if __name__ == "__main__":
    with Path(sys.argv[3]).open("a") as file:
        asyncio.run(serve(sys.argv[1], sys.argv[2], Log(file), sys.argv[4:]))
