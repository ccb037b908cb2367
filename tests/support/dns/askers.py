"""One client's way to ask a front over each transport: `ask(query) -> answer`, one at a time."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, StreamEnded

from dns.base.length_prefix import framed, read_framed
from dns.front.front import DnsFront

PATIENCE_S = 60.0  # a loaded machine; an upstream that says nothing costs five
TRANSPORTS = ("udp", "tcp", "tls", "https")
Ask = Callable[[bytes], Awaitable[bytes]]


@asynccontextmanager
async def asker(front: DnsFront, transport: str, authority: Path) -> AsyncIterator[Ask]:
    """authority   the certificate to trust, where there is TLS"""
    if transport == "udp":
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.setblocking(False)
            asking.connect(front.bound[0])
            yield lambda query: _over_udp(asking, query)
        return
    at = {"tcp": front.bound, "tls": front.bound_tls, "https": front.bound_https}[transport][0]
    context = None if transport == "tcp" else ssl.create_default_context(cafile=str(authority))
    if context is not None and transport == "https":
        context.set_alpn_protocols(["h2"])
    name = None if context is None else "dns.test"
    reader, writer = await asyncio.open_connection(*at, ssl=context, server_hostname=name)
    try:
        yield _Http(reader, writer).ask if transport == "https" else lambda query: _over_stream(reader, writer, query)
    finally:
        writer.transport.abort()


async def _over_udp(asking: socket.socket, query: bytes) -> bytes:
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(PATIENCE_S):
        await loop.sock_sendall(asking, query)
        return await loop.sock_recv(asking, 65535)


async def _over_stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, query: bytes) -> bytes:
    async with asyncio.timeout(PATIENCE_S):
        writer.write(framed(query))
        return await read_framed(reader)


class _Http:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._h2 = H2Connection(H2Configuration(client_side=True))
        self._h2.initiate_connection()

    async def ask(self, query: bytes) -> bytes:
        stream = self._h2.get_next_available_stream_id()
        head = [(":method", "POST"), (":scheme", "https"), (":authority", "dns.test"), (":path", "/dns-query")]
        self._h2.send_headers(stream, [*head, ("content-type", "application/dns-message")])
        self._h2.send_data(stream, query, end_stream=True)
        answer, is_ended = b"", False
        async with asyncio.timeout(PATIENCE_S):
            while not is_ended:
                self._writer.write(self._h2.data_to_send())
                octets = await self._reader.read(65536)
                assert octets, "the front has closed the connection"
                for event in self._h2.receive_data(octets):
                    if isinstance(event, DataReceived):
                        answer += event.data
                        self._h2.acknowledge_received_data(event.flow_controlled_length, stream)
                    is_ended |= isinstance(event, StreamEnded)
        self._writer.write(self._h2.data_to_send())
        return answer
