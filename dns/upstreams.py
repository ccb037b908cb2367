"""Upstreams: their addresses, which one is in use, and asking one over TCP.

Invariants: the upstream in use is the first, in the operator's order, that answered when last asked; while none
answers, the last choice stays.  An upstream is an address, never a name: nobody here could resolve it.
Source: RFC 7766 (TCP), RFC 1035 §4.2.2 (two octets of length).
"""
import asyncio
import ipaddress
import secrets
import socket
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from dns.errors import UpstreamFailed

# A resolver that needs longer has lost its client, which repeats after 5 s (resolv.conf(5)).
PATIENCE_S: Final = 5.0
PROBE_EVERY_S: Final = 1.0
PROBE_PATIENCE_S: Final = 1.0
PROBE_TRIES: Final = 2
# The root's SOA, recursion desired: every resolver has it or can say that it has not.
PROBE: Final = b"\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00" b"\x00" b"\x00\x06\x00\x01"


class Endpoint(NamedTuple):
    """An address and a port; the address as text without brackets."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_endpoint(text: str) -> Endpoint:
    """Read 'ADDR:PORT' or '[ADDR6]:PORT'.   Raises ValueError, saying what is wrong."""
    host, colon, port = text.rpartition(":")
    is_bracketed = host.startswith("[") and host.endswith("]")
    host = host[1:-1] if is_bracketed else host
    if not colon or is_bracketed != (":" in host):
        raise ValueError(f"{text!r}: not an address and a port; not used; write 192.0.2.1:53 or [2001:db8::1]:53")
    if not (port.isascii() and port.isdigit() and int(port) <= 65535):
        raise ValueError(f"{text!r}: {port!r} is not a port; not used; write a number up to 65535")
    try:
        ipaddress.ip_address(host)
    except ValueError as exc:
        raise ValueError(f"{text!r}: {host!r} is not an address; not used; names cannot be resolved here") from exc
    return Endpoint(host, int(port))


async def ask(upstream: Endpoint, query: bytes, patience_s: float = PATIENCE_S) -> bytes:
    """The upstream's answer to `query` over one TCP connection.   Raises UpstreamFailed."""
    try:
        async with asyncio.timeout(patience_s):
            answer = await _exchange(upstream, query)
    except (OSError, EOFError) as exc:
        said = type(exc).__name__
        raise UpstreamFailed(f"upstream {upstream}: {said} over TCP; not answered; is it running") from exc
    if len(answer) < 12 or answer[:2] != query[:2] or not answer[2] & 0x80:
        raise UpstreamFailed(f"upstream {upstream}: it sent no answer to the query; dropped; what listens there")
    return answer


async def _exchange(upstream: Endpoint, query: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(upstream.host, upstream.port)
    try:
        writer.write(len(query).to_bytes(2, "big") + query)
        await writer.drain()
        return await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
    finally:
        writer.close()


async def is_answering(upstream: Endpoint, patience_s: float = PROBE_PATIENCE_S) -> bool:
    """Whether the upstream answers a small question over UDP, whatever it says."""
    loop = asyncio.get_running_loop()
    family = socket.AF_INET6 if ":" in upstream.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sock:
        query = secrets.token_bytes(2) + PROBE
        try:
            async with asyncio.timeout(patience_s):
                await loop.sock_connect(sock, upstream)
                await loop.sock_sendall(sock, query)
                while (await loop.sock_recv(sock, 4096))[:2] != query[:2]:
                    continue
        except OSError:
            return False
    return True


async def watch(upstreams: Sequence[Endpoint], use: Callable[[int], None], every_s: float = PROBE_EVERY_S) -> None:
    """Call `use` with the index of the first upstream that answers, again and again; for a single one, return."""
    while len(upstreams) > 1:
        await choose(upstreams, use)
        await asyncio.sleep(every_s)


async def choose(upstreams: Sequence[Endpoint], use: Callable[[int], None]) -> None:
    """Ask them in order and `use` the first that answers; none: change nothing."""
    for index, upstream in enumerate(upstreams):
        for _ in range(PROBE_TRIES):
            if await is_answering(upstream):
                use(index)
                return
