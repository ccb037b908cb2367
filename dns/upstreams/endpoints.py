"""Upstreams: their addresses, and asking them over TCP; over TLS: dns/upstreams/stream_client.py.

Invariants: an upstream is an address, never a name: nobody here could resolve it; and never one of our own endpoints:
each query would go round for ever.
Absent on purpose: which one is well and fast; the loop learns that of its own traffic
(fastpath/dns/upstream_health.pyx).
Source: RFC 7766 (TCP), RFC 1035 §4.2.2 (two octets of length).
"""

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NamedTuple

from dns.errors import UpstreamFailed, UpstreamIsOurselves
from dns.length_prefix import framed, read_framed

# A resolver that needs longer has lost its client, which repeats after 5 s (resolv.conf(5)).
PATIENCE_S: Final = 5.0
TLS_SCHEME: Final = "tls://"
FAILURES: Final = (2, 5)  # SERVFAIL, REFUSED: another one may well know better
OTHERS_AFTER_S: Final = 1.5  # a SYN that was lost is sent again after 1 s


class Endpoint(NamedTuple):
    """An address and a port; the address as text without brackets."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class TlsEndpoint(NamedTuple):
    """An upstream that is asked over TLS.   name: what its certificate has to name; empty: its address"""

    host: str
    port: int
    name: str = ""

    def __str__(self) -> str:
        return f"{TLS_SCHEME}{Endpoint(self.host, self.port)}{'#' if self.name else ''}{self.name}"


Upstream = Endpoint | TlsEndpoint
Ask = Callable[[bytes, float], Awaitable[bytes]]  # (query, patience_s) → answer;  raises UpstreamFailed


def parse_upstream(text: str) -> Upstream:
    """Read 'ADDR:PORT', 'tls://ADDR:PORT#NAME' or 'tls://ADDR:PORT'.   Raises ValueError, saying what is wrong."""
    if not text.startswith(TLS_SCHEME):
        return parse_endpoint(text)
    from rules.names.canonical import canonical_name  # late: it brings the IDNA tables, which a worker does without

    at, hash_sign, name = text.removeprefix(TLS_SCHEME).partition("#")
    endpoint = parse_endpoint(at)
    try:
        return TlsEndpoint(*endpoint, canonical_name(name) if hash_sign else "")
    except ValueError as exc:
        raise ValueError(f"{text!r}: {name!r} is not a host name; not used; write what its certificate names") from exc


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


def require_others(listen: Sequence[Endpoint], upstreams: Sequence[Upstream]) -> None:
    """Raises UpstreamIsOurselves for an upstream whose queries would come back by one of `listen`, on this box now."""
    for upstream in upstreams:
        for endpoint in listen:
            if _meets(endpoint, upstream):
                raise UpstreamIsOurselves(
                    f"dns upstream {upstream}: it is this box, which listens at {endpoint}; not started; "
                    "name the resolver behind us"
                )


def _meets(listen: Endpoint, upstream: Upstream) -> bool:
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
        except OSError:  # no route, so it is not here
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
        writer.write(framed(query))
        await writer.drain()
        return await read_framed(reader)
    finally:
        writer.close()


async def ask_in_order(upstreams: Sequence[Ask], query: bytes) -> bytes:
    """The answer of the first that gives a useful one; each but the last has a share of the patience.

    upstreams   at least one; the loop's preference.   Raises UpstreamFailed, the last one's"""
    for upstream in upstreams[:-1]:
        with contextlib.suppress(UpstreamFailed):
            answer = await upstream(query, OTHERS_AFTER_S)
            if answer[3] & 0x0F not in FAILURES:
                return answer
    return await upstreams[-1](query, PATIENCE_S)
