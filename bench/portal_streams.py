"""Streams that do not end, in small pieces, over TLS and over QUIC: what bench/portal_tap.py cuts.

python bench/portal_streams.py serve CERTIFICATE KEY ADDRESS…
python bench/portal_streams.py tls|quic NAME ADDRESS FILE   FILE holds when the last octets came, a double of
                                                            time.monotonic(); a stream that stops is begun again
"""

import asyncio
import contextlib
import mmap
import ssl
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from aioquic.asyncio.client import connect
from aioquic.asyncio.server import serve
from aioquic.quic.configuration import QuicConfiguration
from support.gate import quic_stream
from support.gate.quic_stream import ALPN, PIECE

PORT = 443
EVERY_S = 0.005  # so much too early a last octet can seem
SILENCE_S = 1.0  # after it a stream has ended
AGAIN_S = 0.1

Note = Callable[[], None]


class Sending(quic_stream.Sending):
    """In smaller steps: their size is how far a last octet can be from the cut."""

    every_s = EVERY_S


async def serve_streams(certificate: str, key: str, addresses: list[str]) -> None:
    of_quic = QuicConfiguration(is_client=False, alpn_protocols=ALPN)
    of_quic.load_cert_chain(Path(certificate), Path(key))
    of_tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    of_tls.load_cert_chain(certificate, key)
    for address in addresses:
        await serve(address, PORT, configuration=of_quic, create_protocol=Sending)
        await asyncio.start_server(_pour, address, PORT, ssl=of_tls)
    await asyncio.Event().wait()


async def _pour(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while True:
            writer.write(PIECE)
            await writer.drain()
            await asyncio.sleep(EVERY_S)
    writer.transport.abort()


async def watch(kind: str, name: str, address: str, path: str) -> None:
    """Read one stream after another, and note when octets come."""
    with Path(path).open("r+b") as file:  # noqa: ASYNC230  # once, before anything runs
        noted = mmap.mmap(file.fileno(), 8)

    def note() -> None:
        struct.pack_into("=d", noted, 0, time.monotonic())

    one = _over_tls if kind == "tls" else _over_quic
    while True:
        with contextlib.suppress(OSError):  # TimeoutError, ConnectionError and ssl.SSLError are some
            await one(name, address, note)
        await asyncio.sleep(AGAIN_S)


async def _over_tls(name: str, address: str, note: Note) -> None:
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    async with asyncio.timeout(SILENCE_S):
        reader, writer = await asyncio.open_connection(address, PORT, ssl=trusting, server_hostname=name)
    try:
        await _read(reader, note)
    finally:
        writer.transport.abort()


async def _over_quic(name: str, address: str, note: Note) -> None:
    configuration = QuicConfiguration(alpn_protocols=ALPN, server_name=name, verify_mode=ssl.CERT_NONE)
    configuration.idle_timeout = SILENCE_S
    async with connect(address, PORT, configuration=configuration) as client:
        reader, writer = await client.create_stream()
        writer.write(b"begin")
        await _read(reader, note)


async def _read(reader: asyncio.StreamReader, note: Note) -> None:
    """Read until nothing comes."""
    while True:
        async with asyncio.timeout(SILENCE_S):
            if not await reader.read(65536):
                return
        note()


if __name__ == "__main__":
    what, *said = sys.argv[1:]
    asyncio.run(
        serve_streams(said[0], said[1], said[2:]) if what == "serve" else watch(what, said[0], said[1], said[2])
    )
