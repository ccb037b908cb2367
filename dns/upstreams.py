"""Upstreams: their addresses, which one is in use, and asking one over TCP.

Invariants: the upstream in use is the first, in the operator's order, that answered when last asked; while none
answers, the last choice stays.  An upstream is an address, never a name: nobody here could resolve it; and never one
of our own endpoints: each query would go round for ever.
Source: RFC 7766 (TCP), RFC 1035 §4.2.2 (two octets of length).
"""
import asyncio
import ipaddress
import secrets
import socket
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from dns.errors import UpstreamFailed, UpstreamIsOurselves

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


def require_others(listen: Sequence[Endpoint], upstreams: Sequence[Endpoint]) -> None:
    """Raises UpstreamIsOurselves for an upstream whose queries would come back by one of `listen`, on this box now."""
    for upstream in upstreams:
        for endpoint in listen:
            if _meets(endpoint, upstream):
                raise UpstreamIsOurselves(
                    f"dns upstream {upstream}: it is this box, which listens at {endpoint}; not started; "
                    "name the resolver behind us"
                )


def _meets(listen: Endpoint, upstream: Endpoint) -> bool:
    here, there = ipaddress.ip_address(listen.host), _destination(upstream.host)
    if listen.port != upstream.port or listen.port == 0 or here.version != there.version:
        return False
    return here == there or (here.is_unspecified and is_local(Endpoint(str(there), upstream.port)))


def _destination(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Where Linux sends what is sent to `host`: mapped addresses are IPv4, and the unspecified one is the loopback."""
    address = ipaddress.ip_address(host)
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or address
    if address.is_unspecified:
        return ipaddress.ip_address("127.0.0.1" if address.version == 4 else "::1")
    return address


def is_local(endpoint: Endpoint) -> bool:
    """Whether the address is one of this box's own.

    Asked of the routes, which choose an own address as its own source: a bind() says yes to every address where
    ip_nonlocal_bind is set, as it is beside VRRP."""
    if ipaddress.ip_address(endpoint.host).is_loopback:
        return True
    with socket.socket(_family(endpoint), socket.SOCK_DGRAM) as asking:
        try:
            asking.connect(endpoint)
        except OSError:     # no route, so it is not here
            return False
        source = ipaddress.ip_address(asking.getsockname()[0])
    return source.packed == ipaddress.ip_address(endpoint.host).packed


def _family(endpoint: Endpoint) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in endpoint.host else socket.AF_INET


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
    with socket.socket(_family(upstream), socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sock:
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
