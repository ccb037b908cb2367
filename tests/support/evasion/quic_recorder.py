"""QUIC servers that say which names they completed, and answer requests over HTTP/3.

python quic_recorder.py CERTIFICATE KEY LOG PLACE…

PLACE: plain@ADDRESS@PORT, or retry@…, where a client must bring a token, or first@…, of version 1 alone.  LOG as of
recorder.py, by the same clients.
"""

import asyncio
import socket
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

from aioquic import tls
from aioquic._buffer import Buffer
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.asyncio.server import QuicServer
from aioquic.h3.connection import H3Connection, Setting
from aioquic.h3.events import HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ProtocolNegotiated, QuicEvent
from aioquic.quic.packet import QuicProtocolVersion
from support.evasion.recorder import Log

SO_RCVBUFFORCE = 33  # <asm-generic/socket.h>
RECEIVE_OCTETS = 32 << 20
IDLE_S = 5.0  # most clients here say nothing after their hello


class StaticTable(H3Connection):
    """HTTP/3 without QPACK's dynamic table.

    curl with OpenSSL's QUIC refers to entries that it never sends where a busy machine answers it quickly, and waits
    for ever (https://github.com/curl/curl/issues/21463)."""

    def _get_local_settings(self) -> dict[int, int]:
        return super()._get_local_settings() | {Setting.QPACK_MAX_TABLE_CAPACITY: 0, Setting.QPACK_BLOCKED_STREAMS: 0}


class Recording:
    """Hands each hello that aioquic has read whole to the log, with the client whose datagram was read last."""

    def __init__(self, log: Log) -> None:
        self._log, self._client = log, ("", 0)
        self._read = tls.pull_client_hello
        tls.pull_client_hello = self._hello

    def _hello(self, buf: Buffer) -> tls.ClientHello:
        hello = self._read(buf)
        self._log.note(self._client, hello.server_name or "")
        return hello

    def protocol(self) -> type[QuicConnectionProtocol]:
        outer = self

        class Protocol(QuicConnectionProtocol):
            http: StaticTable | None = None

            def datagram_received(self, data: bytes | str, addr: tuple[str, int]) -> None:
                outer._client = addr[:2]
                super().datagram_received(data, addr)

            def quic_event_received(self, event: QuicEvent) -> None:
                if isinstance(event, ProtocolNegotiated):
                    self.http = StaticTable(self._quic)
                for each in self.http.handle_event(event) if self.http else ():
                    if isinstance(each, HeadersReceived):
                        self.http.send_headers(each.stream_id, [(b":status", b"200"), (b"content-length", b"2")])
                        self.http.send_data(each.stream_id, b"ok", end_stream=True)
                        self.transmit()

        return Protocol


def listening(address: str, port: int) -> socket.socket:
    """A socket that keeps what comes while Python thinks: a hello takes it milliseconds."""
    one = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    one.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_OCTETS)
    one.bind((address, port))
    return one


async def run(certificate: str, key: str, log: Log, places: list[str]) -> None:
    configuration = QuicConfiguration(is_client=False, idle_timeout=IDLE_S, alpn_protocols=["h3"])
    configuration.load_cert_chain(Path(certificate), Path(key))
    first = replace(configuration, supported_versions=[QuicProtocolVersion.VERSION_1])
    protocol = Recording(log).protocol()
    loop = asyncio.get_running_loop()
    for kind, address, port in (place.split("@") for place in places):
        await loop.create_datagram_endpoint(
            partial(
                QuicServer,
                configuration=first if kind == "first" else configuration,
                create_protocol=protocol,
                retry=kind == "retry",
            ),
            sock=listening(address, int(port)),
        )
    log.note(("ready", 1), "")
    await asyncio.Event().wait()


if __name__ == "__main__":
    with Path(sys.argv[3]).open("a") as file:
        asyncio.run(run(sys.argv[1], sys.argv[2], Log(file), sys.argv[4:]))
