"""Handshakes of aioquic's client and server whose datagrams pass a gate, both ways; no socket is opened."""

import asyncio
import ssl
from dataclasses import dataclass, field
from typing import Any

from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.asyncio.server import QuicServer
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from aioquic.quic.events import HandshakeCompleted
from aioquic.quic.packet import QuicProtocolVersion
from support.gate.lab import BLOCKED, DROPPED, Lab
from support.packets.builders import Client
from support.system.certificates import make_certificate

from fastpath.gate.marks import MARK_REPLY

ROUNDS = 40  # of datagrams in both directions: a handshake takes five
LONG_ALPN = [str(n) * 240 for n in range(6)]  # makes a hello of two datagrams, as a post-quantum key share does


class Cable(asyncio.DatagramTransport):
    """Keeps what a server sends."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []

    def sendto(self, data: Any, addr: Any = None) -> None:
        self.sent.append(bytes(data))

    def close(self) -> None:
        self.sent.clear()


@dataclass
class Handshake:
    """One client, one server, and the gate between them; `states` are the gate's of all that was queued."""

    lab: Lab
    ends: Client
    state: int = 0
    states: list[int] = field(default_factory=list)
    is_complete: bool = False

    def passes(self, datagram: bytes, ends: Client, bits: int = 0) -> bool:
        """Whether the gate lets a datagram pass; as the kernel's rules do, only long headers come to it."""
        if not datagram[0] & 0x80:
            return True
        state = self.lab.send_datagram(datagram, ends, self.state, bits)
        self.states.append(state)
        if state not in (BLOCKED, DROPPED):
            self.state = state
        return state not in (BLOCKED, DROPPED)

    def answer_passes(self, datagram: bytes) -> bool:
        ends = self.ends
        return self.passes(datagram, Client(ends.dst, ends.src, ends.dport, ends.sport), MARK_REPLY)

    async def run(self, client: QuicConnection, server: QuicServer, cable: Cable) -> None:
        address, loop = (self.ends.src, self.ends.sport), asyncio.get_running_loop()
        server.connection_made(cable)
        client.connect((self.ends.dst, self.ends.dport), loop.time())
        for _ in range(ROUNDS):
            for datagram, _ in client.datagrams_to_send(loop.time()):
                if self.passes(datagram, self.ends):
                    server.datagram_received(datagram, address)
            await asyncio.sleep(0)
            for datagram in cable.sent:
                if self.answer_passes(datagram):
                    client.receive_datagram(datagram, (self.ends.dst, self.ends.dport), loop.time())
            cable.sent.clear()
            while (event := client.next_event()) is not None:
                self.is_complete |= isinstance(event, HandshakeCompleted)
        server.close()


def handshake(
    lab: Lab,
    ends: Client,
    *,
    name: str = "www.allowed.test",
    retry: bool = False,
    alpn: tuple[str, ...] = (),
    first: int = 1,
    client_versions: tuple[int, ...] = (1,),
    server_versions: tuple[int, ...] = (1,),
) -> Handshake:
    """A handshake through the gate.

    first   the version in which the client begins"""
    here = Handshake(lab, ends)
    asyncio.run(_run(here, name, retry, ["h3", *alpn], first, client_versions, server_versions))
    return here


async def _run(
    here: Handshake, name: str, retry: bool, alpn: list[str], first: int, ours: tuple[int, ...], theirs: tuple[int, ...]
) -> None:
    client = QuicConnection(
        configuration=QuicConfiguration(
            is_client=True,
            alpn_protocols=alpn,
            server_name=name,
            verify_mode=ssl.CERT_NONE,
            original_version=QuicProtocolVersion(first),
            supported_versions=[QuicProtocolVersion(each) for each in ours],
        )
    )
    configuration = QuicConfiguration(
        is_client=False, alpn_protocols=["h3"], supported_versions=[QuicProtocolVersion(each) for each in theirs]
    )
    configuration.load_cert_chain(*make_certificate(here.lab.folder, name))
    server = QuicServer(configuration=configuration, create_protocol=QuicConnectionProtocol, retry=retry)
    await here.run(client, server, Cable())
