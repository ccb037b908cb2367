"""A client that queries an upstream over a stream as a DNS loop does, and answers for its played server."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from dnslib import DNSRecord
from support.dns.dot_servers import Peer

from dns.base.stream_client import StreamUpstream
from fastpath.dns.edns import query_for_upstream
from filterd.lab.patience import Patience


def query(name: str = "free.test") -> bytes:
    """As the loop and streams write it."""
    return query_for_upstream(bytes(DNSRecord.question(name).pack()))


def answer_to(asked: bytes, more: bytes = b"") -> bytes:
    record = DNSRecord.parse(asked)
    record.ar = []
    return bytes(record.reply().pack()) + more


async def answering(asked: bytes, peer: Peer) -> None:
    peer.say(answer_to(asked))


async def silent(asked: bytes, peer: Peer) -> None:
    pass


@asynccontextmanager
async def running(upstream: StreamUpstream) -> AsyncIterator[StreamUpstream]:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(upstream.run())
        try:
            yield upstream
        finally:
            task.cancel()


async def until(look: Callable[[], object]) -> None:
    patience = Patience(60)
    while not look():
        assert not patience.is_over(), "waited 60 s in vain"
        await asyncio.sleep(0.005)


class End(socket.socket):
    """The loop's."""

    def __init__(self, upstream: StreamUpstream, is_insistent: bool = False) -> None:
        descriptor = upstream.open_insistent_end() if is_insistent else upstream.open_end()
        super().__init__(socket.AF_UNIX, socket.SOCK_DGRAM, 0, descriptor)
        self.setblocking(False)

    async def heard(self, n_octets: int = 65535) -> bytes:
        async with asyncio.timeout(60):
            return await asyncio.get_running_loop().sock_recv(self, n_octets)

    def has_heard(self) -> bool:
        with contextlib.suppress(BlockingIOError):
            return bool(self.recv(1, socket.MSG_PEEK))
        return False
