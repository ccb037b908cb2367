"""Hostile stream clients, on the loopback alone: a program of its own, so that it has its own core.

    attackers.py TCP TLS HTTPS CONNECTIONS SECONDS

Each connection does one thing wrong as fast as it is let, and comes again when it is closed.  Clients that the box
serves are 127.0.0.10 to .19, all others 127.0.1.1 to .250.  Prints one JSON object: connections and octets by kind.
"""

import asyncio
import base64
import contextlib
import itertools
import json
import secrets
import ssl
import struct
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator

from h2.config import H2Configuration
from h2.connection import H2Connection

HOST = "127.0.0.1"
AGAIN_S = 0.05
N_REQUESTS, N_UNREAD, N_NEW = 400, 100, 50
TINY = bytes(4) + bytes(8)  # a header without a question: the least that is answered
LISTED = b"\0\1\1\0\0\1" + bytes(6) + b"\6listed\4test\0\0\1\0\1"
Misdeed = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def framed(message: bytes) -> bytes:
    return len(message).to_bytes(2, "big") + message


def frame(kind: int, flags: int, stream_id: int, body: bytes = b"") -> bytes:
    return struct.pack("!I", len(body))[1:] + struct.pack("!BBI", kind, flags, stream_id) + body


def requests(is_reset: bool) -> bytes:
    """A connection's whole HTTP/2 with N_REQUESTS queries, each taken back at once or not."""
    h2 = H2Connection(H2Configuration(client_side=True))
    h2.initiate_connection()
    query = base64.urlsafe_b64encode(LISTED).rstrip(b"=").decode()
    for _ in range(N_REQUESTS if is_reset else N_UNREAD):
        stream_id = h2.get_next_available_stream_id()
        head = [(":method", "GET"), (":scheme", "https"), (":authority", "dns.test")]
        h2.send_headers(stream_id, [*head, (":path", f"/dns-query?dns={query}")], end_stream=True)
        if is_reset:
            h2.reset_stream(stream_id)
    return h2.data_to_send()


PIPELINED = framed(TINY) * 2000 + framed(LISTED) * 1000
RESETS, UNREAD = requests(is_reset=True), requests(is_reset=False)
BEGUN = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0)
CONTINUATIONS = BEGUN + frame(1, 0, 1, b"\x83") + frame(9, 0, 1, bytes(16000)) * 30
PINGS = BEGUN + frame(6, 0, 0, bytes(8)) * 3000


async def pour(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, make: Callable[[], bytes], is_read: bool
) -> None:
    """Send what is made until the connection ends, and read answers or not."""
    async with asyncio.TaskGroup() as group:
        drinking = group.create_task(drink(reader)) if is_read else None
        while drinking is None or not drinking.done():
            writer.write(make())
            await writer.drain()


async def drink(reader: asyncio.StreamReader) -> None:
    while await reader.read(65536):
        pass


async def pipeline(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await pour(reader, writer, lambda: PIPELINED, is_read=True)


def new_questions() -> bytes:
    """Questions that no cache has, for the upstreams."""
    return b"".join(framed(LISTED.replace(b"listed", secrets.token_hex(3).encode())) for _ in range(N_NEW))


async def ask_anew(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await pour(reader, writer, new_questions, is_read=True)


async def read_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await pour(reader, writer, lambda: PIPELINED, is_read=False)


async def say(octets: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(octets)
    await drink(reader)


async def dribble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """An octet a second of a message that never ends."""
    for octet in itertools.chain(b"\xff\xff", itertools.repeat(0)):
        writer.write(bytes([octet]))
        await writer.drain()
        await asyncio.sleep(1)
        if reader.at_eof():
            return


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await say(RESETS, reader, writer)


async def ping(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await say(PINGS, reader, writer)


async def continue_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await say(CONTINUATIONS, reader, writer)


async def leave_unread(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(UNREAD)
    await asyncio.sleep(60)


async def begin_tls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await say(b"\x16\x03\x01", reader, writer)


# (what it is called, the port's place in argv, whether TLS is spoken, whether a served client does it, what, its share)
KINDS: tuple[tuple[str, int, bool, bool, Misdeed, int], ...] = (
    ("pipelined TCP", 0, False, True, pipeline, 15),
    ("questions for upstreams", 0, False, True, ask_anew, 5),
    ("pipelined TCP from outside", 0, False, False, pipeline, 20),
    ("pipelined DoT", 1, True, True, pipeline, 10),
    ("DoH resets", 2, True, True, reset, 15),
    ("DoH resets from outside", 2, True, False, reset, 5),
    ("DoH pings", 2, True, True, ping, 5),
    ("DoH continuations", 2, True, True, continue_head, 5),
    ("slow readers", 0, False, True, read_nothing, 3),
    ("slow readers of DoH", 2, True, True, leave_unread, 2),
    ("half handshakes", 1, False, True, begin_tls, 10),
    ("slowloris", 0, False, True, dribble, 5),
)


class Attack:
    """All of them.   ports  TCP, TLS, HTTPS"""

    def __init__(self, ports: list[int]) -> None:
        self._ports = ports
        self._context = ssl.create_default_context()
        self._context.check_hostname, self._context.verify_mode = False, ssl.CERT_NONE
        self.n_connections: Counter[str] = Counter()

    async def run(self, n: int) -> None:
        async with asyncio.TaskGroup() as group:
            for number, kind in enumerate(itertools.islice(_in_turn(), n)):
                group.create_task(self._go_on(number, *kind))

    async def _go_on(
        self, number: int, name: str, port: int, is_tls: bool, is_served: bool, misdeed: Misdeed, _: int
    ) -> None:
        source = f"127.0.0.{10 + number % 10}" if is_served else f"127.0.1.{1 + number % 250}"
        while True:
            with contextlib.suppress(OSError, EOFError, ExceptionGroup):
                reader, writer = await asyncio.open_connection(
                    HOST, self._ports[port], ssl=self._context if is_tls else None, local_addr=(source, 0)
                )
                self.n_connections[name] += 1
                try:
                    await misdeed(reader, writer)
                finally:
                    writer.transport.abort()
            await asyncio.sleep(AGAIN_S)


def _in_turn() -> Iterator[tuple[str, int, bool, bool, Misdeed, int]]:
    """Kinds by their shares, of a hundred, and again."""
    return itertools.cycle([kind for kind in KINDS for _ in range(kind[-1])])


async def main() -> None:
    *ports, n, seconds = map(int, sys.argv[1:])
    attack = Attack(ports)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await attack.run(n)
    print(json.dumps(attack.n_connections))


if __name__ == "__main__":
    asyncio.run(main())
