"""A stream over QUIC that does not end, by aioquic: a server that goes on sending, and clients that count.

python quic_stream.py serve CERTIFICATE KEY ADDRESS…
python quic_stream.py read NAME ADDRESS FILE  FILE grows by an octet for each piece that comes; once FILE.moves is
                                              there, a client in silence moves to another port, and it grows by one
"""

import asyncio
import socket
import ssl
import sys
from pathlib import Path

from aioquic.asyncio.client import connect
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.asyncio.server import serve
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import QuicEvent, StreamDataReceived

EVERY_S = 0.05
MOVE_S = 0.5
PIECE = bytes(1000)
ALPN = ["h3"]


class Sending(QuicConnectionProtocol):
    """Sends a piece every `every_s` on each stream that its client begins."""

    every_s = EVERY_S

    def quic_event_received(self, event: QuicEvent) -> None:
        if isinstance(event, StreamDataReceived):
            self._send(event.stream_id)

    def _send(self, stream: int) -> None:
        self._quic.send_stream_data(stream, PIECE)
        self.transmit()
        asyncio.get_running_loop().call_later(self.every_s, self._send, stream)


async def serve_streams(certificate: str, key: str, addresses: list[str]) -> None:
    configuration = QuicConfiguration(is_client=False, alpn_protocols=ALPN)
    configuration.load_cert_chain(Path(certificate), Path(key))
    for address in addresses:
        await serve(address, 443, configuration=configuration, create_protocol=Sending)
    await asyncio.Event().wait()


async def read_stream(name: str, address: str, path: str) -> None:
    configuration = QuicConfiguration(alpn_protocols=ALPN, server_name=name, verify_mode=ssl.CERT_NONE)
    async with connect(address, 443, configuration=configuration) as client:
        reader, writer = await client.create_stream()
        writer.write(b"begin")
        while await _piece(client, reader, Path(f"{path}.moves")):
            _grow(Path(path))


async def _piece(client: QuicConnectionProtocol, reader: asyncio.StreamReader, moves: Path) -> bytes:
    """The next octets; while none come, the client moves to other ports, as browsers do, if it may."""
    reading = asyncio.ensure_future(reader.read(65536))  # noqa: TID251
    while not (await asyncio.wait([reading], timeout=MOVE_S))[0]:
        if moves.exists():
            await asyncio.get_running_loop().create_datagram_endpoint(lambda: client, sock=_any_port())
            client.change_connection_id()
            client.transmit()
            _grow(moves)
    return reading.result()


def _grow(file: Path) -> None:
    with file.open("ab", buffering=0) as its:
        its.write(b".")


def _any_port() -> socket.socket:
    one = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    one.bind(("::", 0))
    return one


if __name__ == "__main__":
    what, *told = sys.argv[1:]
    asyncio.run(serve_streams(told[0], told[1], told[2:]) if what == "serve" else read_stream(*told))
