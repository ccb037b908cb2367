"""A primary of a policy zone that a test plays: versions, changes between them, IXFR and AXFR."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable

from dns.base.message import Message, Record, read_message, write_message
from dns.base.wire_format import AXFR, IXFR, QR, SOA

APEX = b"\3rpz\4test\0"
A_MESSAGE = 1000  # records


def soa(serial: int) -> Record:
    timers = b"".join(n.to_bytes(4, "big") for n in (serial, 300, 60, 86400, 60))
    return Record(APEX, SOA, 1, 60, b"\2ns\0\4host\0" + timers)


def rule(number: int) -> Record:
    return Record(b"\5n%04d\4test" % number + APEX, 5, 1, 60, b"\0")


class PlayedPrimary:
    """A primary that has versions of a zone and tells the changes between them."""

    def __init__(self) -> None:
        self.serial, self.zone = 1, [rule(number) for number in range(100)]
        self.steps: list[tuple[int, list[Record], list[Record]]] = []
        self.has_ixfr = True
        self.asked: list[int] = []

    def change(self, removed: Iterable[int] = (), added: Iterable[int] = (), more: Iterable[Record] = ()) -> None:
        gone, new = [rule(number) for number in removed], [*(rule(number) for number in added), *more]
        self.steps.append((self.serial, gone, new))
        self.zone = [each for each in self.zone if each not in gone] + new
        self.serial += 1

    def records(self, query: Message) -> list[Record]:
        question = query.questions[0]
        self.asked.append(question.qtype)
        newest = soa(self.serial)
        if question.qtype == AXFR:
            return [newest, *self.zone, newest]
        if question.qtype == SOA:
            return [newest]
        serial = int.from_bytes(query.authorities[0].rdata[2:6], "big")
        if serial >= self.serial:
            return [newest]
        found = [newest]
        for old, removed, added in self.steps:
            if old >= serial:
                found += [soa(old), *removed, soa(old + 1), *added]
        return [*found, newest]

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError), contextlib.closing(writer):
            octets = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
            query = read_message(octets)
            is_refused = query.questions[0].qtype == IXFR and not self.has_ixfr
            records = [] if is_refused else self.records(query)
            for at in range(0, len(records) or 1, A_MESSAGE):
                flags = QR | (4 if is_refused else 0)
                answer = write_message(query.id, flags, query.questions, records[at : at + A_MESSAGE])
                writer.write(len(answer).to_bytes(2, "big") + answer)
            await writer.drain()

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[int]:
        """Its port of the loopback."""
        server = await asyncio.start_server(self.converse, "127.0.0.1", 0)
        async with server:
            yield server.sockets[0].getsockname()[1]
