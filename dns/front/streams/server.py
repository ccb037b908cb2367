"""The stream server of a front: DNS over TCP, and over TLS and HTTPS with a certificate.

Invariant: all three answer by one AnswerPath, which has one writer of counters and one spool.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from dns.base.certificates import Certificates
from dns.base.endpoints import Endpoint
from dns.front.streams.acceptor import (
    DEFAULT_LIMITS,
    ENCRYPTED_LIMITS,
    Acceptor,
    Connection,
    Converse,
    Door,
    StreamLimits,
)
from dns.front.streams.answer_path import AnswerPath
from dns.front.streams.device_tokens import Tokens
from dns.front.streams.http2 import HttpStream
from dns.front.streams.tcp import MessageStream
from dns.front.streams.turns import Turns
from fastpath.dns.admission import ClientGuard
from fastpath.images.tables import TableSet


@dataclass(frozen=True, slots=True)
class Encryption:
    """Listeners and files of TLS and HTTPS.   name: the certificate's; device tokens precede it in server names."""

    certificate: Path
    key: Path
    tls: Sequence[Endpoint] = ()
    https: Sequence[Endpoint] = ()
    name: str | None = None
    limits: StreamLimits = ENCRYPTED_LIMITS


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """The operator's settings for streams.

    encryption   None: TCP alone
    proxies      prefixes of proxies, which send a PROXY header first; the same holds for the front's UDP"""

    limits: StreamLimits = DEFAULT_LIMITS
    encryption: Encryption | None = None
    proxies: Sequence[IPv4Network | IPv6Network] = ()

    @property
    def tls(self) -> Sequence[Endpoint]:
        return self.encryption.tls if self.encryption else ()

    @property
    def https(self) -> Sequence[Endpoint]:
        return self.encryption.https if self.encryption else ()


DEFAULT_PLAN = StreamPlan()
# A handshake costs 1 ms: a client that does nothing else has 2 % of a core.  A school behind NAT comes back at once.
HANDSHAKES_PER_S, HANDSHAKE_BURST = 20, 200


class StreamServer:
    """Answers the connections of listening sockets.   Raises BadCertificate.

    guard   which addresses are clients, by prefix alone; None: all"""

    def __init__(self, path: AnswerPath, plan: StreamPlan = DEFAULT_PLAN, guard: ClientGuard | None = None) -> None:
        self._path = path
        self._plan = plan
        self._guard = guard
        self._acceptors: dict[str, Acceptor] = {}
        wanted = plan.encryption
        self._tokens = Tokens(wanted.name if wanted else None, path.counters)
        self._certificates = Certificates(wanted.certificate, wanted.key, self._tokens.takes_name) if wanted else None

    def use(self, tables: TableSet) -> None:
        """Use the device tokens of `tables`."""
        self._tokens.tables = tables

    async def serve(
        self,
        turns: Turns,
        tcp: Sequence[socket.socket],
        tls: Sequence[socket.socket],
        https: Sequence[socket.socket],
    ) -> None:
        """Serve until cancelled; connections still open are then cut."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._acceptor("tcp", self._tcp(), turns).serve(tcp))
            if self._certificates and self._plan.encryption:
                limits = self._plan.encryption.limits
                group.create_task(self._acceptor("tls", self._tls(self._certificates, limits), turns).serve(tls))
                group.create_task(self._acceptor("https", self._https(self._certificates, limits), turns).serve(https))
                group.create_task(self._certificates.watch())

    def connections(self) -> dict[str, int]:
        """Transport → connections that are open now; from any thread."""
        return {transport: acceptor.n_open for transport, acceptor in list(self._acceptors.items())}

    def _acceptor(self, transport: str, door: Door, turns: Turns) -> Acceptor:
        acceptor = Acceptor(door, self._path.counters, turns)
        self._acceptors[transport] = acceptor
        return acceptor

    def _tcp(self) -> Door:
        stream = MessageStream(self._path, self._plan.limits, _client)
        return Door(stream.converse, self._plan.limits, None, self._plan.proxies, self._guard)

    def _tls(self, certificates: Certificates, limits: StreamLimits) -> Door:
        def judged_as(connection: Connection) -> str | None:
            client = None if connection.is_stranger else connection.client
            judged = self._tokens.judged_as(certificates.name_asked(connection.tls), client)
            if judged is None:
                self._path.counters.add("dns_streams_not_ours")
            return judged

        stream = MessageStream(self._path, limits, judged_as, "dns_tls_queries")
        return self._encrypted(stream.converse, limits, certificates.dot)

    def _https(self, certificates: Certificates, limits: StreamLimits) -> Door:
        stream = HttpStream(self._path, limits, self._tokens)
        return self._encrypted(stream.converse, limits, certificates.h2)

    def _encrypted(self, converse: Converse, limits: StreamLimits, context: Callable[[], ssl.SSLContext]) -> Door:
        handshakes = ClientGuard(["0.0.0.0/0", "::/0"], HANDSHAKES_PER_S, HANDSHAKE_BURST)
        return Door(converse, limits, context, self._plan.proxies, self._guard, handshakes)


def _client(connection: Connection) -> str:
    return connection.client
