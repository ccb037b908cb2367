"""A DNS loop whose upstreams have streams, too: the test plays the process that carries them."""

import socket
from contextlib import ExitStack

from dnslib import DNSRecord
from support.dns.loop_bench import WAIT_S, Bench
from support.images.opened import Images

CACHE_OCTETS = 4 << 20


class Streamed(Bench):
    """A loop whose upstreams have streams, played at `streams`."""

    def __init__(
        self,
        images: Images,
        stack: ExitStack,
        n_upstreams: int = 1,
        hosts: tuple[str, ...] = ("127.0.0.1",),
        cache_octets: int = CACHE_OCTETS,
    ) -> None:
        pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(n_upstreams)]
        self.streams = [stack.enter_context(ours) for ours, _ in pairs]
        for ours, theirs in pairs:
            ours.settimeout(WAIT_S)
            theirs.setblocking(False)
        super().__init__(
            images, stack, hosts, n_upstreams, cache_octets=cache_octets, streams=[theirs.detach for _, theirs in pairs]
        )

    def truncate(self, name: str = "free.test", qtype: str = "TXT", upstream: int = 0) -> DNSRecord:
        """Ask, and let the upstream truncate; what its stream is asked then."""
        self.ask(name, qtype)
        self.cut(upstream)
        return self.streamed(upstream)

    def cut(self, upstream: int = 0) -> None:
        """Truncate the answer to what this upstream was asked next."""
        asked, sender = self.forwarded(upstream)
        self.reply(truncated(asked), sender, upstream)

    def streamed(self, upstream: int = 0) -> DNSRecord:
        return DNSRecord.parse(self.streams[upstream].recv(512))

    def say(self, message: bytes, upstream: int = 0) -> None:
        """Over the stream."""
        self.streams[upstream].send(message)
        self.turn(100)


def truncated(asked: DNSRecord) -> bytes:
    reply = asked.reply()
    reply.header.tc = 1
    return bytes(reply.pack())
