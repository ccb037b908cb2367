"""Servers of QUIC in this process: which names they take from their clients' Initials.

    aioquic, aioquic with Retry    a server that we did not write
    any, first kept · last kept    takes whatever some server may take: every connection ID, version and packet number;
                                   of overlapping octets the older or the newer ones count

Each takes datagrams, and notes a name as soon as it has a whole hello.
"""

import functools
import ssl
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

from adversary.quic_actions import Path as NetworkPath
from aioquic import tls
from aioquic._buffer import Buffer, BufferReadError
from aioquic.quic import packet as quic_packet
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from aioquic.quic.events import ConnectionIdIssued
from aioquic.quic.packet import QuicPacketType, QuicProtocolVersion, pull_quic_header
from support.packets.initials import DRAFT_29, V1, V2, crypto, crypto_in, initial, opened
from support.system.certificates import make_certificate

LEAST_OCTETS = 1200
CONNECTION_ID_OCTETS = 8
RETRY_ID, TOKEN = b"\x55" * 8, b"a token"
SERVER_ID = b"\x66" * 8
MOST_DIGITS = 32


class QuicReader(ABC):
    """One server.   Answers are datagrams for the path that they came from."""

    def __init__(self) -> None:
        self.served: list[str] = []

    @abstractmethod
    def take(self, datagram: bytes, path: NetworkPath, now_s: float) -> list[bytes]: ...


# -- aioquic -----------------------------------------------------------------------------------------------------------


@functools.cache
def configuration() -> QuicConfiguration:
    found = QuicConfiguration(
        is_client=False,
        alpn_protocols=["h3"],
        verify_mode=ssl.CERT_NONE,
        supported_versions=[QuicProtocolVersion.VERSION_1, QuicProtocolVersion.VERSION_2],
    )
    with tempfile.TemporaryDirectory() as folder:
        found.load_cert_chain(*make_certificate(Path(folder), "allowed.test"))
    return found


class Aioquic(QuicReader):
    """aioquic's connections, found by connection ID as its server finds them."""

    def __init__(self, has_retry: bool = False) -> None:
        super().__init__()
        self.has_retry = has_retry
        self.connections: dict[bytes, QuicConnection] = {}

    def take(self, datagram: bytes, path: NetworkPath, now_s: float) -> list[bytes]:
        try:
            header = pull_quic_header(Buffer(data=datagram), host_cid_length=CONNECTION_ID_OCTETS)
        except ValueError:
            return []
        if header.version is not None and header.version not in (V1, V2):
            return []
        connection = self.connections.get(header.destination_cid)
        if connection is None:
            if len(datagram) < LEAST_OCTETS or header.packet_type is not QuicPacketType.INITIAL:
                return []
            if self.has_retry and header.token != TOKEN:
                return [self._retry(header)]
            connection = self._begin(header)
        with patch.object(tls, "pull_client_hello", self._pull):
            connection.receive_datagram(datagram, (path.client, path.sport), now_s)
        self._learn(connection)
        return [octets for octets, _ in connection.datagrams_to_send(now_s)]

    def _pull(self, buffer: Buffer) -> tls.ClientHello:
        hello = _PULL(buffer)
        self.served.append(hello.server_name or "")
        return hello

    def _begin(self, header: quic_packet.QuicHeader) -> QuicConnection:
        original = header.destination_cid
        retried = original if self.has_retry else None
        found = QuicConnection(
            configuration=configuration(),
            original_destination_connection_id=original,
            retry_source_connection_id=retried,
        )
        self.connections[header.destination_cid] = self.connections[found.host_cid] = found
        return found

    def _learn(self, connection: QuicConnection) -> None:
        while (event := connection.next_event()) is not None:
            if isinstance(event, ConnectionIdIssued):
                self.connections[event.connection_id] = connection

    def _retry(self, header: quic_packet.QuicHeader) -> bytes:
        assert header.version is not None
        return quic_packet.encode_quic_retry(header.version, RETRY_ID, header.source_cid, header.destination_cid, TOKEN)


_PULL = tls.pull_client_hello


# -- whatever some server may take -------------------------------------------------------------------------------------


@dataclass
class Connection:
    """One connection: the ID that its keys come from, its octets, and how far they were read."""

    key: bytes
    is_last_kept: bool
    path: NetworkPath
    octets: bytearray = field(default_factory=bytearray)
    has: bytearray = field(default_factory=bytearray)
    largest: int = -1
    read: int = 0
    is_over: bool = False

    def put(self, offset: int, octets: bytes) -> None:
        missing = bytes(max(0, offset + len(octets) - len(self.has)))
        self.octets += missing
        self.has += missing
        for at, octet in enumerate(octets, offset):
            if self.is_last_kept or not self.has[at]:
                self.octets[at] = octet
        self.has[offset : offset + len(octets)] = b"\x01" * len(octets)

    def hellos(self) -> list[bytes]:
        """The messages that have become whole."""
        n = self.has.find(0)
        whole = bytes(self.octets[: n if n >= 0 else len(self.has)])
        found = []
        while self.read + 4 <= len(whole):
            end = self.read + 4 + int.from_bytes(whole[self.read + 1 : self.read + 4], "big")
            if end > len(whole):
                break
            found.append(whole[self.read : end])
            self.read = end
        return found


class AnyServer(QuicReader):
    """Opens what any key that a server may hold opens, of datagrams of any size."""

    def __init__(self, is_last_kept: bool) -> None:
        super().__init__()
        self.is_last_kept = is_last_kept
        self.connections: list[Connection] = []
        self.has_answered = False

    def take(self, datagram: bytes, path: NetworkPath, now_s: float) -> list[bytes]:
        buffer, answers = Buffer(data=datagram), []
        while not buffer.eof():
            start = buffer.tell()
            try:
                header = pull_quic_header(buffer, host_cid_length=CONNECTION_ID_OCTETS)
            except (ValueError, BufferReadError):
                break
            end = start + header.packet_length
            if header.packet_type is QuicPacketType.INITIAL and header.version in (V1, V2, DRAFT_29):
                answers += self._initial(datagram[start:end], header, buffer.tell() - start, path)
            buffer.seek(end)
        return answers

    def _initial(self, packet: bytes, header: quic_packet.QuicHeader, pn_at: int, path: NetworkPath) -> list[bytes]:
        assert header.version is not None
        for connection in [*self.connections, Connection(header.destination_cid, self.is_last_kept, path)]:
            numbers = (None, *self._completed(connection.largest))
            for number in numbers:
                frames = opened(packet, header.version, pn_at, connection.key, number=number)
                if frames is not None:
                    return self._frames(connection, frames, header)
        return []

    def _completed(self, largest: int) -> list[int]:
        """Packet numbers that a short form may stand for: tried one by one, as few are sent."""
        return list(range(max(0, largest - 3), largest + 4)) if largest > 0 else []

    def _frames(self, connection: Connection, frames: bytes, header: quic_packet.QuicHeader) -> list[bytes]:
        assert header.version is not None
        if connection not in self.connections:
            self.connections.append(connection)
        connection.largest += 1
        try:
            for offset, octets in crypto_in(frames):
                if offset < 1 << 17:
                    connection.put(offset, octets)
        except (ValueError, BufferReadError):
            pass
        for message in connection.hellos():
            if not connection.is_over:
                connection.is_over = not self._read(message)
        answer = initial(
            crypto(0, b"\x02\x00\x00\x04abcd"),
            version=header.version,
            dcid=header.source_cid,
            scid=SERVER_ID,
            keyed=connection.key,
            side=b"server in",
            size=LEAST_OCTETS,
        )
        return [answer]

    def _read(self, message: bytes) -> bool:
        """Whether it is a hello: every server ends a connection at another message."""
        try:
            self.served.append(_PULL(Buffer(data=message)).server_name or "")
        except (tls.Alert, ValueError, BufferReadError, AssertionError):
            return False
        return True


READERS: dict[str, Callable[[], QuicReader]] = {
    "aioquic": Aioquic,
    "aioquic with Retry": functools.partial(Aioquic, True),
    "any, first kept": functools.partial(AnyServer, False),
    "any, last kept": functools.partial(AnyServer, True),
}
