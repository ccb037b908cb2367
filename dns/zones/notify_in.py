"""Receives NOTIFY: a primary announces a new version of a zone.

Invariants: a NOTIFY only causes a pull.  So it is accepted unsigned from the addresses of the zone's primaries; a
signature, if present, must be valid.  Other messages get no answer, and an answer is never longer than its request,
except for a signature.
Source: RFC 1996 §3, §4.7; RFC 8945 §5.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

from dns.base.length_prefix import framed, read_framed
from dns.base.message import BadMessage, Message, read_header, read_message, shown, write_message
from dns.base.wire_format import AA, FORMERR, HEADER_OCTETS, NOERROR, NOTIFY, OPCODE_SHIFT, QR, REFUSED, SOA, opcode_of
from dns.zones.tsig import AnswerSigner, BadSignature, Key, VerifiedQuery, check_query, refusal

log = logging.getLogger("dns.zones.notify_in")

MAPPED: Final = "::ffff:"
MAX_OCTETS: Final = 1024  # a question, a SOA and a signature
MAX_CONNECTIONS: Final = 20  # of a few primaries, each with one now and then
PATIENCE_S: Final = 5.0


class SecondaryZone(NamedTuple):
    """A zone to accept NOTIFY for.   hosts  the addresses of its primaries"""

    hosts: frozenset[str]
    key: Key | None


Zones = Mapping[bytes, SecondaryZone]  # by apex, in wire form, folded


class NotifyReceiver(asyncio.DatagramProtocol):
    """Answers NOTIFY.   zones  those in force;   notified  called with the apex of a changed zone"""

    def __init__(self, zones: Callable[[], Zones], notified: Callable[[bytes], None]) -> None:
        self._zones, self._notified = zones, notified
        self._transport: asyncio.DatagramTransport | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is open."""
        assert isinstance(transport, asyncio.DatagramTransport)
        self._transport = transport

    def datagram_received(self, octets: bytes, peer: tuple[str | int, ...]) -> None:
        """Answer one datagram."""
        answer = self.answer(octets, str(peer[0]).removeprefix(MAPPED), int(time.time()))
        if answer and self._transport is not None:
            self._transport.sendto(answer, peer)

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one TCP connection, as Knot DNS uses."""
        if len(self._writers) >= MAX_CONNECTIONS:
            writer.transport.abort()
            return
        self._writers.add(writer)
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._converse(reader, writer)
        except (TimeoutError, OSError, asyncio.IncompleteReadError):
            pass  # it has gone, or says nothing
        finally:
            self._writers.discard(writer)
            writer.close()

    def cut(self) -> None:
        """Close all connections."""
        for writer in self._writers:
            writer.transport.abort()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host = str(writer.get_extra_info("peername")[0]).removeprefix(MAPPED)
        while True:
            try:
                octets = await read_framed(reader, MAX_OCTETS)
            except ValueError:  # no NOTIFY is that long
                return
            answer = self.answer(octets, host, int(time.time()))
            if answer is None:
                return
            writer.write(framed(answer))
            await writer.drain()

    def answer(self, octets: bytes, host: str, now_s: int) -> bytes | None:
        """Answer a message; None: no answer."""
        if len(octets) < HEADER_OCTETS:
            return None
        identity, flags, *_ = read_header(octets)
        if flags & QR or opcode_of(flags) != NOTIFY:
            return None
        try:
            return self._answer(octets, read_message(octets), host, now_s)
        except BadMessage:
            return write_message(identity, QR | NOTIFY << OPCODE_SHIFT | FORMERR, [])

    def _answer(self, octets: bytes, message: Message, host: str, now_s: int) -> bytes:
        if len(message.questions) != 1 or message.questions[0].qtype != SOA:
            raise BadMessage("no question for a SOA")
        apex = message.questions[0].qname
        watched = self._zones().get(apex)
        if watched is None or host not in watched.hosts:
            log.info("NOTIFY for %s from %s: refused; not a primary of this zone", shown(apex), host)
            return _said(message, REFUSED)
        keys = {} if watched.key is None else {watched.key.name: watched.key}
        try:
            asked = check_query(octets, keys, now_s)
        except BadSignature as bad:
            log.warning("NOTIFY for %s from %s: refused: %s", shown(apex), host, bad)
            return refusal(_said(message, NOERROR), bad, now_s)
        self._notified(apex)
        return _signed(_said(message, NOERROR), asked, now_s)


@asynccontextmanager
async def listening(
    endpoints: Iterable[tuple[str, int]], zones: Callable[[], Zones], notified: Callable[[bytes], None]
) -> AsyncIterator[None]:
    """Sockets for NOTIFY, for as long as the block lasts.   Raises OSError with a note on where."""
    opened: list[asyncio.DatagramTransport | asyncio.Server] = []
    receivers: list[NotifyReceiver] = []
    try:
        for host, port in endpoints:
            receivers.append(receiver := NotifyReceiver(zones, notified))
            try:
                opened.append(await _open_udp(receiver, host, port))
                opened.append(await asyncio.start_server(receiver.converse, host, port, limit=MAX_OCTETS))
            except OSError as reason:
                reason.add_note(f"notify {host} {port}: not bound; is the address on this box, and the port free")
                raise
        yield
    finally:
        for each in opened:
            each.close()
        for receiver in receivers:
            receiver.cut()


async def _open_udp(receiver: NotifyReceiver, host: str, port: int) -> asyncio.DatagramTransport:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: receiver, local_addr=(host, port))
    return transport


def _said(message: Message, rcode: int) -> bytes:
    return write_message(message.id, QR | AA | NOTIFY << OPCODE_SHIFT | rcode, message.questions)


def _signed(answer: bytes, asked: VerifiedQuery, now_s: int) -> bytes:
    return answer if asked.key is None else AnswerSigner(asked.key, asked.mac).sign(answer, now_s)
