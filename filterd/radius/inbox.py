"""The inbox: datagrams of the accounting port that wait, and answers that may be asked for again.

Invariants: a request that comes again while its first copy is being worked on is left out, and one that was answered is
answered again with the same octets; there is room for so many, and what is beyond it is dropped and counted: a NAS
repeats what is not answered.
Source: RFC 5080 §2.2.2 (a repeated request has address, port, identifier and authenticator of the first).
"""

import asyncio
import contextlib
import socket
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import NamedTuple

from dns.base.endpoints import Endpoint

MOST_WAITING = 20_000  # ten seconds of what one box is made for
MOST_ANSWERS = 20_000
RECEIVE_OCTETS = 8 << 20  # of the socket; the kernel gives as much of it as net.core.rmem_max allows
AUTHENTICATOR = slice(1, 20)  # with identifier and length


class Datagram(NamedTuple):
    """A datagram and where it came from.   socket: that it came to"""

    octets: bytes
    host: str
    port: tuple[object, ...]
    transport: asyncio.DatagramTransport

    @property
    def key(self) -> tuple[object, ...]:
        """What tells a repeated one."""
        return (*self.port[:2], self.octets[AUTHENTICATOR])

    def answer(self, octets: bytes) -> None:
        """Send an answer to where it came from."""
        if not self.transport.is_closing():
            self.transport.sendto(octets, self.port)


class Inbox:
    """What came to one socket or several.   count: of a counter"""

    def __init__(self, count: Callable[[str], None]) -> None:
        self._count = count
        self._waiting: list[Datagram] = []
        self._answers: OrderedDict[tuple[object, ...], bytes] = OrderedDict()
        self.has_some = asyncio.Event()

    def take(self) -> list[Datagram]:
        """What waits."""
        taken, self._waiting = self._waiting, []
        self.has_some.clear()
        return taken

    def answer_of(self, datagram: Datagram) -> bytes | None:
        """The answer that this request has had; b"": it is being worked on;  None: it is new."""
        return self._answers.get(datagram.key)

    def begin(self, datagram: Datagram) -> None:
        """This request is being worked on."""
        self._answers[datagram.key] = b""
        while len(self._answers) > MOST_ANSWERS:
            self._answers.popitem(last=False)

    def end(self, datagram: Datagram, answer: bytes | None) -> None:
        """It was answered; None: it was not, and may come again."""
        if answer is None:
            self._answers.pop(datagram.key, None)
        else:
            self._answers[datagram.key] = answer
            datagram.answer(answer)

    def receive(self, octets: bytes, address: tuple[object, ...], transport: asyncio.DatagramTransport) -> None:
        """A datagram has come."""
        self._count("radius_requests")
        if len(self._waiting) >= MOST_WAITING:
            self._count("radius_refused")
            return
        self._waiting.append(Datagram(octets, str(address[0]), address, transport))
        self.has_some.set()


class _Socket(asyncio.DatagramProtocol):
    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[object, ...]) -> None:
        assert isinstance(self._transport, asyncio.DatagramTransport)
        self._inbox.receive(data, addr, self._transport)


async def listen(places: Sequence[Endpoint], inbox: Inbox) -> list[asyncio.BaseTransport]:
    """Listen at these places.   Raises OSError"""
    loop = asyncio.get_running_loop()
    opened: list[asyncio.BaseTransport] = []
    for place in places:
        bound = _bound(place)
        opened.append((await loop.create_datagram_endpoint(lambda: _Socket(inbox), sock=bound))[0])
    return opened


def _bound(place: Endpoint) -> socket.socket:
    family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    try:
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        with contextlib.suppress(OSError):
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_OCTETS)
        listener.bind((place.host, place.port))
    except OSError as reason:
        listener.close()
        raise OSError(reason.errno, f"{place}: {reason.strerror}") from reason
    return listener
