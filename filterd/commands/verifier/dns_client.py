"""Asks a resolver over UDP, TCP, TLS and HTTPS; the messages are dnslib's.

Over TCP and TLS all questions of one connection are sent at once (RFC 7766 §6.2.1.1), over HTTPS as streams of one
connection (RFC 8484, by h2).  Certificates are not checked: what is asked is whether names are blocked.
Invariants: an answer counts for the question with its id alone, and only if it repeats that question's name.
"""

import asyncio
import contextlib
import socket
import ssl
import struct
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import NamedTuple

from dnslib import EDNS0, QTYPE, DNSError, DNSRecord
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, StreamEnded, StreamReset
from h2.exceptions import H2Error

from filterd.commands.verifier.seen import ANSWER, FAULT, NO_PATH, SILENCE, Observation

PATIENCE_S = 3.0
TRIES = 2
EDE_OPTION = 15  # RFC 8914 §2
AT_ONCE = 40  # datagrams in flight: a burst would meet the limit of one client
STREAMS = 80  # of one HTTP/2 connection
CONNECTION_FAULTS = (OSError, EOFError, TimeoutError, H2Error)


class DnsQuestion(NamedTuple):
    """A question of DNS.   at  see filterd.commands.verifier.questions"""

    at: int
    name: str


Report = Callable[[Observation], None]


def message_of(named: DnsQuestion, number: int) -> bytes:
    """The query: A, IN, recursion desired, EDNS of 1232 octets.   number  its id"""
    query = DNSRecord.question(named.name, "A")
    query.header.id = number
    query.add_ar(EDNS0(udp_len=1232))
    return bytes(query.pack())


def read_answer(named: DnsQuestion, octets: bytes) -> Observation:
    """What an answer says."""
    try:
        record = DNSRecord.parse(octets)
        options = [option for each in record.ar if each.rtype == QTYPE.OPT for option in each.rdata]
        ede = [int.from_bytes(bytes(each.data)[:2]) for each in options if each.code == EDE_OPTION]
        data = [str(each.rdata) for each in record.rr]
        name = str(record.q.qname).rstrip(".").lower()
    except (DNSError, ValueError, LookupError, AttributeError, struct.error) as reason:  # an answer without a question
        return Observation(named.at, FAULT, _now(), said=f"answer: {type(reason).__name__}")
    if name != named.name:
        return Observation(named.at, FAULT, _now(), said="answer to another question")
    return Observation(named.at, ANSWER, _now(), rcode=record.header.rcode, ede=ede, data=data)


async def ask_udp(several: Sequence[DnsQuestion], server: tuple[str, int], report: Report) -> None:
    """Each from a socket of its own, sent twice at most."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def ask(number: int, named: DnsQuestion) -> None:
        async with gate:
            report(await _ask_datagram(named, number, server))

    await asyncio.gather(*(ask(number, each) for number, each in _numbered(several)))


async def _ask_datagram(named: DnsQuestion, number: int, server: tuple[str, int]) -> Observation:
    loop = asyncio.get_running_loop()
    with socket.socket(_family(server[0]), socket.SOCK_DGRAM) as own:
        own.setblocking(False)
        try:
            own.connect(server)
            for _ in range(TRIES):
                await loop.sock_sendall(own, message_of(named, number))
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(PATIENCE_S):
                        return read_answer(named, await _of_number(own, number))
        except OSError as reason:
            return Observation(named.at, NO_PATH, _now(), said=str(reason))
    return Observation(named.at, SILENCE, _now())


async def _of_number(own: socket.socket, number: int) -> bytes:
    while True:
        octets = await asyncio.get_running_loop().sock_recv(own, 65535)
        if octets[:2] == number.to_bytes(2):
            return octets


async def ask_tcp(several: Sequence[DnsQuestion], server: tuple[str, int], report: Report) -> None:
    """All on one connection."""
    await _ask_stream(several, report, lambda: asyncio.open_connection(*server))


async def ask_tls(several: Sequence[DnsQuestion], server: tuple[str, int], report: Report) -> None:
    """The same over TLS (RFC 7858)."""
    await _ask_stream(several, report, lambda: asyncio.open_connection(*server, ssl=_context("dot")))


async def _ask_stream(
    several: Sequence[DnsQuestion],
    report: Report,
    connect: Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]],
) -> None:
    waiting, said = dict(_numbered(several)), ""
    try:
        async with asyncio.timeout(PATIENCE_S):
            reader, writer = await connect()
    except CONNECTION_FAULTS as reason:
        _report_all(waiting, NO_PATH, str(reason) or type(reason).__name__, report)
        return
    try:
        for number, named in waiting.items():
            octets = message_of(named, number)
            writer.write(len(octets).to_bytes(2) + octets)
        await writer.drain()
        while waiting:
            async with asyncio.timeout(PATIENCE_S):
                octets = await reader.readexactly(int.from_bytes(await reader.readexactly(2)))
            found = waiting.pop(int.from_bytes(octets[:2]), None)
            if found is not None:
                report(read_answer(found, octets))
    except CONNECTION_FAULTS as reason:
        said = str(reason) or type(reason).__name__
    finally:
        writer.close()
    _report_all(waiting, SILENCE, said, report)


async def ask_https(several: Sequence[DnsQuestion], server: tuple[str, int], report: Report) -> None:
    """Each as a POST of one connection."""
    waiting = dict(_numbered(several))
    try:
        async with asyncio.timeout(PATIENCE_S):
            reader, writer = await asyncio.open_connection(*server, ssl=_context("h2"))
    except CONNECTION_FAULTS as reason:
        _report_all(waiting, NO_PATH, str(reason) or type(reason).__name__, report)
        return
    said = ""
    try:
        await _exchange(waiting, reader, writer, server, report)
    except CONNECTION_FAULTS as reason:
        said = str(reason) or type(reason).__name__
    finally:
        writer.close()
    _report_all(waiting, SILENCE, said, report)


async def _exchange(
    waiting: dict[int, DnsQuestion],
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    server: tuple[str, int],
    report: Report,
) -> None:
    """Send at most STREAMS at once, and read until each has been answered."""
    connection = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
    connection.initiate_connection()
    unsent, streams, bodies = list(waiting), dict[int, int](), dict[int, bytes]()
    while waiting:
        while unsent and len(streams) < STREAMS:
            number = unsent.pop(0)
            streams[_post(connection, server, message_of(waiting[number], 0))] = number
        writer.write(connection.data_to_send())
        async with asyncio.timeout(PATIENCE_S):
            octets = await reader.read(65535)
        if not octets:
            raise EOFError("the server has ended the connection")
        for event in connection.receive_data(octets):
            if isinstance(event, DataReceived):
                bodies[event.stream_id] = bodies.get(event.stream_id, b"") + event.data
                connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, (StreamEnded, StreamReset)) and event.stream_id in streams:
                found = waiting.pop(streams.pop(event.stream_id))
                report(read_answer(found, bodies.pop(event.stream_id, b"")))


def _post(connection: H2Connection, server: tuple[str, int], octets: bytes) -> int:
    stream = connection.get_next_available_stream_id()
    host = f"[{server[0]}]" if ":" in server[0] else server[0]
    head = [(":method", "POST"), (":scheme", "https"), (":authority", host), (":path", "/dns-query")]
    kind = "application/dns-message"
    head += [("content-type", kind), ("accept", kind), ("content-length", str(len(octets)))]
    connection.send_headers(stream, head)
    connection.send_data(stream, octets, end_stream=True)
    return int(stream)


def _context(protocol: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols([protocol])
    return context


def _numbered(several: Sequence[DnsQuestion]) -> Iterator[tuple[int, DnsQuestion]]:
    return enumerate(several, 1)


def _report_all(waiting: dict[int, DnsQuestion], kind: str, said: str, report: Report) -> None:
    for named in waiting.values():
        report(Observation(named.at, kind, _now(), said=said))


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _now() -> int:
    return int(time.time() * 1000)
